import asyncio
import re
from urllib.parse import urlsplit

import pytest

from accounts.model import Role, Scope
from doors.gazelle.door import ACTIONS
from tests.doors.gazelle.client import PASSWORD, open_gazelle, torrent_file

FORM = {"username": "ann", "password": PASSWORD}


def ask(api, authorization, method="GET", path="/ajax.php?action=index"):
    headers = [("Authorization", value) for value in authorization]
    return api.run(api.client.request(method, path, headers=headers))


def log_in(api, **fields):
    return api.run(api.client.post("/login.php", data=FORM | fields))


def cookie_of(api, **fields):
    answer = log_in(api, **fields)
    api.client.cookies.clear()
    return re.match(r"session=([^;]+)", answer.headers["set-cookie"])[1]


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "token {}", "{}"])
@pytest.mark.parametrize("path", ["/ajax.php?action=index", "/api.php?action=index"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_is_taken_in_three_forms(api, token, form, path, method):
    answer = ask(api, [form.format(token)], method, path)
    assert answer.status_code == 200
    assert answer.json()["response"]["username"] == "ann"


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        (["Basic YTpi"], "authorization type must be Bearer"),
        (["Digest x"], "authorization type must be Bearer"),
        (["Bearer"], "invalid token format"),
        ([""], "invalid token format"),
        (["Bearer a b"], "invalid token format"),
        (["Bearer a,b"], "invalid token format"),
        (["Bearer " + "a" * 300], "invalid token format"),
        (["Bearer a", "Bearer b"], "invalid token format"),
        (["Bearer pg_gazelle_" + "A" * 43], "invalid token"),
        (["nothing"], "invalid token"),
    ],
)
def test_a_token_that_is_none_fails_in_gazelles_words(api, ann, headers, error):
    answer = ask(api, headers)
    assert (answer.status_code, answer.json()["error"]) == (200, error)


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.GAZELLE}))
def test_a_key_of_another_scope_is_no_token(api, ann, scope):
    assert ask(api, [f"Bearer {api.token(ann, scope)}"]).json()["error"] == "invalid token"


def test_a_revoked_token_fails_as_revoked(api, ann):
    key, secret = api.run(api.accounts.mint(ann.id, Scope.GAZELLE))
    assert api.ask(secret, "index")
    api.run(api.accounts.revoke(key.id))
    assert api.fail(secret, "index") == "token revoked"


def test_a_suspended_token_fails_as_revoked(api, ann):
    key, secret = api.run(api.accounts.mint(ann.id, Scope.GAZELLE))
    api.run(api.accounts.suspend(key.id, suspended=True))
    assert api.fail(secret, "index") == "token revoked"


def test_an_expired_token_fails_as_revoked(api, ann):
    secret = api.token(ann, lifetime=3600)
    assert api.ask(secret, "index")
    api.now += 3601
    assert api.fail(secret, "index") == "token revoked"


def test_the_token_of_a_disabled_account_fails_as_disabled(api, ann, token):
    api.run(api.accounts.set_enabled(ann.id, enabled=False))
    assert api.fail(token, "index") == "user disabled"


def test_a_token_for_some_actions_opens_no_other(api, ann):
    secret = api.token(ann, methods=frozenset({"index"}))
    assert api.ask(secret, "index")["passkey"] == ""
    assert api.fail(secret, "stats") == "The key may not call this method."


@pytest.mark.parametrize("path", ["/ajax.php?action=index", "/torrents.php?action=download&id=1"])
def test_an_anonymous_request_is_redirected_to_the_login(api, path):
    answer = api.get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "login.php")


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "A" * 4000, '"; DROP TABLE session'])
def test_a_bad_cookie_is_redirected_to_the_login(api, cookie):
    assert api.get("/ajax.php", cookie=cookie, action="index").status_code == 302


@pytest.mark.parametrize("action", ["", "nothing", "inbox", "Torrent", "upload", "torrent/../index"])
def test_an_action_that_there_is_not_fails(api, token, action):
    assert api.fail(token, action) == "bad parameters"


def test_a_call_without_an_action_fails(api, token):
    assert api.get("/ajax.php", token).json()["error"] == "bad parameters"


def test_the_window_of_an_account_is_exact_and_its_own(tmp_path):
    with open_gazelle(tmp_path, rate="3/10 seconds") as api:
        one, other = api.token(api.user("one")), api.token(api.user("other"))
        assert [api.call(one, "index")["status"] for _ in range(3)] == ["success"] * 3
        assert api.fail(one, "index") == "rate limit exceeded"
        assert api.call(other, "index")["status"] == "success"
        api.now += 11
        assert api.call(one, "index")["status"] == "success"


def test_guesses_of_tokens_are_counted_by_address(tmp_path):
    with open_gazelle(tmp_path, rate="3/10 seconds") as api:
        errors = [api.fail("x" * 10, "index") for _ in range(5)]
        assert errors == ["invalid token"] * 3 + ["rate limit exceeded"] * 2


def test_a_login_redirects_to_index_php_with_a_cookie(api, ann):
    answer = log_in(api, login="Log in", twofa="")
    assert (answer.status_code, answer.headers["location"]) == (302, "index.php")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=86400"} <= set(cookie.split("; "))
    home = api.get("/index.php")
    assert (home.status_code, home.headers["location"]) == (302, "./")


def test_a_login_that_is_kept_lasts_longer(api, ann):
    assert "Max-Age=2592000" in log_in(api, keeplogged="1").headers["set-cookie"]


def test_a_cookie_is_as_good_as_a_token(api, ann):
    assert api.get("/ajax.php", cookie=cookie_of(api), action="index").json()["response"]["id"] == ann.id


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"password": "wrong horse battery"}, 401),
        ({"username": "nobody"}, 401),
        ({"username": ""}, 401),
        ({"username": "\x00\ud7ff<b>"}, 401),
        ({"password": "x" * 10_000}, 401),
        ({"password": "x" * 20_000}, 413),
    ],
)
def test_a_login_that_fails_is_the_form_again(api, ann, fields, status):
    answer = log_in(api, **fields)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers
    assert "<form" in answer.text
    assert 'name="password"' in answer.text
    assert "<b>" not in answer.text


def test_a_login_with_too_many_fields_or_of_another_kind_is_the_form_again(api, ann):
    for content in (b"&".join(b"a=1" for _ in range(100)), b'{"username":"ann"}', b"\xff\xfe=%ff", b""):
        answer = api.run(api.client.post("/login.php", content=content))
        assert answer.status_code in {400, 401}
        assert "<form" in answer.text


def test_a_login_sent_by_another_sites_page_is_refused(api, ann):
    answer = api.run(api.client.post("/login.php", data=FORM, headers={"Origin": "https://evil.example"}))
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_guesses_of_a_password_are_slowed(api, ann):
    statuses = [log_in(api, password="wrong horse battery").status_code for _ in range(7)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_the_login_page_is_a_form_that_nothing_else_reads(api):
    answer = api.get("/login.php")
    assert answer.status_code == 200
    assert "<form" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_logout_needs_the_authkey_of_its_session(api, ann):
    cookie, other = cookie_of(api), cookie_of(api)
    authkey, foreign = (
        api.get("/ajax.php", cookie=each, action="index").json()["response"]["authkey"]
        for each in (cookie, other)
    )
    assert authkey != foreign
    for auth in (None, "", foreign, "é", authkey[:-1]):
        answer = api.get("/logout.php", cookie=cookie, **({} if auth is None else {"auth": auth}))
        assert answer.status_code == 403
    assert api.get("/ajax.php", cookie=cookie, action="index").status_code == 200
    answer = api.get("/logout.php", cookie=cookie, auth=authkey)
    assert (answer.status_code, answer.headers["location"]) == (302, "login.php")
    assert api.get("/ajax.php", cookie=cookie, action="index").status_code == 302
    assert api.get("/ajax.php", cookie=other, action="index").status_code == 200


def test_an_anonymous_logout_redirects_to_the_login(api):
    assert api.get("/logout.php").headers["location"] == "login.php"


def test_authkey_and_passkey_are_32_hex_digits_and_stay(api, ann, token):
    first, second = api.ask(token, "index"), api.ask(token, "index")
    assert (first["authkey"], first["passkey"]) == (second["authkey"], second["passkey"])
    assert re.fullmatch("[0-9a-f]{32}", first["authkey"])
    assert re.fullmatch("[0-9a-f]{32}", first["passkey"])
    other = api.ask(api.token(ann), "index")
    assert other["authkey"] != first["authkey"]
    assert other["passkey"] == first["passkey"]
    assert api.ask(api.token(api.user("bob")), "index")["passkey"] != first["passkey"]


def test_calls_at_once_find_one_passkey(api, ann):
    async def twice():
        passes = api.accounts.passkeys
        return await asyncio.gather(*(passes.passkey(ann.id) for _ in range(5)))

    assert len(set(api.run(twice()))) == 1


def link(api, passkey, torrent, **more):
    return api.get("/torrents.php", action="download", id=torrent.id, torrent_pass=passkey, **more)


def test_a_link_with_a_passkey_fetches_the_file_as_it_was_uploaded(api, ann, token):
    torrent = api.upload(ann, "a file", {})
    me = api.ask(token, "index")
    answer = link(api, me["passkey"], torrent, authkey=me["authkey"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert answer.headers["content-disposition"].startswith('attachment; filename="a file.torrent"')
    assert answer.content == torrent_file("a file")


def test_a_revoked_passkey_is_worth_nothing_and_another_is_made(api, ann, token):
    torrent = api.upload(ann, "a file", {})
    old = api.ask(token, "index")["passkey"]
    [key] = [each for each in api.run(api.accounts.keys(ann.id)) if each.scope is Scope.PASSKEY]
    api.run(api.accounts.revoke(key.id))
    new = api.ask(token, "index")["passkey"]
    assert new != old
    assert link(api, old, torrent).json()["error"] == "token revoked"
    assert link(api, new, torrent).content == torrent_file("a file")


def test_a_label_that_looks_like_a_passkeys_shows_none(api, ann, token):
    label = "links " + "A" * 43
    api.token(ann, Scope.PASSKEY, label=label)
    passkey = api.ask(token, "index")["passkey"]
    torrent = api.upload(ann, "a file", {})
    assert link(api, passkey, torrent).content == torrent_file("a file")


def test_any_passkey_of_the_account_works_in_a_link(api, ann):
    torrent = api.upload(ann, "a file", {})
    assert link(api, api.token(ann, Scope.PASSKEY), torrent).content == torrent_file("a file")


@pytest.mark.parametrize("passkey", ["0" * 32, "x", "é", "a" * 5000, "' OR 1=1 --"])
def test_a_passkey_of_nobody_fetches_nothing(api, ann, passkey):
    torrent = api.upload(ann, "a file", {})
    assert link(api, passkey, torrent).json()["error"] == "invalid token"


def test_a_passkey_is_no_token_and_opens_no_other_page(api, ann, token):
    passkey = api.ask(token, "index")["passkey"]
    assert api.fail(passkey, "index") == "invalid token"
    assert api.get("/ajax.php", action="index", torrent_pass=passkey).status_code == 302
    answer = api.get("/torrents.php", action="index", torrent_pass=passkey)
    assert answer.json()["error"] == "bad parameters"


def test_the_passkey_of_a_disabled_account_fetches_nothing(api, ann, token):
    torrent = api.upload(ann, "a file", {})
    passkey = api.ask(token, "index")["passkey"]
    api.run(api.accounts.set_enabled(ann.id, enabled=False))
    assert link(api, passkey, torrent).json()["error"] == "user disabled"


def test_a_link_by_cookie_or_token_needs_no_passkey(api, ann, token):
    torrent = api.upload(ann, "a file", {})
    path = f"/torrents.php?action=download&id={torrent.id}"
    assert ask(api, [f"token {token}"], path=path).content == torrent_file("a file")
    answer = api.run(api.client.get(path, headers={"Cookie": f"session={cookie_of(api)}"}))
    assert answer.content == torrent_file("a file")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_role_may_call_every_action(api, role, action):
    content = api.call(api.token(api.user(f"a-{role}", role)), action, id="999", search="x")
    assert content["status"] in {"success", "failure"}
    assert content.get("error") in {None, "bad parameters", "bad id parameter", "no such user"}


def test_answers_are_for_nobody_elses_cache(api, token):
    headers = api.get("/ajax.php", token, action="index").headers
    assert headers["cache-control"] == "private, no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not urlsplit(headers.get("location", "")).netloc
