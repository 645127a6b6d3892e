import asyncio
from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from lists.infohashes import Verdict
from tests.torrents import hybrid_torrent, parsed, v1_torrent

HYBRID = parsed(hybrid_torrent())
SHORT = {HYBRID.v1, HYBRID.v2.cut}
UNKNOWN = InfoHash(b"\x07" * 20)


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
def test_a_block_by_any_name_removes_the_file_and_denies_every_name(rooms, name):
    async def run():
        await rooms.uploads.accept(hybrid_torrent(), "test")
        entry = await rooms.takedowns.block(name, "because", "me")
        assert set(entry.names) == set(HYBRID.infohashes)
        assert rooms.policy.denied == SHORT
        assert rooms.policy.allowed == set()
        assert rooms.blobs.files == {}
        assert rooms.records.records == {}
        again = await rooms.restarted()
        assert again.policy.denied == SHORT
        assert again.policy.allowed == set()

    asyncio.run(run())


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
def test_an_unblock_by_any_name_lifts_all_and_brings_no_file_back(rooms, name):
    async def run():
        await rooms.uploads.accept(hybrid_torrent(), "test")
        await rooms.takedowns.block(HYBRID.v1, "because", "me")
        assert await rooms.takedowns.unblock(name) is True
        assert await rooms.takedowns.unblock(name) is False
        assert rooms.policy.denied == set()
        assert rooms.policy.allowed == set()
        assert not await rooms.cache.has(HYBRID.v1)
        await rooms.uploads.accept(hybrid_torrent(), "test")
        assert rooms.policy.allowed == SHORT

    asyncio.run(run())


def test_an_allowed_torrent_that_was_blocked_is_allowed_again(rooms):
    async def run():
        await rooms.takedowns.allow(UNKNOWN, "", "me")
        await rooms.takedowns.block(UNKNOWN, "because", "me")
        assert rooms.policy.denied == {UNKNOWN}
        await rooms.takedowns.unblock(UNKNOWN)
        assert (rooms.policy.allowed, rooms.policy.denied) == ({UNKNOWN}, set())

    asyncio.run(run())


def test_an_allowance_covers_the_cut_form_and_can_be_taken_back(rooms):
    full = InfoHash(b"\x08" * 32)

    async def run():
        await rooms.takedowns.allow(full, "friends", "me")
        assert rooms.policy.allowed == {full.cut}
        assert (await rooms.restarted()).policy.allowed == {full.cut}
        assert await rooms.takedowns.disallow(full.cut) is True
        assert rooms.policy.allowed == set()
        assert await rooms.takedowns.disallow(full.cut) is False

    asyncio.run(run())


def test_disallowing_a_held_torrent_leaves_it_allowed(rooms):
    async def run():
        await rooms.uploads.accept(hybrid_torrent(), "test")
        await rooms.takedowns.allow(HYBRID.v1, "", "me")
        assert await rooms.takedowns.disallow(HYBRID.v2) is True
        assert rooms.policy.allowed == SHORT

    asyncio.run(run())


def test_two_blocks_on_names_of_one_torrent_are_lifted_together(rooms):
    async def run():
        await rooms.takedowns.block(HYBRID.v1, "one", "me")
        await rooms.takedowns.block(HYBRID.v2, "two", "me")
        with pytest.raises(Refusal):
            await rooms.uploads.accept(hybrid_torrent(), "test")
        assert await rooms.takedowns.unblock(HYBRID.v1) is True
        assert await rooms.takedowns.unblock(HYBRID.v2) is False
        assert rooms.policy.denied == set()

    asyncio.run(run())


def test_the_start_tells_the_tracker_everything(rooms):
    async def run():
        await rooms.uploads.accept(v1_torrent(), "test")
        await rooms.uploads.accept(hybrid_torrent(), "test")
        await rooms.takedowns.block(UNKNOWN, "because", "me")
        again = await rooms.restarted()
        assert again.policy == rooms.policy
        assert again.policy.joined == {HYBRID.v2.cut: HYBRID.v1}

    asyncio.run(run())


def test_a_takedown_that_a_crash_cut_short_is_finished_at_start(rooms):
    async def run():
        await rooms.uploads.accept(hybrid_torrent(), "test")
        entry = await rooms.takedowns.block(UNKNOWN, "because", "me")
        # The list was written, and nothing after it.
        await rooms.lists.set(replace(entry, infohash=HYBRID.v2, spellings=()))
        again = await rooms.restarted()
        assert again.policy.denied == {*SHORT, UNKNOWN}
        assert again.policy.allowed == set()
        assert again.blobs.files == {}

    asyncio.run(run())


def test_entries_tell_reason_author_and_time(rooms):
    async def run():
        await rooms.takedowns.block(UNKNOWN, "because", "me")
        await rooms.takedowns.allow(HYBRID.v1, "", "you")
        (denied,) = await rooms.takedowns.entries(Verdict.DENY)
        assert (denied.reason, denied.by, denied.since) == ("because", "me", 1_800_000_000)
        assert len(await rooms.takedowns.entries()) == 2
        assert [len(batch) async for batch in rooms.takedowns.walk()] == [2]

    asyncio.run(run())


def test_a_bad_reason_changes_nothing(rooms):
    async def run():
        with pytest.raises(Refusal):
            await rooms.takedowns.block(UNKNOWN, "a\nb", "me")
        assert rooms.policy.denied == set()

    asyncio.run(run())
