from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.model import Role
from doors.languages import ENGLISH
from tests.web.site import Parsed, site_in
from tracker.model import Counts
from web.browsing import PER_PAGE


def test_the_front_page_leads_to_what_there_is(site, torrent):
    site.swarms[torrent.infohash] = Counts(1234, 5, 67, 67)
    page = site.browser().page("/")
    assert [form.action for form in page.forms] == ["/search", "/language"]
    assert "Nosferatu (1922).mkv" in page.text
    hrefs = [link["href"] for link in page.links]
    assert f"/t/{torrent.id}" in hrefs
    assert "/search?q=category%3A%22Movies%22" in hrefs
    assert "1,234" in page.text
    assert any(href.startswith("magnet:?xt=urn:btih:") and href.endswith("%2Fannounce") for href in hrefs)


def test_the_front_page_has_figures_with_the_line_of_a_day(site, torrent):
    site.run(site.pages.swarms.history.sample())
    site.now += 1800
    site.upload(None, "Another film.mkv")
    site.run(site.pages.swarms.history.sample())
    page = site.browser().page("/")
    assert "2 torrents" in page.text
    assert [tag for tag, given in page.tags if given.get("class") == "spark"] == ["svg"] * 4


def test_lists_of_the_front_page_name_what_has_most_peers(site, anna, torrent):
    from catalogue.model import SwarmStats

    site.run(
        site.pages.catalogue.store.statistics.update_swarm_stats({torrent.infohash: SwarmStats(9, 3, 1)})
    )
    text = site.browser().page("/").text
    assert "Most seeded" in text
    assert "Rising this week" in text


def test_news_stand_on_the_front_page(site, moderator):
    from accounts.model import Principal

    site.run(site.services.curation.post_news(Principal(moderator), "Moved <house>", "All is well."))
    assert "Moved <house>" in site.browser().page("/").text


def test_how_the_service_is_used_stands_on_a_page_with_its_own_address(site):
    page = site.browser().page("/about")
    copied = [
        given["data-copy"]
        for _, given in page.tags
        if "data-copy" in given and given.get("data-keys") is None
    ]
    assert copied[0] == "http://site.test/announce"
    assert "udp://site.test/announce" in copied
    for language in ("curl -F", "httpx.post", "SoapClient", "SOAP::Lite"):
        assert any(language in text and "http://site.test/" in text for text in copied), language
    for given in (given for _, given in page.tags if "data-copy" in given):
        assert "example.org" not in given["data-copy"]


def test_pages_are_compressed_for_visitors_and_what_shows_a_secret_is_not(site, anna):
    for number in range(30):
        site.upload(anna, f"sample {number}")
    visitor, member = site.browser(), site.browser(anna)
    answer = visitor.get("/", **{"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Cookie, Accept-Encoding, Accept-Language"
    assert int(answer.headers["content-length"]) * 3 < len(answer.content)
    assert "content-encoding" not in visitor.get("/", **{"accept-encoding": "identity"}).headers
    assert member.get("/", **{"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    made = member.submit("/account", "/account/keys", scope="rest", label="x", lifetime="86400")
    assert "pg_rest_" in made.text
    assert "content-encoding" not in made.headers


def test_no_two_pages_hold_the_same_token(site, anna):
    browser = site.browser(anna)
    tokens = [browser.page("/account").csrf for _ in range(2)]
    assert tokens[0] != tokens[1]
    for token in tokens:
        assert browser.send("/account/keys", csrf=token, scope="rest", lifetime="").status_code == 200


def test_an_empty_catalogue_says_so(site):
    assert "Nothing is here yet" in site.browser().page("/").text
    assert "Nothing was found" in site.browser().page("/search?q=x").text


def test_pages_run_and_load_only_their_own_files_and_are_not_kept_for_others(site, torrent):
    browser = site.browser()
    for path in (
        "/",
        "/search",
        "/search/help",
        f"/t/{torrent.id}",
        f"/g/{torrent.group.id}",
        "/login",
        "/t/99",
    ):
        answer = browser.get(path)
        assert answer.headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'"
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] in {"private, no-cache", "no-store"}
        tags = Parsed(answer.text).tags
        assert not {"style", "iframe", "object", "base"} & {tag for tag, _ in tags}
        assert {given["src"] for tag, given in tags if tag == "img"} <= {f"/t/{torrent.id}/qr.svg"}
        (script,) = [given for tag, given in tags if tag == "script"]
        assert set(script) == {"src", "defer"}
        assert browser.get(script["src"]).headers["content-type"].startswith("text/javascript")
        assert not [name for _, given in tags for name in given if name == "style" or name.startswith("on")]
        sheet = next(given["href"] for tag, given in tags if tag == "link")
        assert browser.get(sheet).headers["cache-control"].endswith("immutable")


def test_every_page_names_its_language_title_and_one_heading_and_labels_its_boxes(site, anna, torrent):
    browser = site.browser(anna)
    paths = (
        "/",
        "/search",
        f"/t/{torrent.id}",
        f"/t/{torrent.id}/edit",
        f"/g/{torrent.group.id}/edit",
        "/account",
    )
    for path in paths:
        page = browser.page(path)
        named = [tag for tag, _ in page.tags]
        assert named.count("h1") == 1
        assert ("html", {"lang": "en", "dir": "ltr"}) in page.tags
        assert page.unlabelled == []


def test_an_old_name_of_the_style_sheet_still_gets_one_that_is_not_kept(site):
    answer = site.browser().get("/static/style.000000000000.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


def test_a_search_finds_by_words_and_shows_live_numbers(site, torrent):
    site.swarms[torrent.infohash] = Counts(1234, 5, 67, 67)
    page = site.browser().page("/search?q=nosferatu")
    assert "1 torrent" in page.text
    assert "1,234" in page.text
    assert "67" in page.text
    assert page.forms[0].fields["q"] == "nosferatu"


def test_an_infohash_leads_to_its_torrent(site, torrent):
    for spelled in (
        torrent.infohash.upper,
        torrent.infohash.lower,
        f"magnet:?xt=urn:btih:{torrent.infohash.lower}",
    ):
        answer = site.browser().get(f"/search?q={spelled}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{torrent.id}")
    answer = site.browser().get(f"/t/{torrent.infohash.upper}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{torrent.id}")


def test_pages_of_hits_stay_as_they_were_though_torrents_arrive(site, anna):
    for number in range(PER_PAGE + 5):
        site.upload(anna, f"sample {number}")
    browser = site.browser()
    first = browser.page("/search?q=sample&order=time")
    onward = next(link["href"] for link in first.links if link.get("rel") == "next")
    site.upload(anna, "sample that came later")
    second = browser.page(onward)
    titles = [pieces for pieces in second.text.split() if pieces.isdecimal()]
    assert "sample that came later" not in second.text
    assert all(f"sample {number} " in second.text for number in range(5))
    assert titles
    back = next(link["href"] for link in second.links if link.get("rel") == "prev")
    assert "sample that came later" not in browser.page(back).text


@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=-1", "page=x", "page=99999999999999999999999", "page=1000000", "order=nothing", "order=",
        "way=up", "as_of=x", "as_of=-5", "as_of=99999999999999999999", "as_of=9223372036854775807",
        "q=%00", "q=%ED%A0%80", "q=%22", "q=((((", "q=' OR 1=1 --", "q=\" NEAR(", "q=*", "q=-", "q=tag:", "q=%FF",
        "q=" + "a" * 5000, "q=" + "(" * 900, "q=x&q=y", "q=size:>99999999999999999999PB", "q=%E2%80%AEevil",
    ],
)  # fmt: skip
def test_no_search_is_an_error(site, torrent, query):
    answer = site.browser().get(f"/search?{query}")
    assert answer.status_code == 200
    Parsed(answer.text)


def test_more_hits_than_are_counted_are_marked_as_such(site, anna, monkeypatch):
    from catalogue.query import SearchHits

    async def many(wanted):
        return SearchHits((), 1000, False, 7)

    monkeypatch.setattr(site.services.search, "torrents", many, raising=False)
    text = site.browser().page("/search?q=x&order=size").text
    assert "1,000+ torrents" in text
    assert "the newest 1,000 of them are" in text


def choices(page):
    """The links of facets, by what they are called; those that are on are marked."""
    links = [given for given in page.links if given.get("rel") == "nofollow" and "href" in given]
    return [(given["href"], given.get("aria-current")) for given in links]


def test_a_search_is_narrowed_by_links_and_widened_by_chips(site, anna):
    site.upload(anna, "alpha one.mkv", {"tags": ["x", "y"]}, size=500)
    site.upload(anna, "alpha two.iso", {"tags": ["x"], "category_id": 6}, size=2 * 10**9)
    browser = site.browser()
    page = browser.page("/search?q=alpha")
    links = [href for href, _ in choices(page)]
    for query in ("alpha category:pc", "alpha size:1GB..10GB", "alpha tag:y"):
        (href,) = [each for each in links if parse_qs(urlsplit(each).query)["q"] == [query]]
        narrowed = browser.page(href)
        assert "1 torrent" in narrowed.text, query
        assert any(on for _, on in choices(narrowed)), query
        assert f"{query.removeprefix('alpha ')} ✕" in narrowed.text
        back = [each["href"] for each in narrowed.links if each.get("title") == "Remove this filter"]
        assert back == ["/search?q=alpha"]
        feeds = [each["href"] for each in narrowed.links if each.get("type") == "application/rss+xml"]
        assert parse_qs(urlsplit(feeds[0]).query)["q"] == [query]
    assert "alpha tag:x tag:y" in {
        parse_qs(urlsplit(each).query)["q"][0] for each, _ in choices(browser.page("/search?q=alpha+tag:x"))
    }


def test_what_does_not_narrow_is_not_offered(site, torrent):
    assert [href for href, _ in choices(site.browser().page("/search")) if "order=" not in href] == []


def test_columns_sort_by_links_and_say_how(site, anna):
    for name, bytes_of in (("b", 1), ("a", 3), ("c", 2)):
        site.upload(anna, f"{name} sample", size=bytes_of)
    browser = site.browser()

    def titles(page):
        return [word for word in page.text.split() if word in {"a", "b", "c"}]

    page = browser.page("/search")
    sorting = {
        parse_qs(urlsplit(href).query)["order"][0]: href for href, _ in choices(page) if "order=" in href
    }
    assert titles(browser.page(sorting["name"])) == ["a", "b", "c"]
    by_size = browser.page(sorting["size"])
    assert titles(by_size) == ["a", "c", "b"]
    assert [given["aria-sort"] for tag, given in by_size.tags if tag == "th" and "aria-sort" in given] == [
        "descending"
    ]
    (again,) = [href for href, _ in choices(by_size) if "order=size" in href]
    assert titles(browser.page(again)) == ["b", "c", "a"]


def test_a_word_that_cannot_be_read_is_named_beside_the_results_of_the_rest(site, torrent):
    page = site.browser().page("/search?q=nosferatu+size:huge+year:soon")
    assert "1 torrent" in page.text
    assert "size:huge was left out: it takes a size as 700MiB" in page.text
    assert "year:soon was left out: it takes a year" in page.text
    feed = next(each["href"] for each in page.links if each.get("type") == "application/rss+xml")
    assert feed == "/search.rss?q=nosferatu"


def test_a_misspelt_word_gets_what_the_index_holds(site, torrent):
    page = site.browser().page("/search?q=nosfertau+tag:horror")
    assert "Did you mean nosferatu tag:horror?" in page.text
    (href,) = [each["href"] for each in page.links if "nosferatu" in each["href"]]
    assert "1 torrent" in site.browser().page(href).text
    assert "Did you mean" not in site.browser().page("/search?q=qqqqqq").text


def test_a_row_says_when_exactly(site, torrent):
    site.now += 3 * 3600
    page = site.browser().page("/search")
    (given,) = [given for tag, given in page.tags if tag == "time"]
    assert given == {"datetime": "2023-11-14T22:13:20Z", "title": "2023-11-14 22:13 UTC"}
    assert "3\xa0h" in page.pieces


def test_a_private_torrent_has_no_magnet_link_in_lists(site, anna):
    import bencodepy

    from accounts.model import Principal
    from catalogue.fields import NO_DETAILS
    from tests.web.site import torrent_file

    data = bencodepy.decode(torrent_file("secret"))
    data[b"info"][b"private"] = 1
    site.run(site.services.curation.publish(Principal(anna), bencodepy.encode(data), "test", NO_DETAILS))
    page = site.browser().page("/search")
    assert "private" in page.text
    assert not [each for each in page.links if each["href"].startswith("magnet:")]


def test_a_search_that_takes_too_long_says_what_to_do(site, monkeypatch):
    from bittorrent.refusal import Refusal

    async def slow(wanted):
        raise Refusal("search-too-slow")

    monkeypatch.setattr(site.services.search, "torrents", slow, raising=False)
    assert "make it narrower" in site.browser().page("/search?q=x", 503).text


def test_a_private_catalogue_shows_nothing_and_asks_to_log_in(tmp_path):
    with site_in(tmp_path, frozenset()) as site:
        anna = site.user("anna")
        torrent = site.upload(anna, "secret plans")
        browser = site.browser()
        assert "secret plans" not in browser.get("/").text
        for path in ("/search?q=plans", f"/t/{torrent.id}", f"/g/{torrent.group.id}", f"/u/{anna.id}"):
            answer = browser.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login?next=%2F")
        assert "secret plans" in site.browser(anna).page(f"/t/{torrent.id}").text


def test_too_many_requests_say_how_long_to_wait(tmp_path):
    with site_in(tmp_path, rate="3/minute") as site:
        browser = site.browser()
        assert [browser.get("/search/help").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert "60 seconds" in browser.get("/").text


def test_hidden_torrents_are_seen_by_moderators_alone(site, anna, moderator, torrent):
    site.browser(moderator).submit(f"/t/{torrent.id}", f"/t/{torrent.id}/mark", hidden="1")
    other = site.browser(site.user("other"))
    for browser in (site.browser(), other):
        assert "Nosferatu" not in browser.page("/search?q=nosferatu").text.replace("nosferatu", "")
        browser.page(f"/t/{torrent.id}", 404)
    assert "This torrent is hidden" in site.browser(moderator).page(f"/t/{torrent.id}").text
    assert site.user("second", Role.ADMIN).role is Role.ADMIN


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (10_240, "10.0 KiB"), (1 << 30, "1.00 GiB"),
     ((1 << 40) - 1, "1024 GiB"), (2**63, "8.00 EiB"), (2**80, "1048576 EiB")],
)  # fmt: skip
def test_sizes_are_written_in_units(number, text):
    assert ENGLISH.size(number) == text


def test_times_beyond_calendars_are_written_all_the_same():
    assert (ENGLISH.day(-1), ENGLISH.moment(2**62)) == ("1970-01-01", "9999-12-31 23:59")


def test_pages_weigh_little_and_load_two_files_before_they_are_painted(site, anna):
    for number in range(PER_PAGE):
        site.upload(anna, f"{number} " + "東京の夜" * 20, {"tags": ["public.domain", "open.source"]})
    browser = site.browser()
    for path in ("/", "/search", "/search?q=tag:open.source", "/t/1", "/t/1?tab=files", "/about", "/tags"):
        answer = browser.get(path, **{"accept-encoding": "gzip"})
        assert int(answer.headers["content-length"]) < 60 << 10, path
        tags = Parsed(answer.text).tags
        blocking = [given["href"] for tag, given in tags if tag == "link" and given["rel"] == "stylesheet"]
        assert len(blocking) == 1
        assert all("defer" in given for tag, given in tags if tag == "script")
        assert all(given.get("loading") == "lazy" for tag, given in tags if tag == "img")


def test_on_a_private_tracker_pages_of_accounts_hold_a_passkey_and_are_not_compressed(site, anna):
    async def passkey(account):
        return "a" * 32

    for number in range(30):
        site.upload(anna, f"sample {number}")
    site.pages.files.served._passkey = passkey
    member = site.browser(anna).get("/search?q=sample", **{"accept-encoding": "gzip"})
    assert "%2Fannounce%2F" + "a" * 32 in member.text
    assert "content-encoding" not in member.headers
    visitor = site.browser().get("/search?q=sample", **{"accept-encoding": "gzip"})
    assert "a" * 32 not in visitor.text
    assert visitor.headers["content-encoding"] == "gzip"
