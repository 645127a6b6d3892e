import asyncio
import errno

from actions.health import Health
from cache.torrents import Quota
from storage.memory import MemoryBlobs, MemoryJournal
from tests.support.clock import Clock


async def test_all_is_well(services):
    report = await Health(services.cache, MemoryJournal()).report()
    assert report.ok
    assert dict(report.parts) == {"journal": "ok", "records": "ok", "disk": "ok"}


async def test_a_failing_journal_is_named(services):
    journal = MemoryJournal()
    journal.failing = True
    report = await Health(services.cache, journal).report()
    assert (report.ok, report.parts["journal"]) == (False, "takes no write")


async def test_a_disk_below_its_floor_is_named(make_services):
    services = make_services(MemoryBlobs(free=99), quota=Quota(1, 1, 100))
    report = await Health(services.cache, MemoryJournal()).report()
    assert not report.ok
    assert report.parts["disk"] == "99 bytes free, below the floor of 100"


async def test_a_store_that_raises_or_hangs_does_not_take_the_report_along(services):
    class Raising:
        async def healthy(self):
            raise OSError("gone")

    class Hanging:
        async def healthy(self):
            await asyncio.Event().wait()

    assert (await Health(services.cache, Raising()).report()).parts["journal"] == "failed"
    hanging = Health(services.cache, Hanging(), patience=0.01)
    assert (await hanging.report()).parts["journal"] == "no answer in 0.01 s"
    await hanging.close()


async def test_a_disk_that_takes_no_write_is_named(services):
    async def write():
        raise OSError(errno.ENOSPC, "No space left on device")

    report = await Health(services.cache, MemoryJournal(), write=write).report()
    assert report.parts["disk"] == "cannot be written: No space left on device"


async def test_many_requests_are_one_write_and_one_that_hangs_is_not_repeated(services):
    clock, writes, gate = Clock(), [], asyncio.Event()

    async def write():
        writes.append(1)
        await gate.wait()

    health = Health(services.cache, MemoryJournal(), 0.01, write=write, kept=3, timer=clock)
    reports = await asyncio.gather(*(health.report() for _ in range(50)))
    assert len(writes) == 1
    assert not any(report.ok for report in reports)
    clock.now += 3
    assert not (await health.report()).ok
    assert len(writes) == 1
    gate.set()
    clock.now += 3
    assert (await health.report()).ok
    clock.now += 2
    await health.report()
    assert len(writes) == 2
    clock.now += 1
    await health.report()
    assert len(writes) == 3
