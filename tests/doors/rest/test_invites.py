from tests.doors.rest.client import PASSWORD
from tracker.standing import ClassRule, WatchRules

NEW = {"username": "newcomer", "password": "a long enough one"}


def test_an_invite_is_granted_sent_used_once_and_seen_in_the_tree(api):
    user = api.user("user").id
    api.refused(409, "POST", "/invites", "user")
    api.refused(403, "POST", f"/users/{user}/invites", "user", json={"invites": 1})
    api.refused(422, "POST", f"/users/{user}/invites", "moderator", json={"invites": 0})
    assert api.done("POST", f"/users/{user}/invites", "moderator", json={"invites": 2}) == {"invites": 2}
    sent = api.done("POST", "/invites", "user", 201)
    assert sent["link"] == f"http://rest.test/join/{sent['code']}"
    assert api.done("GET", f"/users/{user}/stats", "user")["invites"] == 1

    api.refused(401, "POST", "/users", json=NEW)
    api.refused(422, "POST", "/users", json=NEW | {"password": "x", "invitation": sent["code"]})
    made = api.done("POST", "/users", status=201, json=NEW | {"invitation": sent["code"]})
    assert (made["username"], made["role"]) == ("newcomer", "user")
    api.refused(422, "POST", "/users", json=NEW | {"username": "second", "invitation": sent["code"]})
    api.refused(422, "POST", "/users", json=NEW | {"username": "second", "invitation": "zed"})

    (listed,) = api.done("GET", "/invites", "user")["data"]
    assert listed["user_id"] == made["id"]
    api.refused(403, "GET", f"/users/{user}/invited", "user")
    tree = api.done("GET", f"/users/{user}/invited", "moderator")["data"]
    assert [(each["username"], each["depth"]) for each in tree] == [("user", 0), ("newcomer", 1)]
    verbs = [entry["verb"] for entry in api.done("GET", "/log", "moderator")["data"]]
    assert verbs[:2] == ["invite", "grant-invites"]


def test_an_invitation_ends_and_is_withdrawn(api):
    sent = api.done("POST", "/invites", "admin", 201)
    api.now += 7 * 86_400
    api.refused(422, "POST", "/users", json=NEW | {"invitation": sent["code"]})
    api.refused(404, "DELETE", f"/invites/{sent['id']}", "user")
    api.done("DELETE", f"/invites/{sent['id']}", "admin", 204)
    assert api.done("GET", "/invites", "admin")["meta"]["total"] == 0


def test_how_an_account_stands_is_shown(api):
    user, standings = api.user("user").id, api.services.standings
    standings.classes = (ClassRule("Newcomer", invites=1),)
    standings.watch = WatchRules()
    api.run(standings.judge_all())
    stats = api.done("GET", f"/users/{user}/stats", "other")
    assert (stats["class_name"], stats["barred"], stats["invites"]) == ("Newcomer", None, None)
    own = api.done("GET", f"/users/{user}/stats", "user")
    assert (own["barred"], own["watched_until"], own["invites"]) == (False, None, 1)
    assert PASSWORD not in str(own)
