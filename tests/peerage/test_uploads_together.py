"""Uploads that are under way together, over a folder and its databases."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from bittorrent.refusal import Refusal
from cache.record import PackedFile
from catalogue.store import UNRESTRICTED_VIEWER
from peerage.config import Settings
from peerage.wiring.application import open_application
from tests.support.tasks import begun_for
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent

MAKERS = (v1_torrent, v2_torrent, hybrid_torrent)
TORRENTS = [MAKERS[number % 3](f"torrent {number}") for number in range(24)]


@asynccontextmanager
async def opened(tmp_path, **cache):
    settings = Settings.of(data=tmp_path / "data", cache={"min_free_disk": 0, **cache})
    async with open_application(settings) as application:
        yield application


async def accept_all(application, torrents):
    accept = application.torrents.uploads.accept
    return await asyncio.gather(
        *(accept(data, "test", skip_limit=True) for data in torrents), return_exceptions=True
    )


async def is_held(application, data):
    """Return whether a torrent is whole in the cache and in the catalogue; it must be in both or in neither."""
    infohash = parsed(data).infohash
    held = await application.torrents.cache.get(infohash)
    assert held is None or held.plain() == data
    record = await application.catalogue.catalogue.store.torrents.torrent(infohash, UNRESTRICTED_VIEWER)
    assert (held is not None) == (record is not None and record.held)
    return held is not None


async def test_each_is_there_when_it_is_answered_and_after_a_restart(tmp_path):
    async with opened(tmp_path) as application:
        found = await accept_all(application, TORRENTS)
        assert [each.new for each in found] == [True] * len(TORRENTS)
        assert all([await is_held(application, data) for data in TORRENTS])
    async with opened(tmp_path) as application:
        assert all([await is_held(application, data) for data in TORRENTS])
        assert (await application.torrents.cache.totals())[0] == len(TORRENTS)


async def test_one_that_is_bad_fails_alone(tmp_path):
    async with opened(tmp_path) as application:
        found = await accept_all(application, [*TORRENTS[:6], b"junk", *TORRENTS[6:]])
        assert found[6].code == "not-bencode"
        assert [each.new for each in found[:6] + found[7:]] == [True] * len(TORRENTS)


async def test_the_last_place_of_the_quota_goes_to_one_of_two(tmp_path):
    async with opened(tmp_path, max_files=len(TORRENTS) - 1) as application:
        found = await accept_all(application, TORRENTS)
        refused = [each.code for each in found if isinstance(each, Refusal)]
        assert refused == ["cache-full"]
        assert sum([await is_held(application, data) for data in TORRENTS]) == len(TORRENTS) - 1


async def test_the_last_bytes_of_the_quota_go_to_one_of_two(tmp_path):
    source = random.Random(1)
    torrents = [v1_torrent(f"{number}", comment=source.randbytes(400_000)) for number in range(3)]
    async with opened(tmp_path, max_bytes=2**20) as application:
        add = application.torrents.cache.add
        packed = [PackedFile.of(data) for data in torrents]
        found = await asyncio.gather(*map(add, map(parsed, torrents), packed), return_exceptions=True)
        assert [each.code for each in found if isinstance(each, Refusal)] == ["cache-full"]
        assert (await application.torrents.cache.totals())[0] == 2


async def test_one_infohash_many_times_is_new_once(tmp_path):
    torrents = [hybrid_torrent("the same", comment=number) for number in range(8)]
    async with opened(tmp_path) as application:
        found = await accept_all(application, [*TORRENTS[:6], *torrents, *TORRENTS[6:]])
        assert sorted(each.new for each in found[6:14]) == [False] * 7 + [True]
        assert (await application.torrents.cache.totals())[0] == len(TORRENTS) + 1
        held = await application.torrents.cache.get(parsed(torrents[0]).infohash)
        assert held.plain() in torrents


@pytest.mark.parametrize("turns", [1, 10, 20, 40, 80, 160])
async def test_a_block_that_lands_among_them_holds_and_disturbs_no_other(tmp_path, turns):
    blocked = TORRENTS[5]
    async with opened(tmp_path) as application:
        uploading = await begun_for(accept_all(application, TORRENTS), turns)
        await application.torrents.takedowns.block(parsed(blocked).infohashes[-1], "law", "test")
        assert not await is_held(application, blocked)
        found = await uploading
        assert not await is_held(application, blocked)
        if isinstance(found[5], Exception):
            assert found[5].code == "blocked"
        del found[5]
        assert [each.new for each in found] == [True] * (len(TORRENTS) - 1)


async def test_one_whose_caller_hangs_up_disturbs_no_other(tmp_path):
    async with opened(tmp_path) as application:
        accept = application.torrents.uploads.accept
        *others, last = [accept(data, "test", skip_limit=True) for data in TORRENTS]
        running = [*map(asyncio.create_task, others), await begun_for(last, 20)]
        for each in running[::3]:
            each.cancel()
        found = await asyncio.gather(*running, return_exceptions=True)
        assert all(each.new for number, each in enumerate(found) if number % 3)
        await application.torrents.uploads.drain()
        assert all([await is_held(application, data) for data in TORRENTS[1::3] + TORRENTS[2::3]])
        await asyncio.gather(*(asyncio.create_task(is_held(application, data)) for data in TORRENTS))
