import re

import pytest

from accounts import one_time_codes
from tests.support.authenticator import Authenticator
from tests.web.site import PASSWORD, Parsed, site_in

NAMED = "https://site.test"


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


def add_device(browser, device, **changes):
    """Add a device as its browser's script does; return the answer."""
    form = device_form(browser.get("/account/second-factor"), "/account/second-factor/devices")
    given = {"device": device.create(form["data-device"]), "name": "my phone", "password": PASSWORD}
    return browser.submit("/account/second-factor", form["action"], asked=form["asked"], **given | changes)


def device_form(answer, action):
    """Return the form of a page that a device fills in, and its ticket."""
    page = Parsed(answer.text)
    (given,) = [
        tag
        for name, tag in page.tags
        if name == "form" and tag.get("action") == action and "data-device" in tag
    ]
    (form,) = [form for form in page.forms if form.action == action and "asked" in form.fields]
    return {**given, "asked": form.fields["asked"]}


@pytest.fixture
def named(tmp_path):
    """A site that has a name over HTTPS, and an account."""
    with site_in(tmp_path, public_url=NAMED) as site:
        site.anna = site.user("anna")
        yield site


@pytest.fixture
def device():
    return Authenticator(NAMED)


def test_a_device_is_added_and_logs_in_in_place_of_the_password(named, device):
    browser = named.browser(named.anna)
    shown = add_device(browser, device)
    codes = re.findall(r"<li>([0-9a-f]{5}-[0-9a-f]{5})</li>", shown.text)
    assert len(codes) == 10
    assert "my phone" in browser.page("/account/second-factor").text
    other = named.browser()
    form = device_form(other.get("/login?next=/upload"), "/login/device")
    answer = device.get(form["data-device"])
    entered = other.send("/login/device", asked=form["asked"], device=answer, next="/upload")
    assert (entered.status_code, entered.headers["location"]) == (303, "/upload")
    assert "is asked for too" in other.page("/account").text
    again = named.browser().send("/login/device", asked=form["asked"], device=answer)
    assert again.status_code == 410


def test_after_the_password_a_device_or_a_recovery_code_is_asked_for(named, device):
    codes = re.findall(r"<li>([0-9a-f-]{11})</li>", add_device(named.browser(named.anna), device).text)
    browser = named.browser()
    asked = browser.send("/login", name="anna", password=PASSWORD, next="/")
    assert "Now your device" in Parsed(asked.text).text
    form = device_form(asked, "/login/code")
    ticket = next(form.fields["ticket"] for form in Parsed(asked.text).forms if "ticket" in form.fields)
    stranger = Authenticator(device.origin)
    wrong = browser.send(
        "/login/code", ticket=ticket, asked=form["asked"], device=stranger.get(form["data-device"])
    )
    assert (wrong.status_code, browser.get("/account").status_code) == (422, 303)
    answer = device.get(form["data-device"])
    right = browser.send("/login/code", ticket=ticket, asked=form["asked"], device=answer)
    assert right.status_code == 303
    assert browser.get("/account").status_code == 200
    assert named.browser().send("/login/code", ticket=ticket, code=codes[0]).status_code == 303


def test_a_device_is_added_and_removed_with_the_password_alone(named, device):
    browser = named.browser(named.anna)
    assert add_device(browser, device, password="not this one").status_code == 401
    assert add_device(browser, device, name="").status_code == 422
    assert add_device(browser, device).status_code == 200
    path = "/account/second-factor/devices/remove"
    assert browser.submit("/account/second-factor", path, password="not this one").status_code == 401
    assert browser.submit("/account/second-factor", path, device="xy", password=PASSWORD).status_code == 422
    assert browser.submit("/account/second-factor", path, device="00", password=PASSWORD).status_code == 422
    assert browser.submit("/account/second-factor", path, password=PASSWORD).status_code == 303
    assert "Log in by password alone" not in browser.page("/account/second-factor").text


def test_a_site_without_a_name_offers_no_devices(site, anna):
    browser = site.browser(anna)
    assert "They need this site to have a name over HTTPS" in browser.page("/account/second-factor").text
    assert "data-device" not in site.browser().get("/login").text
    assert site.browser().send("/login/device", asked="x", device="{}").status_code == 410
