import re

from accounts import one_time_codes
from tests.web.site import PASSWORD


def turn_on(site, browser):
    """Set it up as a person does; return the secret and the recovery codes."""
    assert browser.submit("/account/second-factor", "/account/second-factor").status_code == 303
    page = browser.get("/account/second-factor")
    secret = one_time_codes.read(re.search(r"<code>([A-Z2-7]{32})</code>", page.text)[1])
    assert "<svg" in page.text
    assert page.headers["cache-control"] == "no-store"
    shown = browser.submit(
        "/account/second-factor", "/account/second-factor/confirm", code=code_of(site, secret)
    )
    return secret, re.findall(r"<li>([0-9a-f]{5}-[0-9a-f]{5})</li>", shown.text)


def code_of(site, secret):
    return one_time_codes.code_of(secret, int(site.now) // one_time_codes.PERIOD)


def test_a_log_in_asks_for_the_code_after_the_password(site, anna):
    secret, codes = turn_on(site, site.browser(anna))
    assert len(codes) == 10
    site.now += 60
    browser = site.browser()
    asked = browser.send("/login", name="anna", password=PASSWORD, next="/upload", keep="1")
    assert (asked.status_code, "set-cookie" in asked.headers) == (200, False)
    ticket = re.search(r'name="ticket" value="([^"]*)"', asked.text)[1]
    wrong = browser.send("/login/code", ticket=ticket, next="/upload", code="nothing")
    assert wrong.status_code == 422
    assert "The code is wrong" in wrong.text
    assert browser.get("/account").status_code == 303
    entered = browser.send("/login/code", ticket=ticket, next="/upload", code=code_of(site, secret))
    assert (entered.status_code, entered.headers["location"]) == (303, "/upload")
    assert "asked for too" in browser.page("/account").text
    assert site.browser().send("/login/code", ticket=ticket, code=codes[0]).status_code == 303


def test_a_made_ticket_opens_nothing(site, anna):
    turn_on(site, site.browser(anna))
    assert site.browser().send("/login/code", ticket="1.1.9999999999.00", code="000000").status_code == 410


def test_a_one_time_link_does_not_go_around_it(site, anna, admin):
    turn_on(site, site.browser(anna))
    link = re.search(
        r"/welcome/[\w-]+", site.browser(admin).submit(f"/u/{anna.id}", f"/u/{anna.id}/link").text
    )[0]
    browser = site.browser()
    answer = browser.send(link, password="another password", again="another password")
    assert 'name="ticket"' in answer.text
    assert browser.get("/account").status_code == 303


def test_it_ends_by_a_code_or_by_an_admin(site, anna, admin):
    browser = site.browser(anna)
    _, codes = turn_on(site, browser)
    path = "/account/second-factor"
    assert "The code is wrong" in browser.submit(path, f"{path}/end", code="000000").text
    assert browser.submit(path, f"{path}/end", code=codes[3]).status_code == 303
    assert "opens nothing" in browser.page(path).text
    turn_on(site, browser)
    assert "second factor" not in site.browser().page(f"/u/{anna.id}").text
    assert site.browser(admin).submit(f"/u/{anna.id}", f"/u/{anna.id}/second-factor/end").status_code == 303
    assert "end-second-factor" in site.browser(admin).page("/moderation/log").text
    assert site.browser(anna).get("/account").status_code == 200
