import re

import pytest

from doors.languages import Language
from tests.support.messages import marked_texts
from tests.web.site import Parsed
from web.templating import Templates


def test_pages_are_in_the_language_that_the_browser_reads(site, torrent):
    browser = site.browser()
    answer = browser.get("/search", **{"accept-language": "de"})
    page = Parsed(answer.text)
    assert ("html", {"lang": "de", "dir": "ltr"}) in page.tags
    assert "1 Torrent " in page.text
    assert "Accept-Language" in answer.headers["vary"]
    # Rows are kept, each language's apart.
    assert "Magnet-Link" in answer.text
    assert "Magnet link" in browser.get("/search").text
    assert "Magnet-Link" in browser.get("/search", **{"accept-language": "de"}).text


def test_a_choice_is_kept_by_a_cookie_and_leads_back(site, torrent):
    browser = site.browser()
    answer = browser.send("/language", {"referer": "http://site.test/search?q=x"}, language="de")
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=x")
    assert "Nichts gefunden" in browser.page("/search?q=nothing").text
    assert "Abmelden" not in browser.page("/").text
    browser.send("/language", language="en")
    assert "Nothing was found" in browser.page("/search?q=nothing").text


@pytest.mark.parametrize("language", ["", "fr", "../de"])
def test_a_language_that_is_not_here_is_not_found(site, language):
    assert site.browser().send("/language", language=language).status_code == 404


@pytest.mark.parametrize("referer", ["http://evil.test//evil.test/", "http://[", "//evil.test", "x:y"])
def test_a_choice_leads_to_no_other_site(site, referer):
    where = site.browser().send("/language", {"referer": referer}, language="de").headers["location"]
    assert where == "/"


def test_refusals_and_faults_are_translated(site, anna):
    browser = site.browser(anna)
    browser.client.cookies.set("language", "de")
    assert "Nicht gefunden" in browser.page("/t/99", 404).text
    refused = browser.submit("/account", "/account/password", password="x", again="y", current="z")
    assert "Die beiden Passwörter sind verschieden." in refused.text
    wrong = browser.page("/search?q=size:many").text
    assert "Hier passt eine Größe wie 700MiB" in wrong


def test_names_are_never_taken_for_texts(site, anna):
    group = site.upload(anna, "Log in").group
    browser = site.browser()
    browser.client.cookies.set("language", "de")
    assert "Log in" in browser.page(f"/g/{group.id}").text


def test_a_template_is_compiled_with_its_texts_and_its_values_stay_escaped():
    templates = Templates("/below", Language("zz", "Pseudo", "rtl", *marked_texts()))
    html = templates.render("link", {"user": type("User", (), {"id": 7, "name": "<b>"}), "link": "x"})
    assert '«By this link <a href="/below/u/7"><bdi>&lt;b&gt;</bdi></a> sets a password' in html


def test_english_has_its_places_filled_and_links_below_the_root():
    html = Templates("/below").render("link", {"user": type("User", (), {"id": 7, "name": "A"}), "link": "x"})
    assert '<a href="/below/u/7"><bdi>A</bdi></a> sets a password' in html
    assert not re.search(r"%\(|%%", html)
