"""Torznab by the rules of Sonarr's and Prowlarr's own parsers: what loses an item, a page or the whole indexer."""

from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest

from accounts.model import Principal, Role, Scope
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.model import Freeleech
from doors.feeds.items import ITEMS, MAGNET_TYPE, TORRENT_TYPE
from doors.feeds.newznab_categories import FIRST_CUSTOM
from tests.support.feeds import SPACES, attributes, open_feeds
from tracker.model import Counts

DEFAULT_TV = "5030,5040"
"""The categories with which Sonarr asks unless told otherwise."""


def error(tree):
    assert tree.tag == "error"
    return int(tree.attrib["code"]), tree.attrib["description"]


def only(reader, **parameters):
    (item,) = reader.torznab(t="search", **parameters).iter("item")
    return item


# The document.


def test_the_namespace_is_declared_as_callers_look_for_it(reader):
    reader.enter("Harbour")
    text = reader.ask("/torznab/api", t="search").text
    assert 'xmlns:torznab="http://torznab.com/schemas/2015/feed"' in text
    assert 'xmlns:atom="http://www.w3.org/2005/Atom"' in text
    assert ET.fromstring(text.encode()).find(".//error") is None


def test_every_item_has_what_no_caller_does_without(reader):
    torrent = reader.upload("Harbour.S01E02.720p.mkv", category_id=3)
    reader.swarms[torrent.infohash] = Counts(7, 30, 5, 5)
    item = only(reader)
    assert item.findtext("title") == "Harbour.S01E02.720p.mkv"
    assert item.findtext("guid") == f"urn:btih:{torrent.infohash.lower}"
    assert parsedate_to_datetime(item.findtext("pubDate")).timestamp() == torrent.added
    assert item.findtext("size") == str(4 << 20)
    assert item.findtext("comments") == f"http://feeds.test/t/{torrent.id}"
    enclosure = item.find("enclosure").attrib
    assert enclosure == {
        "url": f"http://feeds.test/torrent/{torrent.infohash.upper}.torrent",
        "length": str(4 << 20),
        "type": TORRENT_TYPE,
    }
    assert item.findtext("link") == enclosure["url"]
    said = attributes(item)
    assert said["size"] == [str(4 << 20)]
    assert said["infohash"] == [torrent.infohash.lower]
    assert Magnet.parse(said["magneturl"][0]).v1 == torrent.infohash
    assert said["files"] == ["1"]
    assert said["grabs"] == ["30"]


def test_peers_include_the_seeders_and_both_are_whole_numbers(reader):
    torrent = reader.enter("Harbour")
    reader.swarms[torrent.infohash] = Counts(7, 30, 5, 5)
    said = attributes(only(reader))
    assert (said["seeders"], said["peers"]) == (["7"], ["12"])


def test_every_item_has_a_category_and_the_thousand_above_it(reader):
    for category in ("Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted"):
        reader.enter(f"in {category}", category)
    for item in reader.torznab(t="search").iter("item"):
        numbers = [int(number) for number in attributes(item)["category"]]
        assert [int(each.text) for each in item.iterfind("category")] == numbers
        assert 1000 <= min(numbers) <= 8020
        assert min(numbers) % 1000 == 0


def test_the_title_is_the_name_of_the_release_whatever_people_call_it(reader):
    reader.upload("Harbour.S01E02.720p.mkv", title="The one with the pier")
    assert reader.names(t="search") == ["Harbour.S01E02.720p.mkv"]
    assert reader.names(t="search", q="pier") == ["Harbour.S01E02.720p.mkv"]


def test_what_has_no_file_is_a_magnet_link_that_callers_take(reader):
    torrent = reader.enter("Harbour")
    enclosure = only(reader).find("enclosure").attrib
    assert enclosure["type"] == MAGNET_TYPE
    assert Magnet.parse(enclosure["url"]).v1 == torrent.infohash


def test_ids_have_at_least_seven_digits_and_are_not_there_when_not_known(reader):
    reader.enter("Short", "Movies", group={"imdb": 1234})
    said = attributes(only(reader))
    assert (said["imdb"], said["imdbid"]) == (["0001234"], ["tt0001234"])
    reader.enter("Unknown", "Movies")
    said = attributes(next(reader.torznab(t="search").iter("item")))
    assert not {"imdb", "imdbid", "year", "season", "episode"} & said.keys()


def test_season_episode_and_year_where_they_are_known(reader):
    reader.enter("Harbour.S03E07.1080p", "TV", group={"season": 3, "year": 2011})
    said = attributes(only(reader))
    assert (said["season"], said["episode"], said["year"]) == (["3"], ["7"], ["2011"])
    reader.enter("Harbour Season 4", "TV", group={"season": 4})
    said = attributes(next(reader.torznab(t="search").iter("item")))
    assert said["season"] == ["4"]
    assert "episode" not in said


@pytest.mark.parametrize(
    ("kind", "factors"),
    [(Freeleech.NORMAL, ("1", "1")), (Freeleech.FREE, ("0", "1")), (Freeleech.NEUTRAL, ("0", "0"))],
)
def test_factors_are_those_that_callers_know(reader, kind, factors):
    torrent = reader.enter("Harbour")
    root = Principal(reader.add_user("root", Role.ADMIN))
    reader.run(reader.services.curation.set_freeleech(root, torrent.id, kind))
    said = attributes(only(reader))
    assert (said["downloadvolumefactor"][0], said["uploadvolumefactor"][0]) == factors


# Paging.


def test_a_full_page_is_full_whatever_is_hidden_and_the_next_goes_on(reader):
    hidden = [reader.upload(f"number {number:03}") for number in range(ITEMS + 30)][20:25]
    root = Principal(reader.add_user("root", Role.ADMIN))
    for each in hidden:
        reader.run(reader.services.curation.mark_torrent(root, each.id, hidden=True))
    # The uploader's own key sees no more than others, else a page would be short.
    for key in (None, reader.mint()):
        first = reader.names(t="search", q="number", limit=ITEMS, offset=0, apikey=key)
        second = reader.names(t="search", q="number", limit=ITEMS, offset=ITEMS, apikey=key)
        assert (len(first), len(second)) == (ITEMS, 25)
        assert not set(first) & set(second)
        assert reader.names(t="search", q="number", offset=2 * ITEMS, apikey=key) == []


def test_a_page_without_a_limit_is_as_long_as_callers_compute_it(reader):
    for number in range(ITEMS + 5):
        reader.enter(f"number {number}")
    limits = reader.torznab(t="caps").find("limits").attrib
    computed = min(100, max(int(limits["default"]), int(limits["max"])))
    assert len(reader.names(t="search")) == computed == ITEMS
    assert len(reader.names(t="search", limit=0)) == ITEMS
    assert len(reader.names(t="search", limit=5000)) == ITEMS
    assert len(reader.names(t="search", limit=7)) == 7
    assert reader.names(t="search", offset=ITEMS) == [f"number {number}" for number in range(4, -1, -1)]


def test_a_response_says_where_it_begins_and_how_many_there_are(reader):
    for number in range(5):
        reader.enter(f"number {number}")
    given = reader.torznab(t="search", offset=3).find(".//newznab:response", SPACES).attrib
    assert given == {"offset": "3", "total": "5"}


def test_every_page_is_newest_first_with_dates_that_fall(reader):
    for number in range(5):
        reader.clock.now += 60
        reader.enter(f"number {number}")
    for parameters in ({}, {"q": "number"}, {"cat": "8000"}):
        dates = [
            parsedate_to_datetime(item.findtext("pubDate"))
            for item in reader.torznab(t="search", **parameters).iter("item")
        ]
        assert len(dates) == 5
        assert dates == sorted(dates, reverse=True)


# What makes adding an indexer fail.


@pytest.mark.parametrize("function", ["search", "tvsearch", "movie", "music", "audio", "book"])
def test_the_default_feed_lists_the_newest(reader, function):
    reader.enter("whatever is here")
    assert reader.names(t=function) == ["whatever is here"]
    assert reader.names(t=function, extended=1, limit=100, offset=0, apikey="", q="") == ["whatever is here"]


def test_sonarrs_first_search_finds_the_series_that_are_here(reader):
    reader.enter("Harbour.S01E01.720p", "TV")
    reader.enter("Harbour S01E02", "TV")
    reader.enter("A film", "Movies")
    asked = {"t": "tvsearch", "cat": DEFAULT_TV, "extended": 1, "limit": 100, "offset": 0}
    assert reader.names(**asked) == ["Harbour S01E02", "Harbour.S01E01.720p"]


def test_the_capabilities_have_what_callers_stop_without(reader):
    caps = reader.torznab(t="caps")
    assert set(caps.find("limits").attrib) == {"max", "default"}
    searching = {each.tag: each.attrib for each in caps.find("searching")}
    assert searching.keys() >= {
        "search",
        "tv-search",
        "movie-search",
        "music-search",
        "audio-search",
        "book-search",
    }
    assert {each["available"] for each in searching.values()} == {"yes"}
    assert "q" in searching["search"]["supportedParams"].split(",")
    assert {"q", "season", "ep"} <= set(searching["tv-search"]["supportedParams"].split(","))
    assert searching["music-search"] == searching["audio-search"]


def test_an_id_is_a_supported_parameter_once_there_is_one(reader):
    def supported(name):
        return reader.torznab(t="caps").find(f"searching/{name}").attrib["supportedParams"].split(",")

    reader.enter("Harbour", "Movies")
    assert "imdbid" not in supported("movie-search")
    reader.enter("Pier", "Movies", group={"imdb": 1234})
    assert "imdbid" in supported("movie-search")
    assert "imdbid" in supported("tv-search")
    assert "imdbid" not in supported("music-search")


def test_the_capabilities_list_every_category_that_an_item_may_have(reader):
    custom = reader.run(reader.catalogue.taxonomy.add_category("Documentaries", 1))
    reader.enter("Harbour", "Movies", group={"category_id": custom.id})
    caps = reader.torznab(t="caps")
    numbers = {int(each.get("id")) for each in caps.iter() if each.tag in ("category", "subcat")}
    for category in ("Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted"):
        for word in ("2160p", "720p", "flac", "mp3", "epub", "cbr", "apk", "ipa", "iso", "macos", "plain"):
            reader.enter(f"{category} {word}", category)
    found = {
        int(number)
        for offset in (0, ITEMS)
        for item in reader.torznab(t="search", offset=offset).iter("item")
        for number in attributes(item)["category"]
    }
    assert found <= numbers
    (listed,) = [each for each in caps.iter("subcat") if each.get("id") == str(FIRST_CUSTOM + custom.id)]
    assert listed.get("name") == "Movies/Documentaries"


# Categories.


def test_a_number_finds_exactly_the_items_that_are_shown_with_it(reader):
    words = (
        "2160p UHD",
        "1080p",
        "720p.4K",
        "plain",
        "flac",
        "mp3",
        "flac mp3",
        "epub",
        "cbz",
        "apk",
        "iso",
        "macos iso",
    )
    for category in ("Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX"):
        for word in words[:12]:
            reader.enter(f"{category} {word}", category)
    shown = {}
    for offset in (0, ITEMS):
        for item in reader.torznab(t="search", offset=offset).iter("item"):
            for number in attributes(item)["category"]:
                shown.setdefault(number, set()).add(item.findtext("title"))
    assert len(shown) > 20
    for number, titles in shown.items():
        assert set(reader.names(t="search", cat=number)) == titles, number
    both = set(reader.names(t="search", cat="2045,3040"))
    assert both == shown["2045"] | shown["3040"]


@pytest.mark.parametrize("numbers", ["1000", "1010,1020", "2050", "99", "999999", "abc", ",", "-1", "²"])
def test_a_number_that_nothing_has_finds_nothing(reader, numbers):
    reader.enter("Harbour", "Movies")
    assert reader.names(t="search", cat=numbers) == []


def test_a_category_of_the_operators_own_is_found_by_its_number_and_by_the_one_above(reader):
    custom = reader.run(reader.catalogue.taxonomy.add_category("Documentaries", 1))
    reader.enter("Harbour", group={"category_id": custom.id})
    reader.enter("Pier", "Movies")
    assert reader.names(t="search", cat=str(FIRST_CUSTOM + custom.id)) == ["Harbour"]
    assert reader.names(t="movie", cat="2000") == ["Pier", "Harbour"]


# Searches.


@pytest.mark.parametrize(
    "sent",
    [
        "Spider-Man: Far - From",
        "spider man far",
        "SPIDER.MAN",
        "man tag:2019",
        '"spider far',
        "(spider",
        "spider -",
    ],
)
def test_words_are_words_and_no_syntax(reader, sent):
    reader.enter("Spider-Man.Far.From.Home.tag.2019")
    assert reader.names(t="search", q=sent) == ["Spider-Man.Far.From.Home.tag.2019"]


def test_words_are_not_looked_for_in_descriptions_and_files(reader):
    reader.upload("Harbour", description="not about spiders", category_id=1)
    assert reader.names(t="search", q="spiders") == []
    assert reader.names(t="search", q="!!!") == []
    assert reader.names(t="search", q="harbour " * 400) == ["Harbour"]


EPISODES = (
    "Harbour.S01E05.720p",
    "Harbour S01E05-E06",
    "Harbour.S01E05E06",
    "Harbour 1x05",
    "Harbour.S1E5",
    "Harbour S01 E05",
)


def test_an_episode_is_found_however_it_is_written(reader):
    for name in (
        *EPISODES,
        "Harbour.S01E50",
        "Harbour.S02E05",
        "Harbour.S01E15",
        "Harbour.S01",
        "Pier.S01E05",
    ):
        reader.enter(name, "TV")
    found = reader.names(t="tvsearch", q="harbour", season="1", ep="5")
    assert sorted(found) == sorted(EPISODES)
    assert reader.names(t="tvsearch", q="harbour", season="01", ep="05") == found
    assert reader.names(t="tvsearch", q="harbour", season="S01", ep="E05") == found


def test_a_season_finds_its_episodes_and_packs(reader):
    packs = ("Harbour.S01.Complete", "Harbour Season 1", "Harbour.Season.01")
    for name in (*EPISODES[:4], *packs, "Harbour.S02E05", "Harbour.S11", "Harbour Season 10"):
        reader.enter(name, "TV")
    assert sorted(reader.names(t="tvsearch", q="harbour", season="1")) == sorted((*EPISODES[:4], *packs))


def test_specials_are_season_00(reader):
    for name in ("Harbour.S00E01", "Harbour Specials", "Harbour.S01E01"):
        reader.enter(name, "TV")
    assert reader.names(t="tvsearch", q="harbour", season="00") == ["Harbour Specials", "Harbour.S00E01"]
    assert reader.names(t="tvsearch", q="harbour", season="00", ep="01") == ["Harbour.S00E01"]


def test_a_daily_series_is_asked_by_year_and_day(reader):
    for name in ("Harbour.2024.01.15.720p", "Harbour 2024-01-16", "Harbour.2023.01.15"):
        reader.enter(name, "TV")
    assert reader.names(t="tvsearch", q="harbour", season="2024", ep="01/15") == ["Harbour.2024.01.15.720p"]
    assert reader.names(t="tvsearch", q="harbour", season="2024", ep="1/16") == ["Harbour 2024-01-16"]
    assert len(reader.names(t="tvsearch", q="harbour", season="2024")) == 2


@pytest.mark.parametrize("sent", ["tt0001234", "0001234", "1234", "tt1234", "TT0001234"])
def test_a_title_at_imdb_is_found_by_its_number(reader, sent):
    reader.enter("Harbour", "Movies", group={"imdb": 1234})
    reader.enter("Pier", "Movies", group={"imdb": 12345})
    assert reader.names(t="movie", imdbid=sent, cat="2000") == ["Harbour"]
    assert reader.names(t="movie", imdbid="tt7654321") == []


def test_an_id_that_the_catalogue_does_not_know_finds_nothing_unless_there_are_words(reader):
    reader.enter("Harbour", "TV")
    for name in ("tvdbid", "rid", "tvmazeid", "tmdbid"):
        assert reader.names(t="tvsearch", **{name: "77"}) == []
        assert reader.names(t="tvsearch", q="harbour", **{name: "77"}) == ["Harbour"]


def test_a_year_is_that_of_the_work_or_stands_in_the_name(reader):
    reader.enter("Harbour", "Movies", group={"year": 2011})
    reader.enter("Harbour 2011", "Movies")
    reader.enter("Harbour 2012", "Movies", group={"year": 2012})
    assert reader.names(t="movie", q="harbour", year="2011") == ["Harbour 2011", "Harbour"]


def test_music_and_books_are_found_by_who_made_them(reader):
    reader.enter("FLAC rip", "Music", group={"authors": ["Ada Lovelace"], "name": "Engines"})
    reader.enter("Engines", "Music")
    assert reader.names(t="music", artist="Ada Lovelace", album="Engines") == ["FLAC rip"]
    assert reader.names(t="book", author="lovelace", title="engines") == ["FLAC rip"]
    assert attributes(only(reader, q="ada"))["author"] == ["Ada Lovelace"]


# Errors.


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, 200),
        ({"t": ""}, 200),
        ({"t": "register"}, 202),
        ({"t": "\x00"}, 202),
        ({"t": "search", "limit": "x"}, 201),
        ({"t": "search", "offset": "-1"}, 201),
        ({"t": "search", "limit": "²"}, 201),
        ({"t": "tvsearch", "season": "one"}, 201),
        ({"t": "tvsearch", "season": "1", "ep": "x"}, 201),
        ({"t": "tvsearch", "season": "2024", "ep": "5"}, 201),
        ({"t": "movie", "imdbid": "nm1"}, 201),
        ({"t": "movie", "year": "MMXI"}, 201),
        ({"t": "search", "apikey": "wrong"}, 100),
        ({"t": "caps", "apikey": "pg_feed_" + "A" * 43}, 100),
    ],
)
def test_errors_are_numbers_in_xml_at_status_200(reader, parameters, code):
    said, description = error(reader.torznab(**parameters))
    assert said == code
    assert description


def test_keys_that_open_nothing_are_100_to_199(tmp_path):
    with open_feeds(tmp_path, anonymous=frozenset()) as reader:
        reader.upload("Harbour")
        good = reader.mint()
        assert reader.names(t="search", apikey=good) == ["Harbour"]
        sent = (None, "", reader.mint(Scope.REST), reader.mint(Scope.TORRENT_API), "x" * 5000)
        codes = [error(reader.torznab(t="search", apikey=key))[0] for key in sent]
        assert codes == [100] * 5
        reader.run(reader.accounts.set_enabled(reader.user.id, enabled=False))
        assert error(reader.torznab(t="search", apikey=good))[0] == 101


def test_a_limit_is_429_with_when_to_come_back_and_the_words_that_callers_know(tmp_path):
    with open_feeds(tmp_path, rate="2/minute") as reader:
        heard = [reader.ask("/torznab/api", t="caps") for _ in range(3)]
        assert [answer.status_code for answer in heard] == [200, 200, 429]
        assert 0 < int(heard[-1].headers["retry-after"]) <= 60
        assert error(ET.fromstring(heard[-1].content)) == (500, "Request limit reached")


def test_a_search_that_fails_is_an_error_that_is_read(reader, monkeypatch):
    async def slow(wanted):
        raise Refusal("search-too-slow")

    monkeypatch.setattr(reader.services.search, "torrents", slow, raising=False)
    assert error(reader.torznab(t="search", q="x"))[0] == 900


@pytest.mark.parametrize(
    "query",
    ["t=search&q=%00", "t=search&q=%FF%FE", "t=search&q=%ED%A0%80", "t=SEARCH&q=\"", "t=search&t=caps", "t=search&cat=" + "5000," * 300,
     "t=search&q=" + "a+" * 2000, "t=search&q=" + "a" * 7000, "t=search&offset=999999999", "t=tvsearch&season=9999"],
)  # fmt: skip
def test_no_search_breaks_the_document(reader, query):
    reader.enter("Harbour")
    assert reader.torznab_text(query).tag in ("rss", "caps")


def test_a_name_that_xml_cannot_hold_loses_no_item(reader):
    reader.enter('a & b <c> "d" ]]> \U0001f600', infohash=InfoHash(b"\x01" * 20))
    assert reader.names(t="search") == ['a & b <c> "d" ]]> \U0001f600']
