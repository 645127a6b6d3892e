import pytest

from tests.doors.rest.client import PASSWORD, RestClient

NEW = {"username": "newcomer", "password": "a long enough one"}


def test_an_account_shows_itself_and_others_see_less(api):
    api.upload("one", "user")
    mine = api.done("GET", "/user", "user")
    assert (mine["username"], mine["role"], mine["uploads"], mine["groups"]) == ("user", "user", 1, 1)
    assert mine["enabled"] is True
    number = api.user("user").id
    assert api.done("GET", f"/users/{number}", "other")["enabled"] is None
    assert api.done("GET", f"/users/{number}", "admin")["enabled"] is True
    assert api.done("GET", f"/users/{number}")["username"] == "user"
    api.refused(404, "GET", "/users/999")


def test_accounts_are_listed_to_accounts(api):
    api.user("user")
    api.refused(401, "GET", "/users")
    listing = api.done("GET", "/users?search=US", "other")
    assert [each["username"] for each in listing["data"]] == ["user"]
    assert listing["meta"]["total"] == 1


def test_accounts_are_made_by_admins_alone_unless_registration_is_open(api):
    api.refused(401, "POST", "/users", json=NEW)
    api.refused(403, "POST", "/users", "moderator", json=NEW)
    assert api.done("POST", "/users", "admin", 201, json=NEW)["role"] == "user"
    api.refused(409, "POST", "/users", "admin", json=NEW | {"username": "NEWCOMER"})


def test_anyone_registers_where_that_is_open_as_a_user(tmp_path):
    api = RestClient(tmp_path, registration=True)
    api.refused(401, "POST", "/users", json=NEW | {"role": "admin"})
    assert api.done("POST", "/users", status=201, json=NEW)["role"] == "user"
    api.close()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"username": "a b"}, "username"),
        ({"username": "\u0430dmin"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "a" * 33}, "username"),
        ({"password": "short"}, "password"),
        ({"role": "owner"}, "role"),
        ({"role": 1}, "role"),
        ({"id": 1}, "id"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_the_reason(api, change, name):
    error = api.refused(422, "POST", "/users", "admin", json=NEW | change)
    assert list(error["details"]) == [name]


def test_admins_change_roles_and_let_in_or_not(api):
    number = api.user("user").id
    api.refused(403, "PATCH", f"/users/{number}", "moderator", json={"role": "admin"})
    assert api.done("PATCH", f"/users/{number}", "admin", json={"role": "moderator"})["role"] == "moderator"
    assert api.done("PATCH", f"/users/{number}", "admin", json={"enabled": False})["enabled"] is False
    api.refused(403, "GET", "/user", "user")
    api.refused(404, "PATCH", "/users/999", "admin", json={"enabled": False})
    own = api.user("admin").id
    api.refused(409, "PATCH", f"/users/{own}", "admin", json={"role": "user"})
    api.refused(409, "PATCH", f"/users/{own}", "admin", json={"enabled": False})


def test_a_password_is_changed_with_the_current_one(api):
    path = f"/users/{api.user('user').id}/password"
    new = "another long one"
    api.refused(401, "PUT", path, "user", json={"password": new})
    api.refused(401, "PUT", path, "user", json={"password": new, "current_password": "wrong one here"})
    api.refused(403, "PUT", path, "other", json={"password": new, "current_password": PASSWORD})
    api.now += 3600
    api.done("PUT", path, "user", 204, json={"password": new, "current_password": PASSWORD})
    api.done("POST", "/login", json={"username": "user", "password": new})
    api.done("PUT", path, "admin", 204, json={"password": PASSWORD})
    api.done("POST", "/login", json={"username": "user", "password": PASSWORD})


def test_tokens_are_minted_listed_suspended_and_revoked(api):
    given = api.done(
        "POST",
        "/tokens",
        "user",
        201,
        json={"scope": "rest", "label": "script", "expires_in": 60},
    )
    told = given["token"]
    assert (told["scope"], told["label"], told["expires_at"]) == ("rest", "script", "2023-11-14T22:14:20Z")
    proof = {"Authorization": f"Bearer {given['secret']}"}
    assert api.done("GET", "/user", headers=proof)["username"] == "user"
    listed = api.done("GET", "/tokens", "user")
    assert listed["data"][-1]["id"] == told["id"]
    assert "secret" not in listed["data"][-1]
    api.refused(403, "PATCH", f"/tokens/{told['id']}", "user", json={"suspended": True})
    api.done("PATCH", f"/tokens/{told['id']}", "admin", json={"suspended": True})
    api.refused(403, "GET", "/user", headers=proof)
    api.done("PATCH", f"/tokens/{told['id']}", "admin", json={"suspended": False})
    api.refused(404, "DELETE", f"/tokens/{told['id']}", "other")
    api.done("DELETE", f"/tokens/{told['id']}", "user", 204)
    api.refused(401, "GET", "/user", headers=proof)


def test_the_tokens_of_others_are_the_admins(api):
    number = api.user("user").id
    api.refused(403, "GET", f"/tokens?user={number}", "other")
    api.refused(403, "POST", "/tokens", "other", json={"scope": "rest", "user_id": number})
    api.done("GET", f"/tokens?user={number}", "admin")
    given = api.done("POST", "/tokens", "admin", 201, json={"scope": "gazelle", "user_id": number})
    assert given["token"]["user_id"] == number


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"scope": "root"}, "scope"),
        ({"label": "a" * 101}, "label"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 10**12}, "expires_in"),
        ({"methods": "all"}, "methods"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_the_reason(api, change, name):
    error = api.refused(422, "POST", "/tokens", "user", json={"scope": "rest"} | change)
    assert list(error["details"]) == [name]


def test_moderators_see_the_tracker_in_numbers(api):
    api.upload("one")
    told = api.done("GET", "/tracker", "moderator")
    assert (told["files"], told["torrents"], told["groups"]) == (1, 1, 1)
    api.refused(403, "GET", "/tracker", "user")
    api.refused(401, "GET", "/tracker")


def test_the_allow_list_is_kept_by_moderators(api):
    entry = {"info_hash": "ab" * 20, "reason": "because"}
    api.refused(403, "POST", "/tracker/allow", "user", json=entry)
    assert api.done("POST", "/tracker/allow", "moderator", 201, json=entry)["info_hash"] == "ab" * 20
    assert api.done("GET", "/tracker/allow", "moderator")["meta"]["total"] == 1
    assert api.done("GET", "/blocklist", "moderator")["meta"]["total"] == 0
    for bad in ("", "ab" * 19, "zz" * 20, 5):
        error = api.refused(422, "POST", "/tracker/allow", "moderator", json=entry | {"info_hash": bad})
        assert list(error["details"]) == ["info_hash"]
    api.done("DELETE", f"/tracker/allow/{'AB' * 20}", "moderator", 204)
    api.refused(404, "DELETE", f"/tracker/allow/{'ab' * 20}", "moderator")


def test_an_account_is_erased_by_itself_or_by_an_admin(api):
    user, other = api.user("user").id, api.user("other").id
    api.upload("one", "user")
    path = f"/users/{user}/erasure"
    api.refused(401, "POST", path, json={})
    api.refused(401, "POST", path, "user", json={"current_password": "no"})
    api.refused(403, "POST", path, "other", json={"current_password": PASSWORD})
    api.refused(422, "POST", path, "user", json={"current_password": PASSWORD, "writings": "burn"})
    api.done("POST", path, "user", 204, json={"current_password": PASSWORD, "writings": "delete"})
    api.refused(404, "GET", f"/users/{user}", "admin")
    assert api.done("GET", "/torrents")["data"][0]["uploader"] is None
    api.done("POST", f"/users/{other}/erasure", "admin", 204, json={})
    api.refused(404, "POST", f"/users/{other}/erasure", "admin", json={})
    last = api.user("admin").id
    api.refused(409, "POST", f"/users/{last}/erasure", "admin", json={"current_password": PASSWORD})
