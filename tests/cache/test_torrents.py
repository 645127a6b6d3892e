import asyncio
import errno
from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.compression import pack
from cache.torrents import Quota, TorrentCache
from storage.memory import MemoryBlobs, MemoryCacheRecords
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent

WIDE = Quota(max_files=100, max_bytes=10**6, min_free=1000)


def cache_of(quota: Quota = WIDE, blobs: MemoryBlobs | None = None) -> TorrentCache:
    return TorrentCache(blobs or MemoryBlobs(), MemoryCacheRecords(), quota, lambda: 1_800_000_000.5)


async def add(cache: TorrentCache, data: bytes):
    return await cache.add(parsed(data), data)


async def code_of(awaitable) -> str:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


@pytest.mark.parametrize("make", [v1_torrent, v2_torrent, hybrid_torrent])
async def test_a_torrent_comes_back_byte_for_byte_by_each_of_its_short_hashes(make):
    data = make(comment=b"\xff\xfe")

    cache = cache_of()
    added = await add(cache, data)
    assert added.new
    assert added.record.added == 1_800_000_000
    for infohash in {name.truncated for name in parsed(data).infohashes}:
        held = await cache.get(infohash)
        assert held.plain() == data
        assert held.record == replace(added.record, private=False)
        assert await cache.has(infohash)
    assert await cache.totals() == (1, added.record.stored)


async def test_the_same_infohash_again_keeps_the_first_bytes_and_needs_no_space():
    cache = cache_of(Quota(1, 10**6, 0))
    first = await add(cache, v1_torrent(comment=b"first"))
    again = await add(cache, v1_torrent(comment=b"second"))
    assert (again.new, again.record) == (False, first.record)
    assert (await cache.get(first.record.infohash)).plain() == v1_torrent(comment=b"first")


async def test_a_removed_torrent_is_gone_under_all_names_and_its_space_is_free():
    cache = cache_of(Quota(1, 10**6, 0))
    record = (await add(cache, hybrid_torrent())).record
    assert await cache.remove(record.alias) == record
    assert await cache.get(record.infohash) is None
    assert await cache.remove(record.infohash) is None
    assert await cache.totals() == (0, 0)
    await add(cache, v1_torrent())


async def test_files_and_bytes_beyond_the_quota_are_refused():
    cache = cache_of(Quota(1, 10**6, 0))
    await add(cache, v1_torrent("a"))
    assert await code_of(add(cache, v1_torrent("b"))) == "cache-full"
    assert await code_of(add(cache_of(Quota(9, 50, 0)), v1_torrent("a"))) == "cache-full"


async def test_a_full_disk_is_refused_before_and_while_writing():
    class Full(MemoryBlobs):
        async def put(self, infohash, data):
            raise OSError(errno.ENOSPC, "no space")

    assert await code_of(add(cache_of(blobs=MemoryBlobs(free=1001)), v1_torrent())) == "disk-full"
    cache = cache_of(blobs=Full())
    assert await code_of(add(cache, v1_torrent())) == "disk-full"
    assert await cache.totals() == (0, 0)


async def test_uploads_at_the_same_time_never_pass_the_quota():
    class Together(MemoryBlobs):
        """Writes nothing until as many are to be written as the quota allows."""

        def __init__(self):
            super().__init__()
            self.begun, self.go = 0, asyncio.Event()

        async def put(self, infohash, data):
            self.begun += 1
            if self.begun == 5:
                self.go.set()
            await self.go.wait()
            return await super().put(infohash, data)

    cache = cache_of(Quota(5, 10**6, 0), Together())
    outcomes = await asyncio.gather(
        *(add(cache, v1_torrent(f"t{n}")) for n in range(20)), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refusals) == 15
    assert (await cache.totals())[0] == 5


async def test_one_torrent_uploaded_many_times_at_once_is_new_once():
    cache = cache_of()
    outcomes = await asyncio.gather(*(add(cache, hybrid_torrent(comment=n)) for n in range(10)))
    assert [outcome.new for outcome in outcomes].count(True) == 1
    assert [problem async for problem in cache.check()] == []


async def test_an_upload_whose_sender_disconnects_is_finished():
    class Waiting(MemoryBlobs):
        def __init__(self):
            super().__init__()
            self.begun, self.go = asyncio.Event(), asyncio.Event()

        async def put(self, infohash, data):
            self.begun.set()
            await self.go.wait()
            return await super().put(infohash, data)

    blobs = Waiting()
    cache = cache_of(blobs=blobs)
    sender = asyncio.create_task(add(cache, v1_torrent()))
    await blobs.begun.wait()
    sender.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sender
    blobs.go.set()
    await cache.drain()
    assert await cache.has(parsed(v1_torrent()).infohash)
    assert [problem async for problem in cache.check()] == []


async def test_a_failing_record_store_releases_the_space_and_the_next_try_succeeds():
    class Failing(MemoryCacheRecords):
        broken = True

        async def add(self, record):
            if self.broken:
                raise OSError("broken")
            await super().add(record)

    records = Failing()
    cache = TorrentCache(MemoryBlobs(), records, Quota(1, 10**6, 0), lambda: 0)
    with pytest.raises(OSError, match="broken"):
        await add(cache, v1_torrent(comment=b"first"))
    records.broken = False
    # The file of the failed try is stored already, so its bytes stay.
    added = await add(cache, v1_torrent(comment=b"second"))
    assert (await cache.get(added.record.infohash)).plain() == v1_torrent(comment=b"first")
    assert await cache.totals() == (1, added.record.stored)
    assert [problem async for problem in cache.check()] == []


async def test_an_unknown_hash_is_not_held():
    cache = cache_of()
    assert await cache.get(InfoHash(bytes(20))) is None
    assert not await cache.has(InfoHash(bytes(20)))


async def damaged(cache: TorrentCache, blobs: MemoryBlobs, data: bytes) -> InfoHash:
    infohash = (await add(cache, data)).record.infohash
    blobs.files[infohash] = blobs.files[infohash][:-1] + b"x"
    return infohash


async def test_a_damaged_file_is_set_aside_and_not_served():
    blobs = MemoryBlobs()
    cache = cache_of(blobs=blobs)
    infohash = await damaged(cache, blobs, v1_torrent())
    assert await cache.get(infohash) is None
    assert infohash in blobs.aside
    assert await cache.has(infohash)


@pytest.mark.parametrize("lose", [False, True], ids=["damaged", "missing"])
async def test_an_upload_heals_what_is_not_right_on_disk(lose):
    blobs = MemoryBlobs()
    cache = cache_of(Quota(1, 10**6, 0), blobs)
    infohash = await damaged(cache, blobs, hybrid_torrent())
    if lose:
        del blobs.files[infohash]
    again = await add(cache, hybrid_torrent())
    assert again.new
    assert (await cache.get(infohash)).plain() == hybrid_torrent()
    assert await cache.totals() == (1, again.record.stored)


async def test_a_record_of_an_older_version_gets_its_digest_when_its_file_is_read():
    blobs = MemoryBlobs()
    cache = cache_of(blobs=blobs)
    record = (await add(cache, v1_torrent())).record
    await cache._records.add(replace(record, packed=None))
    assert (await cache.get(record.infohash)).plain() == v1_torrent()
    assert (await cache.find(record.infohash)).packed == record.packed


async def test_an_altered_file_of_an_older_version_is_set_aside():
    blobs = MemoryBlobs()
    cache = cache_of(blobs=blobs)
    record = (await add(cache, v1_torrent())).record
    await cache._records.add(replace(record, packed=None))
    blobs.files[record.infohash] = pack(v1_torrent(comment=b"another"))
    assert await cache.get(record.infohash) is None
    assert record.infohash in blobs.aside


async def test_a_file_that_was_replaced_since_its_record_was_read_is_not_set_aside():
    class Replacing(MemoryBlobs):
        async def get(self, infohash, digest=None, *, again=False):
            if replacing:
                replacing.pop()
                await cache.remove(infohash)
                await add(cache, v1_torrent(comment=b"second"))
            return await super().get(infohash, digest, again=again)

    replacing: list[bool] = []
    blobs = Replacing()
    cache = cache_of(blobs=blobs)
    infohash = (await add(cache, v1_torrent(comment=b"first"))).record.infohash
    replacing.append(True)
    assert (await cache.get(infohash)).gzip == pack(v1_torrent(comment=b"second"))
    assert not blobs.aside


async def test_checks_repair_what_they_find():
    blobs = MemoryBlobs()
    cache = cache_of(blobs=blobs)
    bad = await damaged(cache, blobs, v1_torrent("bad"))
    lost = (await add(cache, v1_torrent("lost"))).record.infohash
    del blobs.files[lost]
    strange = (await add(cache, v1_torrent("strange"))).record.infohash
    del cache._records.records[strange]
    cache = TorrentCache(blobs, cache._records, WIDE, lambda: 1_800_000_000.5)
    found = {problem.infohash: problem.repaired async for problem in cache.check(repair=True)}
    assert found == {bad: "set aside", lost: "record removed", strange: "recorded"}
    assert [problem async for problem in cache.check()] == []
    assert set(cache._records.records) == {strange}
    assert (await cache.totals())[0] == 1
