"""Room in the cache: it is told before it is full, and what nobody asked for and nobody cares for goes, no more."""

import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from accounts.model import Principal, Role
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.events import EventKind
from catalogue.fields import CollageChange, GroupChange, TorrentDetails
from catalogue.model import BookmarkKind, Subject, SwarmStats
from catalogue.store import UNRESTRICTED_VIEWER
from storage.maintenance import MaintenanceLog
from tests.support.application import open_test_application, settings_in
from tests.support.clock import Clock
from tests.support.services import NameAsTitle
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent

DAY = 86_400
NOW = 1_800_000_000
DAYS = 30


class Site:
    """A service whose cache takes 20 files, and keeps what nobody asked for in 30 days as the settings say."""

    def __init__(self, application, clock):
        self.application, self.clock = application, clock
        self.room, self.cache = application.cache_room, application.cache
        self.store = application.catalogue.catalogue.store
        self.curation = application.catalogue.curation

    async def begin(self):
        self.admin = Principal(await self.application.accounts.accounts.add("ann", None, Role.ADMIN))
        return self

    async def upload(self, name, data=None, **given):
        """Upload a torrent, and return its infohash."""
        accepted = await self.application.torrents.uploads.accept(data or v1_torrent(name), "test", **given)
        return accepted.infohash

    async def fill(self, count, first=0):
        """Upload torrents on a day each, and return their infohashes."""
        found = []
        for number in range(first, first + count):
            found.append(await self.upload(f"torrent {number}"))
            self.clock.now += DAY
        return found

    async def torrent(self, infohash):
        return await self.store.torrents.torrent(infohash, UNRESTRICTED_VIEWER)

    async def held(self, infohashes):
        """Those that are whole: file, record, and the catalogue's record."""
        return [
            each
            for each in infohashes
            if await self.cache.get(each, asked=False) is not None and (await self.torrent(each)).held
        ]

    async def upcoming(self):
        return [each.infohash for each in await self.room.upcoming(100)]


@pytest.fixture
async def opened(tmp_path):
    async def made(**cache):
        clock = Clock(NOW)
        wanted = {"max_files": 20, "when_full": "unasked", "unasked_days": DAYS} | cache
        settings = settings_in(tmp_path, cache=wanted)
        context = open_test_application(settings, clock, release_parser=NameAsTitle())
        contexts.append(context)
        return await Site(await context.__aenter__(), clock).begin()

    contexts = []
    yield made
    for context in contexts:
        await context.__aexit__(None, None, None)


async def _collect(site, torrent):
    collage = await site.curation.add_collage(site.admin, CollageChange.read({"name": "Best"}))
    await site.curation.add_to_collage(site.admin, collage.id, torrent.group.id)


async def _download(site, torrent, infohash=None):
    content = {
        "infohash": infohash or torrent.infohash, "name": "", "size": 1, "files": b"", "known": 1, "private": 0,
        "begun": 0, "complete": 0, "rested": 0, "downloaded": 0, "uploaded": 0, "added": 0,
    }  # fmt: skip
    job = {
        "account_id": site.admin.id, "name": "", "magnet": "", "seed": 0, "allow_zip": 0, "queued": 0, "paused": 0,
        "cached": 0, "created": 0, "updated": 0,
    }  # fmt: skip
    async with site.application.stores.records.transaction() as transaction:
        for table, row in (("content", content), ("job", job)):
            if table == "job":
                ((row["content_id"],),) = await transaction.rows("SELECT max(id) FROM content")
            await transaction.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES (:{', :'.join(row)})", row)


CARES = {
    "commented on": lambda s, t: s.curation.comment(s.admin, t.group.id, "mine"),
    "in a collage": _collect,
    "bookmarked": lambda s, t: s.curation.bookmark(s.admin, BookmarkKind.TORRENT, t.id, on=True),
    "group bookmarked": lambda s, t: s.curation.bookmark(s.admin, BookmarkKind.GROUP, t.group.id, on=True),
    "edited": lambda s, t: s.curation.edit_torrent(s.admin, t.id, TorrentDetails.read({"title": "New"})),
    "group edited": lambda s, t: s.curation.edit_group(s.admin, t.group.id, GroupChange.read({"year": 1999})),
    "reported": lambda s, t: s.curation.report(s.admin, Subject.TORRENT, t.id, "look"),
    "hidden": lambda s, t: s.application.catalogue.catalogue.torrents.mark(t.id, hidden=True),
    "allowed": lambda s, t: s.application.takedowns.allow(t.infohash, "ours", "ann"),
    "downloaded": _download,
    "seeded": lambda s, t: s.store.statistics.update_swarm_stats({t.infohash: SwarmStats(1, 0, 0)}),
}


async def test_what_somebody_cares_for_stays(opened):
    site = await opened()
    cared = {what: await site.upload(what) for what in CARES}
    owned = await site.upload("owned", uploader=site.admin.id)
    hybrid = parsed(hybrid_torrent("both"))
    await site.upload("both", hybrid_torrent("both"))
    other, lonely = await site.upload("other"), await site.upload("lonely")
    site.clock.now += (DAYS + 1) * DAY
    everything = [*cared.values(), owned, hybrid.infohash, other, lonely]
    assert sorted(await site.upcoming()) == sorted(set(everything) - {owned})
    for what, care in CARES.items():
        await care(site, await site.torrent(cared[what]))
        left = await site.upcoming()
        assert cared[what] not in left, what
    await _download(site, None, hybrid.v2.truncated)
    assert await site.upcoming() == sorted([other, lonely])
    stored = [(await site.cache.find(each)).stored for each in (other, lonely)]
    state = await site.room.measure()
    assert (state.files, state.stored) == (2, sum(stored))


async def test_what_was_asked_for_counts_from_that_day(opened):
    site = await opened()
    old, asked, again = [await site.upload(name) for name in ("old", "asked", "again")]
    site.clock.now += DAYS * DAY
    assert await site.upcoming() == []
    assert (await site.cache.get(asked)).record.infohash == asked
    assert not (await site.application.torrents.uploads.accept(v1_torrent("again"), "test")).new
    await site.cache.asked.flush()
    site.clock.now += DAY
    assert await site.upcoming() == [old]
    site.clock.now += (DAYS - 1) * DAY
    assert await site.upcoming() == [old]
    site.clock.now += DAY
    assert await site.upcoming() == [old, *sorted([asked, again])], "the longest ago first"


async def test_it_is_told_first_and_then_no_more_goes_than_has_to(opened):
    site = await opened()
    webhooks = site.application.webhooks
    await webhooks.add(site.admin, "https://told.example/", frozenset({EventKind.DELETE}))
    told = await site.room.look()
    assert (told.filling, told.files) == (False, 0)
    found = await site.fill(16)
    with capture_logs() as logs:
        site.clock.now += 2 * DAYS * DAY
        state = await site.room.look()
        assert (state.filling, state.files, state.suffices) == (True, 16, True)
        await site.room.look()
    (line,) = [each for each in logs if each["event"] == "cache.filling"]
    assert (line["percent"], line["when_full"], line["unasked_files"]) == (80, "unasked", 16)
    assert line["log_level"] == "warning"
    found += await site.fill(4, 16)
    newest = found[16:]
    assert (await site.cache.fill()).share == 1.0
    await site.room.look()
    assert await site.held(found) == found[1:], "19 of 20 is the low mark"
    assert await site.torrent(found[0]) is None
    await site.room.look()
    assert await site.held(found) == found[1:]
    assert (site.room.removed.files, set(newest) <= set(await site.held(found))) == (1, True)
    entries = await site.store.moderation.log_entries(0, 9)
    (entry,) = [each for each in entries.items if each.verb == "delete"]
    assert (entry.actor, entry.subject) == (None, Subject.TORRENT)
    assert "nobody asked for it in 30 days" in entry.detail
    (told,), _ = await webhooks.deliveries(site.admin, 0, 9)
    data = json.loads(told.body)["data"]
    assert (data["info_hash"], data["name"], data["by"]) == (found[0].lower, "torrent 0", "")
    (entry,) = MaintenanceLog(site.application.stores.folder.maintenance).entries("cache room")
    assert entry.details["removed"] == 1


async def test_nothing_goes_where_the_setting_says_so(opened):
    site = await opened(when_full="refuse")
    found = await site.fill(20)
    site.clock.now += 2 * DAYS * DAY
    for _ in range(3):
        state = await site.room.look()
    assert (state.filling, state.files) == (True, 20)
    assert await site.held(found) == found
    with pytest.raises(Refusal, match="20 files"):
        await site.upload("one more")


async def test_where_too_little_may_go_the_rest_is_refused(opened):
    site = await opened()
    found = [await site.upload(f"owned {number}", uploader=site.admin.id) for number in range(20)]
    site.clock.now += 2 * DAYS * DAY
    for _ in range(2):
        state = await site.room.look()
    assert (state.files, state.suffices) == (0, False)
    assert await site.held(found) == found
    assert (await site.room.make()).files == 0


async def test_what_is_asked_for_while_room_is_made_stays(opened, monkeypatch):
    site = await opened()
    site.room.terms = replace(site.room.terms, low_mark=0.5)
    found = await site.fill(20)
    site.clock.now += 2 * DAYS * DAY
    remove, seen = site.application.takedowns.remove_file, []

    async def remove_and_ask(infohashes):
        await remove(infohashes)
        if not seen:
            assert await site.cache.get(found[1]) is not None
            await site.curation.comment(site.admin, (await site.torrent(found[2])).group.id, "mine")
        seen.extend(infohashes)

    monkeypatch.setattr(site.application.takedowns, "remove_file", remove_and_ask)
    made = await site.room.make()
    assert seen == [found[0], *found[3:12]]
    assert made.files == 10
    assert await site.held(found) == [*found[1:3], *found[12:]]


async def test_a_disk_that_is_nearly_full_makes_room_as_the_quota_does(opened):
    site = await opened(max_files=1000)
    found = await site.fill(20)
    site.clock.now += 2 * DAYS * DAY
    _, stored = await site.cache.totals()
    each = stored // 20

    async def free():
        return 0

    site.cache._blobs.free = free
    fill = await site.cache.fill()
    assert (fill.share, fill.most_bytes) == (1.0, stored)
    await site.room.look()
    await site.room.look()
    left = len(await site.held(found))
    assert 18 <= left <= 19, each
    assert await site.held(found) == found[20 - left :]


async def test_a_blocked_torrent_stays_blocked_and_an_end_on_the_way_leaves_no_more_than_one(
    opened, monkeypatch
):
    site = await opened()
    blocked = await site.upload("bad")
    await site.application.takedowns.block(blocked, "spam", "ann")
    found = await site.fill(20)
    site.clock.now += 2 * DAYS * DAY

    async def killed(_names):
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(site.application.takedowns._torrents, "remove", killed)
    monkeypatch.setattr(site.room._torrents, "remove", killed)
    with pytest.raises(RuntimeError):
        await site.room.make()
    monkeypatch.undo()
    await site.application.reconciliation.run_once()
    await site.application.catalogue.sync.run_once()
    assert (await site.torrent(found[0])).held is False, (
        "its record is left, which says that there is no file"
    )
    assert await site.held(found[1:]) == found[1:]
    with pytest.raises(Refusal, match="spam"):
        await site.upload("bad")


async def test_the_days_of_many_are_written_at_once_and_kept_where_that_fails(opened, monkeypatch):
    site = await opened()
    found = await site.fill(3)
    writes = []

    async def note(infohashes, day):
        if not writes:
            writes.append("failed")
            raise OSError("no")
        writes.append((sorted(infohashes), day))

    monkeypatch.setattr(site.cache.asked, "_records", type("Records", (), {"note_asked": staticmethod(note)}))
    for _ in range(5):
        for infohash in found:
            await site.cache.get(infohash)
    with pytest.raises(OSError, match="no"):
        await site.cache.asked.flush()
    assert site.cache.asked.waits(found[0])
    await site.cache.asked.flush()
    assert writes == ["failed", (sorted(found), int(site.clock.now) // DAY)]
    assert not site.cache.asked.waits(InfoHash(found[0]))
