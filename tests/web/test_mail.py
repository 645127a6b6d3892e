"""The pages of lost passwords and mail addresses, over a real mail server."""

import re

import pytest

from tests.support.mail_servers import SETTINGS, client, deliver, mail_server
from tests.web.site import PASSWORD, site_in


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path, mail=SETTINGS) as site:
        serving = mail_server()
        site.box = site.run(serving.__aenter__())
        site.services.lost_passwords.server = client(site.box)
        yield site
        site.run(serving.__aexit__(None, None, None))


def mailed(site):
    """The path in the newest mail."""
    site.run(deliver(site.services.lost_passwords))
    body = site.box.mails[-1].get_content()
    return re.search(r"https://tracker\.example(/\S+)", body)[1]


def confirmed(site, user):
    browser = site.browser(user)
    answer = browser.submit("/account/mail", "/account/mail", email="anna@home.example", password=PASSWORD)
    assert answer.status_code == 303
    path = mailed(site)
    page = site.browser().get(path)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "waits to be confirmed" in browser.get("/account/mail").text
    assert "It is confirmed" in site.browser().send(path, confirm="1").text
    assert site.browser().send(path, confirm="1").status_code == 410
    return browser


def test_a_lost_password_is_replaced_by_a_mailed_link(site, anna):
    logged_in = confirmed(site, anna)
    browser = site.browser()
    assert '"/lost"' in browser.get("/login").text
    told = browser.submit("/lost", "/lost", name="anna").text
    site.now += 1
    assert "on its way" in told
    path = mailed(site)
    assert path.startswith("/welcome/")
    assert site.box.mails[-1]["Subject"] == "A new password at The Site"
    assert browser.send(path, password="another password", again="another password").status_code == 303
    assert logged_in.get("/account").status_code == 303
    assert browser.send(path, password="a third password", again="a third password").status_code == 410


def test_the_answer_is_the_same_whoever_is_named(site, anna):
    confirmed(site, anna)
    texts = {
        re.sub(r'value="[0-9a-f.]+"', "", site.browser().send("/lost", name=name).text)
        for name in ("anna", "anna@home.example", "nobody", "x" * 300, "")
    }
    assert len(texts) == 1


def test_mails_are_in_the_language_of_whoever_asks(site, anna):
    confirmed(site, anna)
    browser = site.browser()
    browser.send("/language", language="de")
    browser.send("/lost", name="anna")
    mailed(site)
    assert site.box.mails[-1]["Subject"] == "Ein neues Passwort bei The Site"


def test_an_address_needs_the_password_and_is_forgotten_with_it(site, anna):
    browser, path = confirmed(site, anna), "/account/mail"
    wrong = browser.submit(path, path, email="eve@evil.example", password="wrong")
    assert (wrong.status_code, "eve@evil" in browser.get(path).text) == (401, False)
    odd = browser.submit(path, path, email="eve@evil.example\r\nBcc: a@b", password=PASSWORD)
    assert odd.status_code == 422
    assert browser.submit(path, f"{path}/forget", password=PASSWORD).status_code == 303
    assert "anna@home.example" not in browser.get(path).text


def test_too_many_requests_are_told_when_to_try_again(site):
    answers = [site.browser().send("/lost", name="anna") for _ in range(11)]
    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_without_a_mail_server_there_is_none_of_it(tmp_path):
    with site_in(tmp_path) as site:
        user = site.user("ben")
        for path in ("/lost", "/account/mail", f"/mail/{'x' * 43}"):
            assert site.browser(user).get(path).status_code == 404
        assert "/lost" not in site.browser().get("/login").text
        assert "/account/mail" not in site.browser(user).get("/account").text
