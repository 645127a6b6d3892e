import pytest

from tests.doors.rest.desk import PASSWORD, Desk

NEW = {"username": "newcomer", "password": "a long enough one"}


def test_an_account_shows_itself_and_others_see_less(desk):
    desk.upload("one", "user")
    mine = desk.done("GET", "/user", "user")
    assert (mine["username"], mine["role"], mine["uploads"], mine["groups"]) == ("user", "user", 1, 1)
    assert mine["enabled"] is True
    number = desk.user("user").id
    assert desk.done("GET", f"/users/{number}", "other")["enabled"] is None
    assert desk.done("GET", f"/users/{number}", "admin")["enabled"] is True
    assert desk.done("GET", f"/users/{number}")["username"] == "user"
    desk.refused(404, "GET", "/users/999")


def test_accounts_are_listed_to_accounts(desk):
    desk.user("user")
    desk.refused(401, "GET", "/users")
    listing = desk.done("GET", "/users?search=US", "other")
    assert [each["username"] for each in listing["data"]] == ["user"]
    assert listing["meta"]["total"] == 1


def test_accounts_are_made_by_admins_alone_unless_registration_is_open(desk):
    desk.refused(401, "POST", "/users", json=NEW)
    desk.refused(403, "POST", "/users", "moderator", json=NEW)
    assert desk.done("POST", "/users", "admin", 201, json=NEW)["role"] == "user"
    desk.refused(409, "POST", "/users", "admin", json=NEW | {"username": "NEWCOMER"})


def test_anyone_registers_where_that_is_open_as_a_user(tmp_path):
    desk = Desk(tmp_path, registration=True)
    desk.refused(401, "POST", "/users", json=NEW | {"role": "admin"})
    assert desk.done("POST", "/users", status=201, json=NEW)["role"] == "user"
    desk.close()


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
def test_an_account_that_cannot_be_is_told_why(desk, change, name):
    error = desk.refused(422, "POST", "/users", "admin", json=NEW | change)
    assert list(error["details"]) == [name]


def test_admins_change_roles_and_let_in_or_not(desk):
    number = desk.user("user").id
    desk.refused(403, "PATCH", f"/users/{number}", "moderator", json={"role": "admin"})
    assert desk.done("PATCH", f"/users/{number}", "admin", json={"role": "moderator"})["role"] == "moderator"
    assert desk.done("PATCH", f"/users/{number}", "admin", json={"enabled": False})["enabled"] is False
    desk.refused(403, "GET", "/user", "user")
    desk.refused(404, "PATCH", "/users/999", "admin", json={"enabled": False})
    own = desk.user("admin").id
    desk.refused(409, "PATCH", f"/users/{own}", "admin", json={"role": "user"})
    desk.refused(409, "PATCH", f"/users/{own}", "admin", json={"enabled": False})


def test_a_password_is_changed_with_the_current_one(desk):
    path = f"/users/{desk.user('user').id}/password"
    new = "another long one"
    desk.refused(401, "PUT", path, "user", json={"password": new})
    desk.refused(401, "PUT", path, "user", json={"password": new, "current_password": "wrong one here"})
    desk.refused(403, "PUT", path, "other", json={"password": new, "current_password": PASSWORD})
    desk.now += 3600
    desk.done("PUT", path, "user", 204, json={"password": new, "current_password": PASSWORD})
    desk.done("POST", "/login", json={"username": "user", "password": new})
    desk.done("PUT", path, "admin", 204, json={"password": PASSWORD})
    desk.done("POST", "/login", json={"username": "user", "password": PASSWORD})


def test_tokens_are_minted_listed_suspended_and_revoked(desk):
    given = desk.done(
        "POST",
        "/tokens",
        "user",
        201,
        json={"scope": "rest", "label": "script", "expires_in": 60},
    )
    told = given["token"]
    assert (told["scope"], told["label"], told["expires_at"]) == ("rest", "script", "2023-11-14T22:14:20Z")
    proof = {"Authorization": f"Bearer {given['secret']}"}
    assert desk.done("GET", "/user", headers=proof)["username"] == "user"
    listed = desk.done("GET", "/tokens", "user")
    assert listed["data"][-1]["id"] == told["id"]
    assert "secret" not in listed["data"][-1]
    desk.refused(403, "PATCH", f"/tokens/{told['id']}", "user", json={"suspended": True})
    desk.done("PATCH", f"/tokens/{told['id']}", "admin", json={"suspended": True})
    desk.refused(403, "GET", "/user", headers=proof)
    desk.done("PATCH", f"/tokens/{told['id']}", "admin", json={"suspended": False})
    desk.refused(404, "DELETE", f"/tokens/{told['id']}", "other")
    desk.done("DELETE", f"/tokens/{told['id']}", "user", 204)
    desk.refused(401, "GET", "/user", headers=proof)


def test_the_tokens_of_others_are_the_admins(desk):
    number = desk.user("user").id
    desk.refused(403, "GET", f"/tokens?user={number}", "other")
    desk.refused(403, "POST", "/tokens", "other", json={"scope": "rest", "user_id": number})
    desk.done("GET", f"/tokens?user={number}", "admin")
    given = desk.done("POST", "/tokens", "admin", 201, json={"scope": "gazelle", "user_id": number})
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
def test_a_token_that_cannot_be_is_told_why(desk, change, name):
    error = desk.refused(422, "POST", "/tokens", "user", json={"scope": "rest"} | change)
    assert list(error["details"]) == [name]


def test_the_tracker_is_told_in_numbers_to_moderators(desk):
    desk.upload("one")
    told = desk.done("GET", "/tracker", "moderator")
    assert (told["files"], told["torrents"], told["groups"]) == (1, 1, 1)
    desk.refused(403, "GET", "/tracker", "user")
    desk.refused(401, "GET", "/tracker")


def test_the_allow_list_is_kept_by_moderators(desk):
    entry = {"info_hash": "ab" * 20, "reason": "because"}
    desk.refused(403, "POST", "/tracker/allow", "user", json=entry)
    assert desk.done("POST", "/tracker/allow", "moderator", 201, json=entry)["info_hash"] == "ab" * 20
    assert desk.done("GET", "/tracker/allow", "moderator")["meta"]["total"] == 1
    assert desk.done("GET", "/blocklist", "moderator")["meta"]["total"] == 0
    for bad in ("", "ab" * 19, "zz" * 20, 5):
        error = desk.refused(422, "POST", "/tracker/allow", "moderator", json=entry | {"info_hash": bad})
        assert list(error["details"]) == ["info_hash"]
    desk.done("DELETE", f"/tracker/allow/{'AB' * 20}", "moderator", 204)
    desk.refused(404, "DELETE", f"/tracker/allow/{'ab' * 20}", "moderator")
