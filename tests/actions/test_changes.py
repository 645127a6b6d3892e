"""Pages of the history: what each viewer hears of, in which order, and what is said of a cursor that is too old."""

import httpx
import pytest
from starlette.applications import Starlette

from accounts.model import Principal, Role
from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import GroupChange, TorrentDetails
from catalogue.history import HistoryPosition
from catalogue.model import PUBLIC_VIEWER, Contents, MetainfoSummary, ParsedRelease, Viewer
from doors.rest.door import routes
from doors.rest.operation import RestServices
from storage.maintenance import MaintenanceLog
from tests.support.clock import Clock
from tests.support.services import open_services

DAY = 86_400


class Site:
    """A catalogue whose changes are read."""

    def __init__(self, opened, clock):
        self.opened, self.clock = opened, clock
        self.services = opened.services
        self.catalogue = opened.application.catalogue.catalogue
        self.changes = opened.application.catalogue.changes
        self.history = opened.application.catalogue.catalogue.store.history

    async def add(self, name, **more):
        infohash = InfoHash(name.encode().ljust(20, b"\0"))
        known = {"infohash": infohash, "alias": None, "name": name, "root": "", "size": 5}
        known |= {"private": False, "held": False, "comment": "", "contents": Contents(), "added": 1} | more
        torrent, _ = await self.catalogue.torrents.add(
            MetainfoSummary(**known), ParsedRelease(name, "Books"), TorrentDetails.read({})
        )
        return torrent

    async def read(self, after="", viewer=PUBLIC_VIEWER, **options):
        page = await self.changes.page(after, viewer, **{"blocks": False} | options)
        return [(change.kind.value, name_of(change.infohash)) for change in page.changes], page

    async def told(self, after="", viewer=PUBLIC_VIEWER, **options):
        return (await self.read(after, viewer, **options))[0]

    async def cursor(self):
        return str(await self.history.newest())


def name_of(infohash):
    return bytes(infohash).rstrip(b"\0").decode()


@pytest.fixture
async def site(tmp_path):
    clock = Clock(1_700_000_000.0)
    opened = await open_services(tmp_path, clock, {}, rates={"rest": "1000/minute"})
    yield Site(opened, clock)
    await opened.close()


MODERATOR = Viewer(1, moderates=True)


async def test_everything_is_told_once_in_the_order_of_its_last_change(site):
    one = await site.add("one")
    await site.add("two")
    assert await site.told() == [("added", "one"), ("added", "two")]
    begun = await site.cursor()
    await site.catalogue.groups.edit(one.group.id, GroupChange.read({"name": "better"}))
    assert await site.told() == [("added", "two"), ("added", "one")]
    assert await site.told(begun) == [("changed", "one")]
    assert await site.told(await site.cursor()) == []


async def test_a_record_comes_whole_and_without_its_uploader(site):
    user = await site.services.accounts.add("ann", None)
    torrent = await site.add("one")
    await site.catalogue.torrents.assign(torrent.id, user.id)
    ((change,), _) = (await site.changes.page("", PUBLIC_VIEWER, blocks=False)).changes, None
    assert change.torrent["name"] == "one"
    assert change.torrent["uploader"] is None
    assert (change.group["group"], change.group["category_id"]) == (torrent.infohash.upper, 5)


async def test_pages_are_bounded_and_tell_how_far_the_reader_is(site):
    for number in range(7):
        await site.add(f"t{number}")
    names, after, pages = [], "", 0
    while True:
        told, page = await site.read(after, limit=3)
        names += [name for _, name in told]
        after, pages = page.cursor, pages + 1
        assert page.position == min(3 * pages, 7)
        assert page.newest == 7
        if page.whole:
            break
    assert names == [f"t{number}" for number in range(7)]
    assert pages == 3


async def test_what_is_removed_is_told_as_removed_and_what_returns_as_added(site):
    torrent = await site.add("one")
    begun = await site.cursor()
    await site.catalogue.torrents.remove(torrent.id)
    assert await site.told(begun) == [("removed", "one")]
    removed = await site.cursor()
    await site.add("one")
    assert await site.told(removed) == [("added", "one")]
    assert await site.told(begun) == [("added", "one")]


async def test_a_hidden_torrent_is_removed_for_who_is_not_shown_it_and_one_that_never_showed_is_not_told(
    site,
):
    torrent = await site.add("one")
    begun = await site.cursor()
    await site.catalogue.torrents.mark(torrent.id, hidden=True)
    assert await site.told(begun) == [("removed", "one")]
    assert await site.told(begun, MODERATOR) == [("changed", "one")]
    never = await site.add("two")
    await site.catalogue.torrents.mark(never.id, hidden=True)
    # Between the two it showed, so it may have been read.
    assert ("removed", "two") in await site.told(begun)


async def test_a_torrent_that_came_hidden_leaves_no_trace(site):
    begun = await site.cursor()
    torrent = await site.add("secret")
    store = site.opened.application.stores.records
    async with store.transaction() as transaction:
        await transaction.run("UPDATE torrent SET hidden = 1")
        await transaction.run("UPDATE history SET seen = 0")
    assert await site.told(begun) == []
    await site.catalogue.torrents.mark(torrent.id, locked=True)
    await site.catalogue.torrents.remove(torrent.id)
    assert await site.told(begun) == []
    assert await site.told("") == []


async def test_a_hidden_torrent_names_no_group(site):
    first = await site.add("first")
    second = await site.add("second")
    await site.catalogue.groups.merge(second.group.id, first.group.id)
    await site.catalogue.torrents.mark(first.id, hidden=True)
    changes = (await site.changes.page("", PUBLIC_VIEWER, blocks=False)).changes
    (shown,) = [each for each in changes if each.torrent is not None]
    assert shown.group["group"] == shown.torrent["group"] == second.infohash.upper


async def test_blocks_are_told_to_who_may_read_the_blocklist(site):
    torrent = await site.add("one")
    begun = await site.cursor()
    takedowns = site.services.takedowns
    await takedowns.block(torrent.infohash, "asked to", "them")
    assert await site.told(begun) == [("removed", "one")]
    told, page = await site.read(begun, blocks=True)
    assert sorted(told) == [("blocked", "one"), ("removed", "one")]
    assert [each.reason for each in page.changes if each.kind == "blocked"] == ["asked to"]
    blocked = await site.cursor()
    await takedowns.unblock(torrent.infohash)
    assert await site.told(blocked, blocks=True) == [("unblocked", "one")]
    assert await site.told(blocked) == []


@pytest.mark.parametrize("cursor", ["x", "1", "0-", "-1", "0-1,1-1", "0-1.", "1-2" * 300, "0-" + "9" * 30])
async def test_what_is_no_cursor_is_a_bad_request(site, cursor):
    with pytest.raises(Refusal, match="cannot be read"):
        await site.told(cursor)


async def test_who_comes_after_ends_were_thinned_out_has_to_begin_anew(site):
    torrent = await site.add("one")
    await site.add("two")
    begun = await site.cursor()
    await site.catalogue.torrents.remove(torrent.id)
    now = await site.cursor()
    site.clock.now += 91 * DAY
    changes = site.changes
    assert (await changes.thin(), await changes.thin()) == (1, 0)
    (entry,) = MaintenanceLog(site.opened.application.stores.folder.maintenance).entries()
    assert (entry.what, entry.details) == ("history", {"entries": 1})
    with pytest.raises(Refusal) as refused:
        await site.told(begun)
    assert refused.value.code == "changes-lost"
    assert await site.told(now) == []
    assert await site.told("") == [("added", "two")]
    # The numbers go on behind what was thinned out.
    await site.add("three")
    assert await site.told(now) == [("added", "three")]


async def test_who_is_further_than_the_history_has_to_begin_anew(site):
    await site.add("one")
    with pytest.raises(Refusal, match="from the beginning"):
        await site.told("0-99")


async def test_several_writers_have_a_number_each(site):
    await site.add("one")
    store = site.opened.application.stores.records
    async with store.transaction() as transaction:
        row = "INSERT INTO history VALUES (7, 'torrent', x'{}', 1, 1, 1, 1, 1)"
        await transaction.run(row.format(b"other".ljust(20, b"\0").hex()))
    told, page = await site.read()
    assert told == [("added", "one"), ("removed", "other")]
    assert page.cursor == "0-1.7-1"
    await site.add("two")
    assert await site.told(page.cursor) == [("added", "two")]
    assert HistoryPosition.parse(page.cursor).total == 2


async def test_the_page_is_at_the_rest_api(site):
    await site.add("one")
    services = site.services
    moderator = await services.accounts.add("mod", "a good password", Role.MODERATOR)
    assert services.admission.rights.may(Principal(moderator), Right.BLOCK)
    transport = httpx.ASGITransport(Starlette(routes=routes(services.of(RestServices))))
    async with httpx.AsyncClient(transport=transport, base_url="http://peerage.test") as client:
        data = (await client.get("/api/changes")).json()["data"]
        assert (data["cursor"], data["whole"], data["changes"][0]["kind"]) == ("0-1", True, "added")
        assert (await client.get("/api/changes?after=0-1")).json()["data"]["changes"] == []
        answer = await client.get("/api/changes?after=0-5")
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "GONE")
