"""RSS and Atom, read by feedparser and by the rules of media managers."""

import calendar
import hashlib
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import bencodepy
import httpx
import pytest

from accounts.model import Principal, Scope
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.fields import TorrentDetails
from catalogue.model import BookmarkKind
from doors.feeds.items import ITEMS, MAGNET_TYPE, TORRENT_TYPE
from storage.sqlite.database import SqliteDatabase
from tests.support.feeds import GIB, SPACES, open_feeds
from tracker.model import Counts

FORMS = ("rss", "atom")


def items(reader, path, **parameters):
    answer = reader.ask(path, **parameters)
    assert answer.status_code == 200, answer.text
    return list(ET.fromstring(answer.content).iter("item"))


@pytest.mark.parametrize("form", FORMS)
def test_a_search_is_a_feed_of_what_its_page_finds_newest_first(reader, form):
    for name in ("red light", "blue light", "red dark", "red light again"):
        reader.enter(name)
    assert reader.titles(f"/search.{form}", q="red light") == ["red light again", "red light"]
    assert reader.titles(f"/search.{form}", q="red -light") == ["red dark"]
    assert reader.titles(f"/search.{form}") == ["red light again", "red dark", "blue light", "red light"]
    assert reader.titles(f"/{form}") == reader.titles(f"/search.{form}")


@pytest.mark.parametrize("form", FORMS)
def test_a_category_a_tag_and_a_name_are_feeds_as_they_are_searches(reader, form):
    reader.enter("one", "TV", group={"tags": ["harbour"]})
    reader.enter("two", "Music")
    reader.upload("three", tags=["harbour"])
    assert reader.titles(f"/search.{form}", q='category:"TV"') == ["one"]
    assert reader.titles(f"/search.{form}", q="tag:harbour") == ["three", "one"]
    assert reader.titles(f"/search.{form}", q="user:ann") == ["three"]


@pytest.mark.parametrize("form", FORMS)
def test_an_order_that_is_asked_for_is_kept_and_relevance_is_none(reader, form):
    for name, size in (("b", 3 * GIB), ("a", 5 * GIB), ("c", 4 * GIB)):
        reader.enter(name, size=size)
    path = f"/search.{form}"
    assert reader.titles(path, order="size") == ["a", "c", "b"]
    assert reader.titles(path, order="size", way="asc") == ["b", "c", "a"]
    assert reader.titles(path, order="name") == ["a", "b", "c"]
    assert reader.titles(path, order="relevance", way="asc") == ["c", "a", "b"]
    assert reader.titles(path, order="nothing", way="nowhere", page="x") == ["c", "a", "b"]


def test_a_feed_is_bounded_and_goes_on_by_page(reader):
    for number in range(ITEMS + 3):
        reader.enter(f"number {number}")
    assert len(reader.titles("/search.rss")) == ITEMS
    assert reader.titles("/search.rss", page=2) == ["number 2", "number 1", "number 0"]
    assert reader.titles("/search.atom", page=99999999) == []


def test_an_item_of_rss_has_what_torrent_clients_read(reader):
    torrent = reader.upload("Harbour.2024.1080p.mkv", title="Harbour at night", tags=["night"], category_id=1)
    reader.swarms[torrent.infohash] = Counts(7, 30, 5, 5)
    (item,) = items(reader, "/search.rss")
    assert item.findtext("title") == "Harbour at night"
    assert item.findtext("link") == item.findtext("comments") == f"http://feeds.test/t/{torrent.id}"
    assert item.findtext("guid") == f"urn:btih:{torrent.infohash.lower}"
    assert item.find("guid").get("isPermaLink") == "false"
    assert item.findtext("pubDate") == "Sun, 13 Dec 2026 12:00:00 GMT"
    assert item.findtext("size") == str(4 << 20)
    assert item.findtext("description") == "Size: 4.00 MiB. 1 file. Category: Movies. Tags: night"
    assert [each.text for each in item.iterfind("category")] == ["Movies", "night"]
    said = {
        name: item.findtext(f"torrent:{name}", None, SPACES)
        for name in ("contentLength", "infoHash", "fileName")
    }
    assert said == {
        "contentLength": str(4 << 20),
        "infoHash": torrent.infohash.lower,
        "fileName": "Harbour.2024.1080p.mkv",
    }
    assert item.findtext("torrent:seeds", None, SPACES) == "7"
    assert item.findtext("torrent:peers", None, SPACES) == "12"
    magnet = Magnet.parse(item.findtext("torrent:magnetURI", None, SPACES))
    assert (magnet.v1, magnet.size) == (torrent.infohash, 4 << 20)
    assert magnet.trackers == ("http://feeds.test/announce",)


def test_the_enclosure_is_the_file_and_its_length_that_of_the_content(reader):
    torrent = reader.upload("harbour")
    (item,) = items(reader, "/search.rss")
    given = item.find("enclosure").attrib
    assert given["type"] == TORRENT_TYPE
    assert given["length"] == str(4 << 20)
    assert given["url"] == f"http://feeds.test/torrent/{torrent.infohash.upper}.torrent"
    assert bencodepy.decode(reader.ask(given["url"]).content)[b"info"][b"name"] == b"harbour"
    (entry,) = reader.parsed("/search.atom").entries
    (enclosure,) = entry.enclosures
    assert (enclosure.href, enclosure.type, enclosure.length) == (given["url"], TORRENT_TYPE, str(4 << 20))


def test_what_has_no_file_is_a_magnet_link_of_its_own_type(reader):
    torrent = reader.enter("harbour", alias=None)
    (item,) = items(reader, "/search.rss")
    given = item.find("enclosure").attrib
    assert given["type"] == MAGNET_TYPE
    assert Magnet.parse(given["url"]).v1 == torrent.infohash


def test_a_magnet_link_of_a_hybrid_has_both_hashes(reader):
    name, piece = b"both", 1 << 14
    leaf = hashlib.sha256(b"x" * 5).digest()
    tree = {name: {b"": {b"length": 5, b"pieces root": leaf}}}
    info = {b"name": name, b"piece length": piece, b"length": 5, b"pieces": bytes(20), b"file tree": tree}
    data = bencodepy.encode({b"info": info | {b"meta version": 2}, b"piece layers": {}})
    reader.run(reader.services.uploads.accept(data, "test"))
    (item,) = items(reader, "/search.rss")
    magnet = Magnet.parse(item.findtext("torrent:magnetURI", None, SPACES))
    raw = bencodepy.encode(info | {b"meta version": 2})
    assert (magnet.v1, magnet.v2) == (hashlib.sha1(raw).digest(), hashlib.sha256(raw).digest())


def test_an_edit_changes_neither_the_date_nor_the_name_of_an_item(reader):
    torrent = reader.upload("harbour")
    before = reader.parsed("/search.rss").entries[0]
    atom_before = reader.parsed("/search.atom").entries[0]
    reader.clock.now += 5000
    details = TorrentDetails.read({"title": "pier"})
    reader.run(reader.services.curation.edit_torrent(Principal(reader.user), torrent.id, details))
    after = reader.parsed("/search.rss").entries[0]
    assert (after.title, after.id, after.published) == ("pier", before.id, before.published)
    atom_after = reader.parsed("/search.atom").entries[0]
    assert (atom_after.id, atom_after.published) == (atom_before.id, atom_before.published)
    assert calendar.timegm(atom_after.updated_parsed) == int(reader.clock.now)


def test_the_names_of_items_differ(reader):
    for number in range(30):
        reader.enter("same title", infohash=InfoHash(bytes([number]) * 20))
    names = [entry.id for entry in reader.parsed("/search.rss").entries]
    assert len(set(names)) == len(names) == 30


def test_a_record_of_unknown_size_is_left_out(reader):
    reader.enter("harbour")
    reader.enter("only a hash", size=0)
    assert reader.titles("/search.rss") == reader.titles("/search.atom") == ["harbour"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "title",
    [
        "<b>&amp;</b> \"quoted\" 'so' ]]>",
        "smile \U0001f600 \u202b\u05e9\u05dc\u05d5\u05dd",
        "\u0e01" * 250,
        "e\u0301 \u00e9",
    ],
)
def test_any_title_comes_back_as_it_is(reader, form, title):
    torrent = reader.enter(title)
    answer = reader.ask(f"/search.{form}")
    tree = ET.fromstring(answer.content)
    element = next(tree.iter("item" if form == "rss" else f"{{{SPACES['atom']}}}entry"))
    assert torrent.title in [each.text for each in element]
    assert not reader.parsed(f"/search.{form}").bozo


@pytest.mark.parametrize("form", FORMS)
def test_what_xml_forbids_is_replaced_wherever_it_stands(reader, form, monkeypatch):
    reader.enter("harbour")
    bad = "a\x00b\x08c\x1fd\ud800e\ufffff\x0bg"
    name = bad.replace("\ud800", "")  # which no text of the database holds
    real = reader.services.catalogue.torrents.torrents

    async def hostile(*arguments):
        found = await real(*arguments)
        return [replace(each, title=bad, name=name, group=replace(each.group, tags=(bad,))) for each in found]

    monkeypatch.setattr(reader.services.catalogue.torrents, "torrents", hostile)
    assert reader.titles(f"/search.{form}") == ["a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg"]
    assert reader.titles(f"/search.{form}", q="\x00\x0bharbour") is not None
    assert reader.parsed(f"/search.{form}", q="harbour <&> \x07").feed.title


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=%ED%A0%80",
        "q=%FF",
        "q=((((",
        "q=" + "a" * 5000,
        "q=%22",
        "page=-1",
        "page=99999999999999999999",
        "order=",
        "way=%00",
        "q=x&q=y",
        "key=",
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_no_search_is_an_error(reader, form, query):
    reader.enter("harbour")
    assert reader.parsed(f"/search.{form}?{query}").feed.title


def test_hidden_and_blocked_torrents_are_in_no_feed_of_anybody(reader):
    kept, hidden, blocked = (reader.upload(name) for name in ("kept", "hidden", "blocked"))
    collage = reader.collage(kept.group.id, hidden.group.id, blocked.group.id)
    for each in (kept, hidden, blocked):
        group = each.group.id
        reader.bookmark(reader.user, BookmarkKind.GROUP, group)
        reader.bookmark(reader.user, BookmarkKind.TORRENT, each.id)
    reader.hide(hidden)
    reader.run(reader.services.takedowns.block(blocked.infohash, "asked", "them"))
    key = reader.mint()
    moderator = reader.run(reader.accounts.user("root"))
    of_moderator = reader.run(reader.accounts.mint(moderator.id, Scope.FEED))[1]
    for path in ("/search.rss", f"/u/{reader.user.id}.rss", f"/collages/{collage}.rss", "/bookmarks.rss"):
        assert reader.titles(path, key=key) == ["kept"], path
    for path in ("/search.rss", "/search.atom", f"/u/{reader.user.id}.rss", f"/collages/{collage}.rss"):
        assert reader.titles(path, key=of_moderator) == ["kept"], path
    assert reader.ask(f"/g/{hidden.group.id}.rss", key=of_moderator).status_code == 404
    assert reader.names(t="search", apikey=of_moderator) == ["kept"]


def test_an_accounts_torrents_but_for_those_it_uploaded_anonymously(reader):
    reader.upload("open")
    reader.upload("secret", anonymous=True)
    reader.enter("nobody's")
    assert reader.titles(f"/u/{reader.user.id}.rss") == ["open"]
    assert reader.parsed(f"/u/{reader.user.id}.atom").feed.title.startswith("ann")
    for path in (
        "/u/99.rss",
        "/u/x.rss",
        "/u/-1.atom",
        f"/u/{10**18}.rss",
        f"/u/{10**30}.rss",
        "/u/%C2%B2.rss",
    ):
        assert reader.ask(path).status_code == 404, path


def test_the_torrents_of_a_group_and_of_a_collage(reader):
    one, two = reader.enter("one"), reader.enter("two")
    reader.upload("another one", group_id=one.group.id)
    assert reader.titles(f"/g/{one.group.id}.atom") == ["another one", "one"]
    collage = reader.collage(two.group.id, one.group.id)
    assert reader.titles(f"/collages/{collage}.rss") == ["another one", "two", "one"]
    assert reader.ask("/g/99.rss").status_code == reader.ask("/collages/99.atom").status_code == 404


def test_bookmarks_are_those_of_the_key_and_torrents_that_join_their_groups(reader):
    one, two, three = (reader.enter(name) for name in ("one", "two", "three"))
    reader.bookmark(reader.user, BookmarkKind.GROUP, one.group.id)
    reader.bookmark(reader.user, BookmarkKind.TORRENT, one.id)
    reader.bookmark(reader.user, BookmarkKind.TORRENT, three.id)
    reader.bookmark(reader.add_user("bob"), BookmarkKind.TORRENT, two.id)
    key = reader.mint()
    assert reader.titles("/bookmarks.rss", key=key) == ["three", "one"]
    reader.upload("one, once more", group_id=one.group.id)
    assert reader.titles("/bookmarks.atom", key=key) == ["one, once more", "three", "one"]
    assert reader.ask("/bookmarks.rss").status_code == 401


def test_a_feed_says_its_own_address_and_its_page_without_the_key(reader):
    key = reader.mint()
    found = reader.parsed("/search.rss", q="a b", key=key).feed
    assert found.link == "http://feeds.test/search?q=a+b"
    hrefs = {each.rel: each.href for each in found.links}
    assert hrefs["self"] == "http://feeds.test/search.rss?q=a+b"
    assert "pg_feed_" not in reader.ask("/search.atom", q="a", key=key).text


def test_unchanged_feeds_are_answered_304_until_an_item_comes(reader):
    reader.enter("one")
    for path in ("/search.rss", "/search.atom", "/torznab/api?t=search", "/torznab/api?t=caps"):
        etag = reader.ask(path).headers["etag"]
        for sent in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
            again = reader.ask(path, {"If-None-Match": sent})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
        assert reader.ask(path, {"If-None-Match": '"other"'}).status_code == 200
    etag = reader.ask("/search.rss").headers["etag"]
    reader.enter("two")
    assert reader.ask("/search.rss", {"If-None-Match": etag}).status_code == 200


def test_the_counts_of_swarms_make_no_new_feed_for_an_hour(reader):
    torrent = reader.enter("one")
    etag = reader.ask("/search.rss").headers["etag"]
    reader.swarms[torrent.infohash] = Counts(5, 5, 5, 5)
    assert reader.ask("/search.rss", {"If-None-Match": etag}).status_code == 304
    reader.clock.now += 3600
    assert reader.ask("/search.rss", {"If-None-Match": etag}).status_code == 200


def test_feeds_of_different_readers_are_not_each_others(reader):
    reader.upload("one", private=True)
    key = reader.mint()
    anonymous = reader.ask("/search.rss").headers["etag"]
    assert reader.ask("/search.rss", key=key, headers={"If-None-Match": anonymous}).status_code == 200
    assert reader.ask("/search.rss").headers["cache-control"] == "private, no-cache"


# Keys.


def test_a_private_catalogue_is_read_by_key_alone_and_so_are_its_files(tmp_path):
    with open_feeds(tmp_path, anonymous=frozenset()) as reader:
        torrent = reader.upload("harbour")
        assert [reader.ask(path).status_code for path in ("/search.rss", "/search.atom")] == [401, 401]
        key = reader.mint()
        (item,) = items(reader, "/search.rss", key=key)
        url = item.find("enclosure").get("url")
        assert parse_qs(urlsplit(url).query) == {"key": [key]}
        assert bencodepy.decode(reader.ask(url).content)[b"info"][b"name"] == b"harbour"
        plain = f"/torrent/{torrent.infohash.upper}.torrent"
        assert reader.ask(plain).status_code == 401
        assert reader.ask(plain, key=key[:-1] + "x").status_code == 401


def test_the_file_of_a_private_torrent_is_linked_for_who_gets_it_with_the_readers_own_tracker(reader):
    reader.upload("harbour", private=True)
    reader.user = reader.add_user("bob")
    (item,) = items(reader, "/search.rss")
    assert item.find("enclosure").get("url").startswith("magnet:")
    assert Magnet.parse(item.findtext("torrent:magnetURI", None, SPACES)).trackers == ()
    key = reader.mint()
    (item,) = items(reader, "/search.rss", key=key)
    assert Magnet.parse(item.findtext("torrent:magnetURI", None, SPACES)).trackers == (
        "http://feeds.test/announce",
    )
    file = bencodepy.decode(reader.ask(item.find("enclosure").get("url")).content)
    assert file[b"announce"] == b"http://feeds.test/announce"


def test_links_carry_the_key_that_opened_the_feed_and_no_other_text(reader):
    reader.upload("harbour", private=True)
    key = reader.mint()
    (item,) = items(reader, "/search.rss", key=key, apikey="another")
    assert item.find("enclosure").get("url").endswith(f".torrent?key={key}")
    (item,) = reader.torznab(t="search", apikey=key, key="another").iter("item")
    assert item.findtext("link").endswith(f".torrent?key={key}")


def test_the_key_is_not_in_links_that_need_none(reader):
    reader.upload("harbour")
    key = reader.mint()
    assert key not in reader.ask("/search.rss", key=key).text


@pytest.mark.parametrize("path", ["/search.rss", "/u/1.atom", "/bookmarks.rss"])
def test_a_key_that_is_not_one_is_refused_and_says_so(reader, path):
    for key in ("x", "0" * 32, reader.mint(Scope.REST), "pg_feed_" + "A" * 43):
        answer = reader.ask(path, key=key)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["cache-control"] == "no-store"


def test_a_key_limited_to_torznab_opens_no_feed_and_the_other_way_round(reader):
    torznab, feeds = (reader.mint(methods=frozenset({name})) for name in ("torznab", "feeds"))
    assert reader.ask("/search.rss", key=torznab).status_code == 403
    assert reader.ask("/search.rss", key=feeds).status_code == 200
    assert reader.torznab(t="caps", apikey=torznab).tag == "caps"
    assert reader.torznab(t="caps", apikey=feeds).get("code") == "102"


def test_a_feed_takes_as_many_statements_for_many_items_as_for_few(reader, monkeypatch):
    asked = []
    real = SqliteDatabase.rows

    async def counted(self, statement, *arguments, **more):
        asked.append(str(statement))
        return await real(self, statement, *arguments, **more)

    monkeypatch.setattr(SqliteDatabase, "rows", counted)

    def statements(path):
        asked.clear()
        reader.parsed(path)
        return len(asked)

    paths = (
        "/search.rss",
        "/search.atom?q=number",
        f"/u/{reader.user.id}.rss",
        "/torznab/api?t=search&q=number",
    )
    reader.upload("number")
    few = [statements(path) for path in paths]
    for number in range(40):
        reader.upload(f"number {number}", tags=[f"tag{number}"])
    assert [statements(path) for path in paths] == few
    assert max(few) <= 12


def test_a_search_that_takes_too_long_is_503_with_when_to_ask_again(reader, monkeypatch):
    async def slow(wanted):
        raise Refusal("search-too-slow")

    monkeypatch.setattr(reader.services.search, "torrents", slow, raising=False)
    answer = reader.ask("/search.rss", q="x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_an_unknown_form_is_no_feed(reader):
    assert isinstance(reader.ask("/search.json"), httpx.Response)
    assert reader.ask("/search.json").status_code == 404


def test_the_key_of_a_download_client_opens_the_indexer_and_its_files_too(tmp_path):
    with open_feeds(tmp_path, anonymous=frozenset()) as reader:
        reader.upload("kept")
        key = reader.mint(Scope.QBITTORRENT)
        assert reader.names(t="search", apikey=key) == ["kept"]
        (item,) = items(reader, "/search.rss", key=key)
        url = item.find("enclosure").get("url")
        assert parse_qs(urlsplit(url).query) == {"key": [key]}
        assert reader.ask(url).status_code == 200
        limited = reader.mint(Scope.QBITTORRENT, methods=frozenset({"torrents.info"}))
        assert reader.ask("/search.rss", key=limited).status_code == 403
        assert reader.ask("/search.rss", key=reader.mint(Scope.TORBOX)).status_code == 401
