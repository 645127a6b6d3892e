"""Many uploads at once, by forms alone and by the pieces of pages that the script asks for."""

import asyncio
import re

import pytest

from accounts.model import NOBODY, Principal
from actions.bulk_uploads import BulkUploads
from bittorrent.infohash import InfoHash
from cache.drafts import DRAFT_SECONDS, MOST_DRAFTS
from tests.support.torrents import parsed
from tests.web.site import Parsed, torrent_file

MAGNET = "magnet:?xt=urn:btih:{}&dn={}"


def choose(browser, *files, **form):
    """Send files by their names, and what else the form has."""
    token = browser.page("/upload/many").csrf
    sent = [("torrent", (f"{at}.torrent", data, "application/x-bittorrent")) for at, data in enumerate(files)]
    sent = sent or [("torrent", ("", b"", "application/octet-stream"))]
    return browser.send("/upload/many", files=sent, csrf=token, **form)


def rows_of(page):
    """The fields of the rows of a page."""
    return next(form.fields for form in page.forms if form.action == "/upload/many/send")


def send(browser, page=None, **changes):
    """Send the rows of a page as they stand, but for the changes: fields by name, of every row."""
    fields = rows_of(page or browser.page("/upload/many"))
    return browser.send(
        "/upload/many/send",
        **{name: changes.get(name.partition(".")[0], text) for name, text in fields.items()},
    )


def hashed(data):
    return parsed(data).infohash.lower


@pytest.fixture
def browser(site, anna):
    return site.browser(anna)


def test_files_and_links_become_rows_that_tell_what_they_are(site, browser):
    film, book = torrent_file("Some.Film.1999.1080p.mkv"), torrent_file("A Book.epub")
    link = MAGNET.format("ab" * 20, "Other.Film.2001.mkv")
    page = Parsed(choose(browser, film, book, b"junk", magnets=f"{link}\n\nnot a link").text)
    fields = rows_of(page)
    assert fields[f"title.{hashed(film)}"] == "Some.Film.1999.1080p.mkv"
    assert fields[f"year.{hashed(film)}"] == "1999"
    assert fields[f"year.{'ab' * 20}"] == "2001"
    for sentence in ("not bencoded", "no magnet link", "3 wait to be sent", "2 are refused", "2.torrent"):
        assert sentence in page.text
    assert page.unlabelled == []
    # The rows are there when one comes back, refused ones are not.
    again = browser.page("/upload/many")
    assert "3 wait to be sent." in again.text
    assert "refused" not in again.text
    assert "Nothing is here yet" in browser.page("/").text


def test_rows_are_sent_with_what_was_changed(site, browser):
    film, book = torrent_file("Some.Film.1999.1080p.mkv"), torrent_file("A Book.epub")
    choose(browser, film, book)
    page = browser.page("/upload/many")
    fields = rows_of(page)
    fields[f"title.{hashed(film)}"], fields[f"tags.{hashed(film)}"] = "Better", "a, b"
    fields[f"year.{hashed(book)}"] = "1851"
    answer = Parsed(send(browser, page).text)
    assert "2 were uploaded." in answer.text
    links = [link["href"] for link in answer.links if link["href"].startswith("/t/")]
    shown = [browser.page(link).text for link in links]
    assert any("Better" in text and "a b" in text and "1999" in text for text in shown)
    assert any("A Book.epub" in text and "1851" in text for text in shown)
    assert all("by anna" in text for text in shown)
    assert "wait" not in browser.page("/upload/many").text.partition("What you leave")[0]


def test_a_year_that_was_told_wrong_can_be_emptied(site, browser):
    choose(browser, torrent_file("Blade.Runner.2049.mkv"))
    answer = Parsed(send(browser, year="", title="").text)
    link = next(link["href"] for link in answer.links if link["href"].startswith("/t/"))
    text = browser.page(link).text
    assert "Blade.Runner.2049.mkv" in text
    assert "Year" not in text


def test_what_is_wrong_with_one_row_stops_no_other_and_can_be_corrected(site, browser):
    film, book = torrent_file("Film.mkv"), torrent_file("A Book.epub")
    choose(browser, film, book)
    page = browser.page("/upload/many")
    rows_of(page)[f"year.{hashed(film)}"] = "soon"
    rows_of(page)[f"tags.{hashed(film)}"] = "kept"
    answer = Parsed(send(browser, page).text)
    assert "1 was uploaded. 1 is refused." in answer.text
    assert "The year field must be a whole number." in answer.text
    assert rows_of(answer)[f"tags.{hashed(film)}"] == "kept"
    assert "1 was uploaded." in Parsed(send(browser, answer, year="1999").text).text


def test_duplicates_are_told_before_they_are_sent(site, browser, torrent):
    known = torrent_file("Nosferatu (1922).mkv")
    page = Parsed(choose(browser, known, torrent_file("new"), torrent_file("new")).text)
    assert "Somebody has uploaded this torrent already." in page.text
    assert "The same torrent waits in another row." in page.text
    assert f"/t/{torrent.id}" in [link["href"] for link in page.links]
    assert "1 waits to be sent." in page.text


def test_the_blocklist_refuses_with_its_reason_when_read_and_when_sent(site, browser):
    first, second = torrent_file("first"), torrent_file("second")
    choose(browser, second)
    for data in (first, second):
        site.run(site.services.takedowns.block(parsed(data).infohash, "asked to", "them"))
    assert "blocked here. (asked to)" in Parsed(choose(browser, first).text).text
    link = MAGNET.format(hashed(first), "x")
    assert "blocked here. (asked to)" in Parsed(choose(browser, magnets=link).text).text
    assert "blocked here. (asked to)" in Parsed(send(browser).text).text
    assert "Nothing is here yet" in browser.page("/").text


def test_a_link_becomes_a_record_without_an_owner_whose_file_is_welcome(site, browser):
    film = torrent_file("Some.Film.1999.1080p.mkv")
    choose(browser, magnets=MAGNET.format(hashed(film), "Some.Film.1999.1080p.mkv"))
    answer = Parsed(send(browser, tags="silent").text)
    link = next(link["href"] for link in answer.links if link["href"].startswith("/t/"))
    text = browser.page(link).text
    assert "silent" in text
    assert "by anna" not in text
    assert "owned" not in text
    site.run(site.services.uploads.accept(film, "test"))
    assert "Some.Film.1999.1080p.mkv" in browser.page(link).text
    again = Parsed(choose(browser, magnets=MAGNET.format(hashed(film), "x")).text)
    assert "Somebody has uploaded this torrent already." in again.text


def test_a_row_is_removed_and_the_others_keep_what_was_written(site, browser):
    first, second = torrent_file("first"), torrent_file("second")
    choose(browser, first, second)
    page = browser.page("/upload/many")
    rows_of(page)[f"title.{hashed(second)}"] = "Written"
    fields = rows_of(page) | {"drop": hashed(first)}
    fields = rows_of(Parsed(browser.send("/upload/many/drop", **fields).text))
    assert fields[f"title.{hashed(second)}"] == "Written"
    assert f"title.{hashed(first)}" not in fields
    browser.send("/upload/many/drop", **fields | {"drop": "all"})
    assert "wait" not in browser.page("/upload/many").text.partition("What you leave")[0]


def test_what_waits_is_the_accounts_own_and_for_a_day(site, browser, anna):
    data = torrent_file("mine")
    choose(browser, data)
    other = site.browser(site.user("eve"))
    assert "mine" not in other.page("/upload/many").text
    form = {
        "csrf": other.page("/upload/many").csrf,
        f"draft.{hashed(data)}": "1",
        f"title.{hashed(data)}": "x",
    }
    assert "not kept any more" in Parsed(other.send("/upload/many/send", **form).text).text
    site.now += DRAFT_SECONDS
    assert "mine" not in site.browser(anna).page("/upload/many").text


def test_more_than_200_are_refused_together_and_rows_beyond_that_one_by_one(site, browser):
    link = "\n".join(MAGNET.format(f"{number:040x}", "x") for number in range(MOST_DRAFTS))
    answer = choose(browser, magnets=f"{link}\nmagnet:?xt=urn:btih:{'ab' * 20}")
    assert answer.status_code == 409
    assert "(at most 200)" in Parsed(answer.text).text
    assert "200 wait to be sent." in Parsed(choose(browser, magnets=link).text).text
    page = Parsed(choose(browser, torrent_file("one more")).text)
    assert "There is no room for more of these. (at most 200)" in page.text
    answer = send(browser)
    assert "200 were uploaded." in Parsed(answer.text).text
    assert len(answer.content) < 60_000 or "content-encoding" in answer.headers


def test_all_files_of_a_form_are_together_no_larger_than_one_may_be(site, browser):
    half = bytes(6 << 20)
    answer = choose(browser, half, half)
    assert answer.status_code == 413
    assert "larger" in Parsed(answer.text).text
    page = Parsed(choose(browser, half, b"").text)
    assert "2 are refused." in page.text


async def test_a_sweep_that_fails_ends_nothing():
    swept = asyncio.Event()

    class Broken:
        async def sweep(self):
            swept.set()
            raise OSError("no such device")

    bulk = BulkUploads(None, None, None, None, Broken())
    running = asyncio.create_task(bulk.run())
    async with asyncio.timeout(30):
        await swept.wait()
    assert not running.done()
    running.cancel()


def test_a_script_gets_rows_alone_and_its_page_may_send(site, browser):
    film = torrent_file("Some.Film.1999.mkv")
    page = browser.get("/upload/many")
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "connect-src" not in browser.get("/upload").headers["content-security-policy"]
    answer = choose(browser, film, b"junk", part="rows")
    assert answer.text.count("<li") == 2
    assert "<h1" not in answer.text
    form = {"csrf": Parsed(page.text).csrf, f"draft.{hashed(film)}": "1", "part": "rows", "anonymous": "1"}
    answer = browser.send("/upload/many/send", **form)
    link = re.search(r'href="(/t/\d+)"', answer.text)[1]
    assert "anna" not in site.browser().page(link).text
    too_many = "\n".join(MAGNET.format(f"{number:040x}", "x") for number in range(MOST_DRAFTS + 1))
    assert choose(browser, magnets=too_many, part="rows").status_code == 409


def test_nobody_is_led_to_the_login_and_nothing_is_done_without_a_token(site, browser):
    assert site.browser().get("/upload/many").headers["location"] == "/login?next=%2Fupload%2Fmany"
    for path in ("/upload/many", "/upload/many/send", "/upload/many/drop"):
        assert browser.send(path, drop="all").status_code == 403


def test_names_of_every_script_are_shown_as_they_are(site, browser):
    names = ("الليل والنهار 2019 " + "طويل" * 12, "W" * 200 + ".iso", "🎻 Bach <b>&amp;")
    page = Parsed(choose(browser, *map(torrent_file, names)).text)
    fields = rows_of(page)
    assert {name: fields[f"title.{hashed(torrent_file(name))}"] for name in names} == {
        name: name for name in names
    }


def test_an_operator_without_an_account_has_no_rows(site):
    with pytest.raises(Exception, match="account"):
        site.run(site.pages.writing.bulk.waiting(NOBODY))
    with pytest.raises(Exception, match="account"):
        site.run(site.pages.writing.bulk.waiting(Principal(operator="test")))
    assert site.run(site.pages.writing.bulk.drop(Principal(site.user("bert")), [InfoHash(bytes(20))])) is None
