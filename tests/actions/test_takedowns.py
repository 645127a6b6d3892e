import asyncio
from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from lists.infohashes import ListKind
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent

HYBRID = parsed(hybrid_torrent())
SHORT = {HYBRID.v1, HYBRID.v2.truncated}
UNKNOWN = InfoHash(b"\x07" * 20)


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
def test_a_block_by_any_name_removes_the_file_and_denies_every_name(services, name):
    async def run():
        await services.uploads.accept(hybrid_torrent(), "test")
        entry = await services.takedowns.block(name, "because", "me")
        assert set(entry.infohashes) == set(HYBRID.infohashes)
        assert services.policy.denied == SHORT
        assert services.policy.allowed == set()
        assert services.blobs.files == {}
        assert services.records.records == {}
        again = await services.restarted()
        assert again.policy.denied == SHORT
        assert again.policy.allowed == set()

    asyncio.run(run())


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
def test_an_unblock_by_any_name_lifts_all_and_brings_no_file_back(services, name):
    async def run():
        await services.uploads.accept(hybrid_torrent(), "test")
        await services.takedowns.block(HYBRID.v1, "because", "me")
        assert await services.takedowns.unblock(name) is True
        assert await services.takedowns.unblock(name) is False
        assert services.policy.denied == set()
        assert services.policy.allowed == set()
        assert not await services.cache.has(HYBRID.v1)
        await services.uploads.accept(hybrid_torrent(), "test")
        assert services.policy.allowed == SHORT

    asyncio.run(run())


def test_an_allowed_torrent_that_was_blocked_is_allowed_again(services):
    async def run():
        await services.takedowns.allow(UNKNOWN, "", "me")
        await services.takedowns.block(UNKNOWN, "because", "me")
        assert services.policy.denied == {UNKNOWN}
        await services.takedowns.unblock(UNKNOWN)
        assert (services.policy.allowed, services.policy.denied) == ({UNKNOWN}, set())

    asyncio.run(run())


def test_an_allowance_covers_the_cut_form_and_can_be_taken_back(services):
    full = InfoHash(b"\x08" * 32)

    async def run():
        await services.takedowns.allow(full, "friends", "me")
        assert services.policy.allowed == {full.truncated}
        assert (await services.restarted()).policy.allowed == {full.truncated}
        assert await services.takedowns.disallow(full.truncated) is True
        assert services.policy.allowed == set()
        assert await services.takedowns.disallow(full.truncated) is False

    asyncio.run(run())


def test_disallowing_a_held_torrent_leaves_it_allowed(services):
    async def run():
        await services.uploads.accept(hybrid_torrent(), "test")
        await services.takedowns.allow(HYBRID.v1, "", "me")
        assert await services.takedowns.disallow(HYBRID.v2) is True
        assert services.policy.allowed == SHORT

    asyncio.run(run())


def test_two_blocks_on_names_of_one_torrent_are_lifted_together(services):
    async def run():
        await services.takedowns.block(HYBRID.v1, "one", "me")
        await services.takedowns.block(HYBRID.v2, "two", "me")
        with pytest.raises(Refusal):
            await services.uploads.accept(hybrid_torrent(), "test")
        assert await services.takedowns.unblock(HYBRID.v1) is True
        assert await services.takedowns.unblock(HYBRID.v2) is False
        assert services.policy.denied == set()

    asyncio.run(run())


def test_the_start_tells_the_tracker_everything(services):
    async def run():
        await services.uploads.accept(v1_torrent(), "test")
        await services.uploads.accept(hybrid_torrent(), "test")
        await services.takedowns.block(UNKNOWN, "because", "me")
        again = await services.restarted()
        assert again.policy == services.policy
        assert again.policy.joined == {HYBRID.v2.truncated: HYBRID.v1}

    asyncio.run(run())


def test_a_takedown_that_a_crash_cut_short_is_finished_at_start(services):
    async def run():
        await services.uploads.accept(hybrid_torrent(), "test")
        entry = await services.takedowns.block(UNKNOWN, "because", "me")
        # The list was written, and nothing after it.
        await services.lists.set(replace(entry, infohash=HYBRID.v2, aliases=()))
        again = await services.restarted()
        assert again.policy.denied == {*SHORT, UNKNOWN}
        assert again.policy.allowed == set()
        assert again.blobs.files == {}

    asyncio.run(run())


def test_entries_tell_reason_author_and_time(services):
    async def run():
        await services.takedowns.block(UNKNOWN, "because", "me")
        await services.takedowns.allow(HYBRID.v1, "", "you")
        (denied,) = await services.takedowns.entries(ListKind.DENY)
        assert (denied.reason, denied.by, denied.since) == ("because", "me", 1_800_000_000)
        assert len(await services.takedowns.entries()) == 2
        assert [len(batch) async for batch in services.takedowns.walk()] == [2]

    asyncio.run(run())


def test_a_bad_reason_changes_nothing(services):
    async def run():
        with pytest.raises(Refusal):
            await services.takedowns.block(UNKNOWN, "a\nb", "me")
        assert services.policy.denied == set()

    asyncio.run(run())
