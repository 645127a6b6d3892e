"""A service starts again whatever its last run left: jobs that wait, and blocks of other torrents."""

from bittorrent.infohash import InfoHash
from downloads.deferred_engine import DeferredEngine
from downloads.model import JobRequest
from peerage.wiring.application import open_application
from peerage.wiring.environment import Environment
from tests.support.application import settings_in
from tests.support.downloads import FakeEngine, magnet, torrent


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
