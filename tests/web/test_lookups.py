"""The pages of torrents that are not held, and the button that looks for them."""

from bittorrent.metainfo import Metainfo
from tests.places import Place, lookups_over
from tests.web.site import torrent_file

DATA = torrent_file("Nosferatu.mkv")
HASH = Metainfo.parse(DATA).infohash


def looking(site, place):
    office = site.office
    lookups = lookups_over(office.uploads, office.cache, office.takedowns, (place,))
    object.__setattr__(office, "lookups", lookups)


def press(browser):
    """Send the form of the page that says that the torrent is not here."""
    (form,) = [
        each for each in browser.page(f"/t/{HASH.lower}", 404).forms if each.action.endswith("/lookup")
    ]
    return browser.send(form.action, **form.fields)


def test_an_account_finds_what_is_not_here_yet(site, anna):
    looking(site, Place(answers={HASH: DATA}))
    browser = site.browser(anna)
    answer = press(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{HASH.lower}")
    assert "Nosferatu.mkv" in browser.get(browser.get(f"/t/{HASH.lower}").headers["location"]).text


def test_what_nobody_has_is_said_to_be_not_found(site, anna):
    looking(site, Place())
    answer = press(site.browser(anna))
    assert answer.status_code == 404
    assert "Nobody was found" in answer.text


def test_a_visitor_is_offered_nothing_and_causes_nothing(site):
    place = Place(answers={HASH: DATA})
    looking(site, place)
    visitor = site.browser()
    assert "Look it up" not in visitor.get(f"/t/{HASH.lower}").text
    assert visitor.send(f"/t/{HASH.lower}/lookup", x="").status_code in {401, 403}
    assert place.asked == []


def test_a_form_of_another_page_causes_nothing(site, anna):
    place = Place(answers={HASH: DATA})
    looking(site, place)
    assert site.browser(anna).send(f"/t/{HASH.lower}/lookup", csrf="made up").status_code == 403
    assert place.asked == []


def test_junk_is_not_looked_for(site, anna):
    looking(site, Place())
    browser = site.browser(anna)
    assert browser.get("/t/" + "x" * 40).status_code == 400
    assert browser.get("/t/99999").status_code == 404
