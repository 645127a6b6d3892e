from bittorrent.infohash import InfoHash
from cache.scrubber import Scrubber, ScrubCounts
from cache.torrents import Quota, TorrentCache
from storage.memory import MemoryBlobs, MemoryCacheRecords
from tests.support.clock import Clock
from tests.support.torrents import parsed, v1_torrent

PERIOD = 65_536.0


async def filled(blobs: MemoryBlobs, count: int) -> TorrentCache:
    cache = TorrentCache(blobs, MemoryCacheRecords(), Quota(1000, 10**8, 0), lambda: 0.0)
    for number in range(count):
        data = v1_torrent(f"t{number}")
        await cache.add(parsed(data), data)
    return cache


def slot_of(infohash: InfoHash) -> int:
    return int.from_bytes(infohash[:2], "big")


async def test_a_slot_reads_the_files_whose_hash_begins_with_it() -> None:
    blobs = MemoryBlobs()
    scrubber = Scrubber(await filled(blobs, 5), Clock(), PERIOD)
    for number, infohash in enumerate(sorted(blobs.files), 1):
        await scrubber.scrub(slot_of(infohash))
        assert scrubber.counts == ScrubCounts(read=number)
    await scrubber.scrub((slot_of(max(blobs.files)) + 1) % 65_536)
    assert scrubber.counts.read == 5


async def test_a_damaged_file_is_found_and_set_aside() -> None:
    blobs = MemoryBlobs()
    cache = await filled(blobs, 1)
    (infohash,) = blobs.files
    blobs.files[infohash] += b"x"
    scrubber = Scrubber(cache, Clock(), PERIOD)
    await scrubber.scrub(slot_of(infohash))
    assert scrubber.counts == ScrubCounts(read=1, bad=1)
    assert set(blobs.aside) == {infohash}


async def test_what_is_read_follows_from_the_time() -> None:
    clock = Clock(0)
    scrubber = Scrubber(await filled(MemoryBlobs(), 0), clock, PERIOD)
    assert scrubber._slot() == 0
    clock.now = 70_000
    assert scrubber._slot() == 70_000 - 65_536
