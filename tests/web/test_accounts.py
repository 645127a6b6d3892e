import re

import pytest

from accounts.model import Role, Scope
from tests.web.site import PASSWORD, Parsed
from web.account import SCOPES
from web.page_context import local_path
from web.page_router import MAX_FORM

NEW = "another long password"


def test_people_log_in_and_out(site, anna):
    browser = site.browser(anna)
    cookie = next(iter(browser.client.cookies.jar))
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite").lower() == "lax"
    assert "anna" in browser.page("/").text
    assert browser.submit("/", "/logout").status_code == 303
    assert "Log in" in browser.page("/").text
    assert browser.get("/account").headers["location"] == "/login?next=%2Faccount"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("anna", "guessed it"),
        ("nobody", PASSWORD),
        ("", ""),
        ("an\0na", "guessed it"),
        ("anna", "x" * 5000),
        ("\u202eanna", PASSWORD),
    ],
)
def test_a_wrong_login_says_the_same_whoever_is_named(site, anna, name, password):
    answer = site.browser().send("/login", name=name, password=password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert password not in answer.text or password == ""
    assert "set-cookie" not in answer.headers


def test_a_login_gives_a_new_session_and_ends_the_one_before(site, anna, admin):
    browser = site.browser(anna)
    before = browser.client.cookies["session"]
    browser.send("/login", csrf=csrf_of(browser), name=admin.name, password=PASSWORD)
    assert browser.client.cookies["session"] != before
    stale = site.browser()
    stale.client.cookies.set("session", before)
    assert stale.get("/account").status_code == 303


PATHS = [
    "/account/bonus", "/account/invites", "/account/invites/1/withdraw", "/u/1/invites", "/account/keys", "/account/keys/1/renew", "/account/keys/1/revoke", "/account/passkey", "/account/password", "/account/sessions/1/end",
    "/account/sessions/end", "/logout", "/account/second-factor", "/account/second-factor/confirm",
    "/account/second-factor/end", "/account/second-factor/devices", "/account/second-factor/devices/remove", "/login/device", "/u/1/second-factor/end", "/account/erase", "/u/1/erase", "/moderation/comments/1/settle", "/account/mail",
    "/account/mail/forget", "/lost", "/moderation/notices/1/decide",
    "/t/1/edit", "/t/1/mark", "/t/1/owner", "/t/1/split",
    "/t/1/delete", "/t/1/block", "/t/{key}/lookup", "/downloads", "/downloads/1/{action}",
    "/g/1/edit", "/g/1/lock", "/g/1/bookmark", "/g/1/comments", "/c/1/edit", "/c/1/hide",
    "/c/1/delete", "/report/torrent/1", "/moderation/reports/1/resolve", "/moderation/webhooks/1/resend", "/people",
    "/u/1/role", "/u/1/enabled", "/u/1/link", "/upload", "/upload/many", "/upload/many/send", "/upload/many/drop", "/moderation/chosen", "/t/1/token", "/moderation/credit", "/moderation/credit/1/end",
    "/moderation/lists/torrents", "/moderation/lists/torrents/{infohash}/lift", "/moderation/lists/rules",
    "/moderation/lists/rules/1/remove",
    "/moderation/credit/tokens",
]  # fmt: skip


def test_every_form_of_the_site_is_in_the_list_of_those_that_need_a_token(site):
    posts = {route.path for route in site.routes if "POST" in route.methods}
    known = {re.sub(r"/\d+", "/{id}", path) for path in PATHS} | {
        "/login",
        "/register",
        "/welcome/{secret}",
        "/join/{secret}",
        "/mail/{secret}",
        "/language",
        "/takedown",
        "/login/code",
    }
    assert {path.replace("{subject}", "torrent") for path in posts} == known


@pytest.mark.parametrize("path", PATHS)
def test_a_form_without_the_token_of_its_session_changes_nothing(site, admin, torrent, path):
    browser, foreign = site.browser(admin), site.browser(site.user("eve"))
    before = site.catalogued(torrent)
    for token in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": csrf_of(foreign)}):
        answer = browser.send(
            path, **token, title="x", hidden="1", role="admin", name="zed", reason="x", body="x"
        )
        assert answer.status_code == 403, token
        assert "load it again" in answer.text
    assert site.catalogued(torrent) == before
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout", "/account/keys"])
def test_a_form_of_another_site_is_refused_even_with_a_token(site, anna, path, headers):
    browser = site.browser(anna)
    answer = browser.send(
        path, headers, csrf=csrf_of(browser), name="anna", password=PASSWORD, scope="rest", lifetime=""
    )
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert site.run(site.accounts.keys(anna.id)) == []


def test_pages_with_forms_let_the_browser_name_their_origin(site, anna):
    browser = site.browser(anna)
    for path in ("/login", "/account", "/people"):
        assert browser.get(path).headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "next_path",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x", "/\r\nSet-Cookie: x=y", "///evil.example", "/ /evil.example", " /x", "evil", "",
        "http:evil.example", "/\t/evil.example", "/é",
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_but_here(site, anna, next_path):
    answer = site.browser().send("/login", name="anna", password=PASSWORD, next=next_path)
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location in {"/", "/%0d%0aSet-Cookie:x"}
    assert answer.headers.get_list("set-cookie")[-1].startswith("session=")


def test_a_path_of_ours_is_followed():
    assert local_path("/t/1?page=2#c") == "/t/1?page=2#c"
    assert local_path("/" + "x" * 3000) == "/"
    assert local_path("//[", "/safe") == "/safe"


def test_a_key_is_shown_once_and_revoked(site, anna):
    browser = site.browser(anna)
    answer = browser.submit("/account", "/account/keys", scope="rest", label="<my> script", lifetime="86400")
    secret = re.search(r"pg_rest_[\w-]{43}", answer.text)[0]
    assert answer.headers["cache-control"] == "no-store"
    assert site.run(site.accounts.authenticate(secret, Scope.REST)).user.name == "anna"
    page = browser.page("/account")
    assert secret not in browser.get("/account").text
    assert "<my> script" in page.text
    revoke = next(form.action for form in page.forms if form.action.endswith("/revoke"))
    assert browser.submit("/account", revoke).status_code == 303
    assert "<my> script" not in browser.page("/account").text
    with pytest.raises(Exception, match="revoked"):
        site.run(site.accounts.authenticate(secret, Scope.REST))


@pytest.mark.parametrize(
    "form", [{"scope": "god"}, {"lifetime": "5"}, {"label": "x" * 200}, {"label": "a\nb"}]
)
def test_a_key_that_cannot_be_is_refused_on_the_page(site, anna, form):
    answer = site.browser(anna).submit("/account", "/account/keys", **form)
    assert answer.status_code == 422
    assert "<h1>Your account</h1>" in answer.text
    assert site.run(site.accounts.keys(anna.id)) == []


def test_people_make_keys_for_every_dialect():
    assert {scope for scope, _ in SCOPES} == set(Scope) - {Scope.PASSKEY}


def test_the_key_of_another_cannot_be_revoked(site, anna):
    key, _ = site.run(site.accounts.mint(anna.id, Scope.REST))
    browser = site.browser(site.user("eve"))
    assert browser.send(f"/account/keys/{key.id}/revoke", csrf=csrf_of(browser)).status_code == 404
    assert not site.run(site.accounts.key(key.id)).revoked


def test_a_password_is_changed_and_other_sessions_end(site, anna):
    browser, elsewhere = site.browser(anna), site.browser(anna)
    changes = {"current": PASSWORD, "password": NEW, "again": NEW}
    assert browser.submit("/account", "/account/password", **changes).status_code == 303
    assert browser.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert site.browser().send("/login", name="anna", password=NEW).status_code == 303


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"current": "wrong", "password": NEW, "again": NEW}, 401, "wrong"),
        ({"current": PASSWORD, "password": NEW, "again": "other"}, 422, "differ"),
        ({"current": PASSWORD, "password": "short", "again": "short"}, 422, "Password"),
    ],
)
def test_a_password_that_cannot_be_changed_stays(site, anna, changes, status, sentence):
    answer = site.browser(anna).submit("/account", "/account/password", **changes)
    assert answer.status_code == status
    assert sentence in answer.text
    assert NEW not in answer.text
    assert site.browser().send("/login", name="anna", password=PASSWORD).status_code == 303


def test_a_one_time_link_sets_a_password_once_and_leaks_its_url_nowhere(site, caplog):
    user = site.run(site.accounts.add("newcomer", None, Role.USER))
    secret = site.run(site.accounts.issue_link(user.id, 3600))
    browser, path = site.browser(), f"/welcome/{secret}"
    answers = [browser.get(path), browser.send(path, password="short", again="short")]
    assert [answer.status_code for answer in answers] == [200, 422]
    answers.append(browser.send(path, {"origin": "null"}, password=NEW, again=NEW))
    assert (answers[2].status_code, answers[2].headers["location"]) == (303, "/account")
    answers.append(browser.send(path, password=NEW, again=NEW))
    assert answers[3].status_code == 410
    for answer in answers:
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert secret not in answer.text
    assert "newcomer" in browser.page("/account").text
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert not any(secret in line for line in ours)


@pytest.mark.parametrize("secret", ["x", "x" * 5000, "%00", "é"])
def test_a_link_that_is_none_is_refused(site, secret):
    assert site.browser().get(f"/welcome/{secret}").status_code in {404, 410}


def test_an_admin_makes_an_account_and_its_link(site, admin):
    browser = site.browser(admin)
    answer = browser.submit("/people", "/people", name="newcomer")
    path = answer.headers["location"]
    answer = browser.submit(path, f"{path}/link")
    link = re.search(r"http://site\.test(/welcome/[\w-]+)", answer.text)[1]
    assert answer.headers["cache-control"] == "no-store"
    assert site.browser().send(link, password=NEW, again=NEW).status_code == 303
    assert "That name is taken" in browser.submit("/people", "/people", name="newcomer").text
    assert browser.submit("/people", "/people", name="no good").status_code == 422


def test_an_admin_changes_roles_and_disables_accounts(site, admin, anna):
    browser = site.browser(admin)
    browser.submit(f"/u/{anna.id}", f"/u/{anna.id}/role", role="moderator")
    assert site.run(site.accounts.user(anna.id)).role is Role.MODERATOR
    browser.submit(f"/u/{anna.id}", f"/u/{anna.id}/enabled", enabled="0")
    assert not site.run(site.accounts.user(anna.id)).enabled
    assert browser.send(f"/u/{anna.id}/role", csrf=csrf_of(browser), role="god").status_code == 422


@pytest.mark.parametrize("path", ["/people", "/u/1/role", "/u/1/enabled", "/u/1/link"])
def test_others_manage_no_accounts(site, anna, moderator, path):
    for user in (anna, moderator):
        browser = site.browser(user)
        answer = browser.send(path, csrf=csrf_of(browser), name="zed", role="admin", enabled="0")
        assert answer.status_code == 403
    assert site.browser().send(path, name="zed").status_code == 401
    assert site.browser(anna).get("/people").status_code == 403
    assert site.run(site.accounts.user("zed")) is None


def test_a_form_that_is_none_or_too_large_is_refused(site, anna):
    browser = site.browser()
    for headers, content, status in (
        ({"content-type": "application/json"}, b"{}", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&" * 100, 400),
        ({"content-type": "multipart/form-data"}, b"--x--", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a" * (MAX_FORM + 1), 413),
        ({"content-type": "application/x-www-form-urlencoded"}, b"name=%ff%ed%a0%80&password=\xff", 401),
    ):
        answer = site.run(browser.client.post("/login", content=content, headers=headers))
        assert answer.status_code == status
        Parsed(answer.text)


def csrf_of(browser):
    return browser.page("/account").csrf
