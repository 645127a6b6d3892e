"""The pages of torrents that are not held, and the button that looks for them."""

from bittorrent.metainfo import Metainfo
from tests.support.lookups import FakeSource, make_lookups
from tests.web.site import torrent_file

DATA = torrent_file("Nosferatu.mkv")
HASH = Metainfo.parse(DATA).infohash


def use_source(site, source):
    services = site.services
    lookups = make_lookups(services.uploads, services.cache, services.takedowns, (source,))
    object.__setattr__(site.pages.downloads, "lookups", lookups)


def submit_lookup(browser):
    """Send the lookup form of the 404 page."""
    (form,) = [
        each for each in browser.page(f"/t/{HASH.lower}", 404).forms if each.action.endswith("/lookup")
    ]
    return browser.send(form.action, **form.fields)


def test_an_account_finds_what_is_not_here_yet(site, anna):
    use_source(site, FakeSource(answers={HASH: DATA}))
    browser = site.browser(anna)
    answer = submit_lookup(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{HASH.lower}")
    assert "Nosferatu.mkv" in browser.get(browser.get(f"/t/{HASH.lower}").headers["location"]).text


def test_a_lookup_without_a_result_says_so(site, anna):
    use_source(site, FakeSource())
    answer = submit_lookup(site.browser(anna))
    assert answer.status_code == 404
    assert "Nobody was found" in answer.text


def test_an_anonymous_reader_is_offered_no_lookup_and_causes_none(site):
    source = FakeSource(answers={HASH: DATA})
    use_source(site, source)
    browser = site.browser()
    assert "Look it up" not in browser.get(f"/t/{HASH.lower}").text
    assert browser.send(f"/t/{HASH.lower}/lookup", x="").status_code in {401, 403}
    assert source.asked == []


def test_a_form_of_another_page_causes_nothing(site, anna):
    source = FakeSource(answers={HASH: DATA})
    use_source(site, source)
    assert site.browser(anna).send(f"/t/{HASH.lower}/lookup", csrf="made up").status_code == 403
    assert source.asked == []


def test_an_invalid_hash_is_not_looked_up(site, anna):
    use_source(site, FakeSource())
    browser = site.browser(anna)
    assert browser.get("/t/" + "x" * 40).status_code == 400
    assert browser.get("/t/99999").status_code == 404
