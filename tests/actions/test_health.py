import asyncio

from actions.health import Health
from cache.torrents import Quota
from storage.memory import MemoryBlobs, MemoryJournal


async def test_all_is_well(services):
    report = await Health(services.cache, MemoryJournal()).report()
    assert report.ok
    assert dict(report.parts) == {"journal": "ok", "records": "ok", "disk": "ok"}


async def test_a_failing_journal_is_named(services):
    journal = MemoryJournal()
    journal.failing = True
    report = await Health(services.cache, journal).report()
    assert (report.ok, report.parts["journal"]) == (False, "does not answer")


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
    hanging = await Health(services.cache, Hanging(), patience=0.01).report()
    assert hanging.parts["journal"] == "no answer in 0.01 s"
