"""The pages on which an account is erased."""

from tests.web.site import PASSWORD
from tests.web.test_second_factor import turn_on


def test_an_account_erases_itself_by_its_password(site, anna, admin):
    browser, other = site.browser(anna), site.browser(anna)
    assert "/account/erase" in browser.get("/account").text
    page = browser.get("/account/erase")
    assert page.headers["cache-control"] == "no-store"
    wrong = browser.submit("/account/erase", "/account/erase", password="not mine")
    assert (wrong.status_code, "wrong" in wrong.text) == (401, True)
    assert browser.submit("/account/erase", "/account/erase", password=PASSWORD).headers["location"] == "/"
    for each in (browser, other):
        assert each.get("/account").status_code == 303
    assert site.browser().send("/login", name="anna", password=PASSWORD).status_code == 401
    assert site.browser(admin).get(f"/u/{anna.id}").status_code == 404
    assert "anna" not in site.browser(admin).get("/people").text
    log = site.browser(admin).get("/moderation/log").text
    assert "by its owner" in log
    assert "anna" not in log


def test_a_second_factor_is_asked_for_too(site, anna):
    browser = site.browser(anna)
    _, codes = turn_on(site, browser)
    path = "/account/erase"
    assert "The code is wrong" in browser.submit(path, path, password=PASSWORD, code="000000").text
    assert browser.submit(path, path, password=PASSWORD, code=codes[0]).status_code == 303
    assert browser.get("/account").status_code == 303


def test_an_admin_erases_another_and_the_last_admin_nobody(site, anna, admin, torrent):
    browser = site.browser(admin)
    group = site.catalogued(torrent).group.id
    site.browser(anna).submit(f"/g/{group}", f"/g/{group}/comments", body="said of old")
    path = f"/u/{anna.id}/erase"
    assert site.browser(anna).get(path).status_code in (403, 404)
    assert browser.get(f"/u/{admin.id}/erase").status_code == 200
    own = browser.submit(f"/u/{admin.id}/erase", "/account/erase", password=PASSWORD)
    assert (own.status_code, "last one" in own.text) == (409, True)
    odd = browser.submit(path, path, writings="burn")
    assert odd.status_code == 422
    assert browser.submit(path, path, writings="keep").headers["location"] == "/people"
    shown = site.browser().get(f"/g/{group}").text
    assert "said of old" in shown
    assert "erased account" in shown
    assert "anna" not in shown
    assert f"/u/{anna.id}" not in shown
