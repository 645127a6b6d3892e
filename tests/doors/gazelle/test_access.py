import asyncio
import re
from urllib.parse import urlsplit

import pytest

from accounts.model import Role, Scope
from doors.gazelle.door import ACTIONS
from tests.doors.gazelle.desk import PASSWORD, desk_in, torrent_file

FORM = {"username": "ann", "password": PASSWORD}


@pytest.fixture
def ann(desk):
    return desk.user("ann")


@pytest.fixture
def token(desk, ann):
    return desk.token(ann)


def ask(desk, authorization, method="GET", path="/ajax.php?action=index"):
    headers = [("Authorization", value) for value in authorization]
    return desk.run(desk.client.request(method, path, headers=headers))


def log_in(desk, **fields):
    return desk.run(desk.client.post("/login.php", data=FORM | fields))


def cookie_of(desk, **fields):
    answer = log_in(desk, **fields)
    desk.client.cookies.clear()
    return re.match(r"session=([^;]+)", answer.headers["set-cookie"])[1]


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "token {}", "{}"])
@pytest.mark.parametrize("path", ["/ajax.php?action=index", "/api.php?action=index"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_is_taken_in_three_forms(desk, token, form, path, method):
    answer = ask(desk, [form.format(token)], method, path)
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
def test_a_token_that_is_none_fails_in_gazelles_words(desk, ann, headers, error):
    answer = ask(desk, headers)
    assert (answer.status_code, answer.json()["error"]) == (200, error)


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.GAZELLE}))
def test_a_key_of_another_scope_is_no_token(desk, ann, scope):
    assert ask(desk, [f"Bearer {desk.token(ann, scope)}"]).json()["error"] == "invalid token"


def test_a_revoked_token_is_told_so(desk, ann):
    key, secret = desk.run(desk.accounts.mint(ann.id, Scope.GAZELLE))
    assert desk.ask(secret, "index")
    desk.run(desk.accounts.revoke(key.id))
    assert desk.fail(secret, "index") == "token revoked"


def test_a_suspended_token_is_told_so(desk, ann):
    key, secret = desk.run(desk.accounts.mint(ann.id, Scope.GAZELLE))
    desk.run(desk.accounts.suspend(key.id, suspended=True))
    assert desk.fail(secret, "index") == "token revoked"


def test_an_expired_token_is_told_so(desk, ann):
    secret = desk.token(ann, lifetime=3600)
    assert desk.ask(secret, "index")
    desk.now += 3601
    assert desk.fail(secret, "index") == "token revoked"


def test_the_token_of_a_disabled_account_is_told_so(desk, ann, token):
    desk.run(desk.accounts.set_enabled(ann.id, enabled=False))
    assert desk.fail(token, "index") == "user disabled"


def test_a_token_for_some_actions_opens_no_other(desk, ann):
    secret = desk.token(ann, methods=frozenset({"index"}))
    assert desk.ask(secret, "index")["passkey"] == ""
    assert desk.fail(secret, "stats") == "The key may not call this method."


@pytest.mark.parametrize("path", ["/ajax.php?action=index", "/torrents.php?action=download&id=1"])
def test_nobody_is_led_to_the_login(desk, path):
    answer = desk.get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "login.php")


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "A" * 4000, '"; DROP TABLE session'])
def test_a_worthless_cookie_is_led_to_the_login(desk, cookie):
    assert desk.get("/ajax.php", cookie=cookie, action="index").status_code == 302


@pytest.mark.parametrize("action", ["", "nothing", "inbox", "Torrent", "upload", "torrent/../index"])
def test_an_action_that_there_is_not_fails(desk, token, action):
    assert desk.fail(token, action) == "bad parameters"


def test_a_call_without_an_action_fails(desk, token):
    assert desk.get("/ajax.php", token).json()["error"] == "bad parameters"


def test_the_window_of_an_account_is_exact_and_its_own(tmp_path):
    with desk_in(tmp_path, rate="3/10 seconds") as desk:
        one, other = desk.token(desk.user("one")), desk.token(desk.user("other"))
        assert [desk.call(one, "index")["status"] for _ in range(3)] == ["success"] * 3
        assert desk.fail(one, "index") == "rate limit exceeded"
        assert desk.call(other, "index")["status"] == "success"
        desk.now += 11
        assert desk.call(one, "index")["status"] == "success"


def test_guesses_of_tokens_are_counted_by_address(tmp_path):
    with desk_in(tmp_path, rate="3/10 seconds") as desk:
        errors = [desk.fail("x" * 10, "index") for _ in range(5)]
        assert errors == ["invalid token"] * 3 + ["rate limit exceeded"] * 2


def test_a_login_leads_to_index_php_with_a_cookie(desk, ann):
    answer = log_in(desk, login="Log in", twofa="")
    assert (answer.status_code, answer.headers["location"]) == (302, "index.php")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=86400"} <= set(cookie.split("; "))
    home = desk.get("/index.php")
    assert (home.status_code, home.headers["location"]) == (302, "./")


def test_a_login_that_is_kept_lasts_longer(desk, ann):
    assert "Max-Age=2592000" in log_in(desk, keeplogged="1").headers["set-cookie"]


def test_a_cookie_is_as_good_as_a_token(desk, ann):
    assert desk.get("/ajax.php", cookie=cookie_of(desk), action="index").json()["response"]["id"] == ann.id


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
def test_a_login_that_fails_is_the_form_again(desk, ann, fields, status):
    answer = log_in(desk, **fields)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers
    assert "<form" in answer.text
    assert 'name="password"' in answer.text
    assert "<b>" not in answer.text


def test_a_login_with_too_many_fields_or_of_another_kind_is_the_form_again(desk, ann):
    for content in (b"&".join(b"a=1" for _ in range(100)), b'{"username":"ann"}', b"\xff\xfe=%ff", b""):
        answer = desk.run(desk.client.post("/login.php", content=content))
        assert answer.status_code in {400, 401}
        assert "<form" in answer.text


def test_a_login_sent_by_another_sites_page_is_refused(desk, ann):
    answer = desk.run(desk.client.post("/login.php", data=FORM, headers={"Origin": "https://evil.example"}))
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_guesses_of_a_password_are_slowed(desk, ann):
    statuses = [log_in(desk, password="wrong horse battery").status_code for _ in range(7)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_the_login_page_is_a_form_that_nothing_else_reads(desk):
    answer = desk.get("/login.php")
    assert answer.status_code == 200
    assert "<form" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_logout_needs_the_authkey_of_its_session(desk, ann):
    cookie, other = cookie_of(desk), cookie_of(desk)
    authkey, foreign = (
        desk.get("/ajax.php", cookie=each, action="index").json()["response"]["authkey"]
        for each in (cookie, other)
    )
    assert authkey != foreign
    for auth in (None, "", foreign, "é", authkey[:-1]):
        answer = desk.get("/logout.php", cookie=cookie, **({} if auth is None else {"auth": auth}))
        assert answer.status_code == 403
    assert desk.get("/ajax.php", cookie=cookie, action="index").status_code == 200
    answer = desk.get("/logout.php", cookie=cookie, auth=authkey)
    assert (answer.status_code, answer.headers["location"]) == (302, "login.php")
    assert desk.get("/ajax.php", cookie=cookie, action="index").status_code == 302
    assert desk.get("/ajax.php", cookie=other, action="index").status_code == 200


def test_a_logout_of_nobody_leads_to_the_login(desk):
    assert desk.get("/logout.php").headers["location"] == "login.php"


def test_authkey_and_passkey_are_32_hex_digits_and_stay(desk, ann, token):
    first, second = desk.ask(token, "index"), desk.ask(token, "index")
    assert (first["authkey"], first["passkey"]) == (second["authkey"], second["passkey"])
    assert re.fullmatch("[0-9a-f]{32}", first["authkey"])
    assert re.fullmatch("[0-9a-f]{32}", first["passkey"])
    other = desk.ask(desk.token(ann), "index")
    assert other["authkey"] != first["authkey"]
    assert other["passkey"] == first["passkey"]
    assert desk.ask(desk.token(desk.user("bob")), "index")["passkey"] != first["passkey"]


def test_calls_at_once_find_one_passkey(desk, ann):
    async def twice():
        passes = desk.accounts.passes
        return await asyncio.gather(*(passes.passkey(ann.id) for _ in range(5)))

    assert len(set(desk.run(twice()))) == 1


def link(desk, passkey, torrent, **more):
    return desk.get("/torrents.php", action="download", id=torrent.id, torrent_pass=passkey, **more)


def test_a_link_with_a_passkey_fetches_the_file_as_it_was_uploaded(desk, ann, token):
    torrent = desk.upload(ann, "a file", {})
    me = desk.ask(token, "index")
    answer = link(desk, me["passkey"], torrent, authkey=me["authkey"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert answer.headers["content-disposition"].startswith('attachment; filename="a file.torrent"')
    assert answer.content == torrent_file("a file")


def test_a_revoked_passkey_is_worth_nothing_and_another_is_made(desk, ann, token):
    torrent = desk.upload(ann, "a file", {})
    old = desk.ask(token, "index")["passkey"]
    [key] = [each for each in desk.run(desk.accounts.keys(ann.id)) if each.scope is Scope.PASSKEY]
    desk.run(desk.accounts.revoke(key.id))
    new = desk.ask(token, "index")["passkey"]
    assert new != old
    assert link(desk, old, torrent).json()["error"] == "token revoked"
    assert link(desk, new, torrent).content == torrent_file("a file")


def test_a_label_that_looks_like_a_passkeys_shows_none(desk, ann, token):
    label = "links " + "A" * 43
    desk.token(ann, Scope.PASSKEY, label=label)
    passkey = desk.ask(token, "index")["passkey"]
    torrent = desk.upload(ann, "a file", {})
    assert link(desk, passkey, torrent).content == torrent_file("a file")


def test_any_passkey_of_the_account_works_in_a_link(desk, ann):
    torrent = desk.upload(ann, "a file", {})
    assert link(desk, desk.token(ann, Scope.PASSKEY), torrent).content == torrent_file("a file")


@pytest.mark.parametrize("passkey", ["0" * 32, "x", "é", "a" * 5000, "' OR 1=1 --"])
def test_a_passkey_of_nobody_fetches_nothing(desk, ann, passkey):
    torrent = desk.upload(ann, "a file", {})
    assert link(desk, passkey, torrent).json()["error"] == "invalid token"


def test_a_passkey_is_no_token_and_opens_no_other_page(desk, ann, token):
    passkey = desk.ask(token, "index")["passkey"]
    assert desk.fail(passkey, "index") == "invalid token"
    assert desk.get("/ajax.php", action="index", torrent_pass=passkey).status_code == 302
    answer = desk.get("/torrents.php", action="index", torrent_pass=passkey)
    assert answer.json()["error"] == "bad parameters"


def test_the_passkey_of_a_disabled_account_fetches_nothing(desk, ann, token):
    torrent = desk.upload(ann, "a file", {})
    passkey = desk.ask(token, "index")["passkey"]
    desk.run(desk.accounts.set_enabled(ann.id, enabled=False))
    assert link(desk, passkey, torrent).json()["error"] == "user disabled"


def test_a_link_by_cookie_or_token_needs_no_passkey(desk, ann, token):
    torrent = desk.upload(ann, "a file", {})
    path = f"/torrents.php?action=download&id={torrent.id}"
    assert ask(desk, [f"token {token}"], path=path).content == torrent_file("a file")
    answer = desk.run(desk.client.get(path, headers={"Cookie": f"session={cookie_of(desk)}"}))
    assert answer.content == torrent_file("a file")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_role_may_call_every_action(desk, role, action):
    content = desk.call(desk.token(desk.user(f"a-{role}", role)), action, id="999", search="x")
    assert content["status"] in {"success", "failure"}
    assert content.get("error") in {None, "bad parameters", "bad id parameter", "no such user"}


def test_answers_are_for_nobody_elses_cache(desk, token):
    headers = desk.get("/ajax.php", token, action="index").headers
    assert headers["cache-control"] == "private, no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not urlsplit(headers.get("location", "")).netloc
