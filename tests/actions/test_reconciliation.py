"""Files and records are reconciled beside uploads, removals and blocks, past the blocklist as uploads are."""

import asyncio

import pytest

from actions.reconciliation import Reconciliation
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.compression import pack
from cache.reconciliation import ReconcileProgress
from lists.infohashes import ListEntry, ListKind
from storage.memory import MemoryBlobs, MemoryCacheRecords
from tests.support.tasks import begun, until
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent

LOST = parsed(v1_torrent("lost"))
HYBRID = parsed(hybrid_torrent())


class Gated(MemoryCacheRecords):
    """Records of which the next addition waits."""

    def __init__(self):
        super().__init__()
        self.waits, self.go = asyncio.Event(), asyncio.Event()

    async def add(self, record):
        self.waits.set()
        await self.go.wait()
        await super().add(record)


class Failing(MemoryBlobs):
    """Files that cannot be listed the first time."""

    failures = 1

    async def walk(self):
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is gone")
        async for each in super().walk():
            yield each


def leave_file(services, data=None):
    """Leave a file without its record, as an upload that was killed does."""
    data = data or v1_torrent("lost")
    services.blobs.files[parsed(data).infohash] = pack(data)


async def deny(services, infohash):
    """Write a block as one that was killed right after that."""
    await services.lists.set(ListEntry(infohash, ListKind.DENY, "law", "op", 1))


async def test_a_lost_record_is_added_counted_and_allowed(services):
    assert await services.cache.totals() == (0, 0)
    leave_file(services)
    leave_file(services, hybrid_torrent())
    assert await services.reconciliation.run_once() == ReconcileProgress(recorded=2)
    assert services.policy.allowed == {LOST.infohash, HYBRID.v1, HYBRID.v2.truncated}
    stored = sum(record.stored for record in services.records.records.values())
    assert await services.cache.totals() == (2, stored)


@pytest.mark.parametrize("name", HYBRID.infohashes, ids=["v1", "v2", "cut"])
async def test_a_blocked_file_without_a_record_is_deleted_and_never_recorded(make_services, name):
    services = make_services(records=Gated())  # whose additions never end
    leave_file(services, hybrid_torrent())
    await deny(services, name)
    await services.takedowns.start()
    assert await services.reconciliation.run_once() == ReconcileProgress()
    assert services.blobs.files == {}
    assert services.records.records == {}


async def test_a_block_while_a_file_is_recorded_takes_both_with_it(make_services):
    services = make_services(records=Gated())
    leave_file(services)
    reconciling = asyncio.create_task(services.reconciliation.run_once())
    await services.records.waits.wait()
    block = await begun(services.takedowns.block(LOST.infohash, "law", "op"))
    assert not block.done()
    services.records.go.set()
    await block
    assert (services.blobs.files, services.records.records) == ({}, {})
    await reconciling
    assert (services.policy.allowed, services.policy.denied) == (set(), {LOST.infohash})
    assert await services.cache.totals() == (0, 0)


async def test_what_is_removed_before_its_record_is_found_lost_stays_removed(services):
    leave_file(services)
    await services.takedowns.remove_file(LOST.infohashes)
    assert services.blobs.files == {}
    assert await services.reconciliation.run_once() == ReconcileProgress()


async def test_an_upload_that_is_under_way_is_no_lost_record(make_services):
    services = make_services(records=Gated())
    upload = asyncio.create_task(services.uploads.accept(v1_torrent("lost"), "test"))
    await services.records.waits.wait()
    reconciling = await begun(services.reconciliation.run_once())
    services.records.go.set()
    assert (await upload).new
    assert await reconciling == ReconcileProgress()
    assert (await services.cache.totals())[0] == 1


async def test_a_record_without_a_file_is_uncounted_and_its_torrent_is_taken_again(services):
    await services.uploads.accept(v1_torrent("lost"), "test")
    services.blobs.files.clear()
    assert await services.reconciliation.run_once() == ReconcileProgress(dropped=1)
    assert await services.cache.totals() == (0, 0)
    assert (await services.uploads.accept(v1_torrent("lost"), "test")).new


async def test_what_fails_is_told_and_tried_again(make_services):
    services = make_services(blobs=Failing())
    leave_file(services)
    reconciliation = Reconciliation(services.cache, services.takedowns, retry=0)
    assert reconciliation.state == "reconciling, 0 % done"
    with pytest.raises(OSError, match="gone"):
        await reconciliation.run_once()
    await reconciliation.run()
    assert (reconciliation.state, reconciliation.progress) == ("ok", ReconcileProgress(recorded=1))
    assert reconciliation.progress.reached == 1.0


async def test_a_failure_is_published_without_its_reason(services):
    services.blobs.walk = lambda: (_ for _ in ()).throw(OSError("secret"))
    running = asyncio.create_task(services.reconciliation.run())
    await until(lambda: services.reconciliation.state != "reconciling, 0 % done")
    assert services.reconciliation.state == "reconciling failed, and is tried again"
    running.cancel()


async def test_how_far_it_is_follows_the_infohashes(services):
    seen = []

    class Watched(MemoryBlobs):
        async def walk(self):
            for first in (0x40, 0x80, 0xC0):
                yield [InfoHash(bytes([first]) + bytes(19))]
                seen.append(services.reconciliation.state)

    services.cache._blobs = Watched()
    assert await services.reconciliation.run_once() == ReconcileProgress()
    assert seen == [f"reconciling, {share} % done" for share in (25, 50, 75)]


async def test_a_repair_leaves_what_is_right_by_now(services):
    leave_file(services)
    repair = services.cache._repair

    async def repair_late(problem):
        await services.reconciliation.run_once()
        return await repair(problem)

    services.cache._repair = repair_late
    repaired = [problem.repaired async for problem in services.cache.check(repair=True)]
    assert (repaired, list(services.blobs.files)) == (["right by now"], [LOST.infohash])


async def test_a_blocked_upload_stays_out_meanwhile(services):
    leave_file(services)
    await deny(services, LOST.infohash)
    with pytest.raises(Refusal) as caught:
        await services.uploads.accept(v1_torrent("lost"), "test")
    assert caught.value.code == "blocked"
    assert services.blobs.files == {}
