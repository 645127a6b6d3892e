from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from cache.audit import StoredFileReader, problems
from cache.compression import pack
from cache.record import digest_of
from cache.torrents import Quota, ReconcileProgress, TorrentCache
from storage.memory import MemoryBlobs, MemoryCacheRecords
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent


class Stores:
    def __init__(self) -> None:
        self.blobs = MemoryBlobs()
        self.records = MemoryCacheRecords()

    def cache(self) -> TorrentCache:
        return TorrentCache(self.blobs, self.records, Quota(1000, 10**8, 0), lambda: 1_800_000_000)


async def filled(count: int = 6) -> Stores:
    stores = Stores()
    makers = (v1_torrent, v2_torrent, hybrid_torrent)
    for number in range(count):
        data = makers[number % 3](f"t{number}")
        await stores.cache().add(parsed(data), data)
    return stores


async def found(stores: Stores) -> dict[InfoHash, str]:
    return {problem.infohash: problem.what async for problem in stores.cache().check()}


async def test_a_file_without_a_record_is_recorded_at_start():
    stores = await filled()
    lost = dict(stores.records.records)
    for infohash in sorted(lost)[1::2]:
        del stores.records.records[infohash]
    assert await stores.cache().reconcile() == ReconcileProgress(recorded=3, dropped=0, damaged=0)
    assert stores.records.records == lost
    assert await found(stores) == {}


async def test_a_record_without_a_file_is_dropped_at_start():
    stores = await filled()
    gone = sorted(stores.blobs.files)[::2]
    for infohash in gone:
        del stores.blobs.files[infohash]
    assert await stores.cache().reconcile() == ReconcileProgress(recorded=0, dropped=3, damaged=0)
    assert not set(gone) & set(stores.records.records)
    assert (await stores.cache().totals())[0] == 3


async def test_a_damaged_file_without_a_record_stays_and_is_replaced_by_an_upload():
    data = v1_torrent()
    infohash = parsed(data).infohash

    stores = Stores()
    stores.blobs.files[infohash] = b"\x1f\x8bdamaged"
    assert await stores.cache().reconcile() == ReconcileProgress(recorded=0, dropped=0, damaged=1)
    assert infohash in stores.blobs.files
    assert list(await found(stores)) == [infohash]
    assert (await stores.cache().add(parsed(data), data)).new
    assert await found(stores) == {}


async def test_a_file_of_very_many_values_is_checked_as_a_small_one_is():
    stores = await filled(3)
    damaged, *_ = sorted(stores.blobs.files)
    stores.blobs.files[damaged] = pack(v1_torrent("stranger"))
    here = await found(stores)
    reader = StoredFileReader(ChildProcesses(), light_items=1)
    apart = [each async for each in problems(stores.blobs, stores.records, reader)]
    assert {each.infohash: each.what for each in apart} == here
    assert set(here) == {damaged}


@pytest.mark.parametrize("failure", [TooManyWaiting(), ChildFailure("too long")])
async def test_a_right_file_is_right_though_no_process_can_read_it(failure):
    class Failing(ChildProcesses):
        async def run(self, *_, **__):
            raise failure

    data = v1_torrent()
    read = await StoredFileReader(Failing(), light_items=1).read(parsed(data).infohash, pack(data))
    assert read == (replace(parsed(data), info=b"", files=()), digest_of(data))


async def test_consistent_stores_need_nothing():
    stores = await filled()
    assert await stores.cache().reconcile() == ReconcileProgress(0, 0, 0)
    assert await Stores().cache().reconcile() == ReconcileProgress(0, 0, 0)


async def test_checking_names_each_kind_of_damage():
    stores = await filled(8)
    missing, cut, swapped, altered, shorter, unrecorded, renamed, _ = sorted(stores.blobs.files)
    records, files = stores.records.records, stores.blobs.files
    del files[missing]
    files[cut] = files[cut][:-5]
    files[swapped] = pack(v1_torrent("stranger"))
    records[altered] = replace(records[altered], digest=bytes(20))
    records[shorter] = replace(records[shorter], stored=1)
    del records[unrecorded]
    records[renamed] = replace(records[renamed], v2=InfoHash(bytes(32)))
    problems = await found(stores)
    assert set(problems) == {missing, cut, swapped, altered, shorter, unrecorded, renamed}
    assert problems[missing] == "the file is missing"
    assert "cannot be read" in problems[cut]
    assert "another torrent" in problems[swapped]
    assert "digest" in problems[altered]
    assert "bytes" in problems[shorter]
    assert "no record" in problems[unrecorded]
    assert "other hashes" in problems[renamed]
