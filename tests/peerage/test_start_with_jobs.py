"""A service starts again whatever its last run left, and a command without one stops what it blocks."""

from datetime import date

from bittorrent.infohash import InfoHash
from downloads.deferred_engine import DeferredEngine
from downloads.model import JobRequest
from peerage.wiring.application import open_application
from peerage.wiring.environment import Environment
from tests.support.application import settings_in
from tests.support.downloads import FakeEngine, magnet, torrent
from tracker.census_store import Count, OpenDay


async def test_a_start_with_a_block_and_a_job_starts_no_engine(tmp_path):
    def never_made():
        raise AssertionError("the engine was made")

    settings = settings_in(tmp_path)
    async with open_application(settings, Environment(engine=FakeEngine())) as application:
        user = await application.accounts.accounts.add("ada", None)
        await application.downloads.downloads.begin()
        await application.downloads.downloads.create(user.id, JobRequest(magnet=magnet(torrent("m", 1000))))
        await application.takedowns.block(InfoHash(b"x" * 20), "why", "me")
    async with open_application(settings, Environment(engine=DeferredEngine(never_made))) as application:
        assert application.started


async def test_a_block_by_a_command_deletes_the_job_and_the_counts_of_the_torrent(tmp_path):
    settings, surroundings = settings_in(tmp_path), Environment(engine=FakeEngine())
    blocked = InfoHash(b"x" * 20)
    async with open_application(settings, surroundings) as application:
        user = await application.accounts.accounts.add("ada", None)
        await application.downloads.downloads.begin()
        await application.census_store.begin(OpenDay(7, 0))
        for infohash in (blocked, InfoHash(b"y" * 20)):
            request = JobRequest(magnet=f"magnet:?xt=urn:btih:{infohash.lower}")
            await application.downloads.downloads.create(user.id, request)
            await application.census_store.write_counts(7, [Count(infohash, "NL", 3)])
        await application.census_store.close_day(7, 0)
    async with open_application(settings, surroundings, serves=False) as command:
        await command.takedowns.block(blocked, "why", "me")
    async with open_application(settings, surroundings) as application:
        (left,) = await application.downloads.downloads.every_job()
        assert left.content.key.infohash != blocked
        day = date(1970, 1, 8)
        assert (await application.tracker.census.report(blocked, day)).total == 0
        assert (await application.tracker.census.report(left.content.key.infohash, day)).total == 3


async def test_a_block_by_a_command_makes_no_downloads_where_no_job_is(tmp_path):
    async with open_application(settings_in(tmp_path), serves=False) as command:
        await command.takedowns.block(InfoHash(b"x" * 20), "why", "me")
        assert {"downloads", "tracker"}.isdisjoint(vars(command))
