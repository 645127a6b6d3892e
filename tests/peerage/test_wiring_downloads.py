import pytest
from msgspec.structs import replace

from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from catalogue.store import UNRESTRICTED_VIEWER
from downloads.model import JobRequest, JobState
from peerage.config import Settings
from peerage.sections import DownloadsSection
from peerage.wiring.application import open_application
from peerage.wiring.jobs import download_limits
from tests.support.downloads import ACCOUNT
from tests.support.seeder import Seeder
from tests.support.tasks import until
from tests.support.torrents import torrent


def settings(at, **downloads):
    return Settings.of(
        data=at / "data",
        downloads={"listen": "127.0.0.1:0", "min_free_disk": 0, "utp": False, **downloads},
        lookups={"private_peers": True},
    )


async def account(application, number):
    async with application.downloads.downloads._backend.store._database.transaction() as transaction:
        await transaction.run(ACCOUNT, (number, f"n{number}", f"n{number}"))


def test_every_limit_is_the_operators():
    given = {"active": 7, "slots": 8, "queue": 9, "held": 10, "max_size": 2**21, "quota": 2**22}
    given |= {"account_quota": 2**23, "min_free_disk": 11, "seed": False, "seed_ratio": 0.5, "seed_time": 12}
    limits = download_limits(DownloadsSection(**given))
    assert {name: getattr(limits, name) for name in given} == given


async def test_a_service_fetches_publishes_and_deletes_what_is_blocked(tmp_path):
    seeder = Seeder(tmp_path / "seed")
    folder = tmp_path / "elsewhere"

    async with open_application(settings(tmp_path, folder=folder)) as application:
        await application.downloads.downloads.begin()
        await account(application, 1)
        host, port = seeder.peer
        link = f"magnet:?xt=urn:btih:{seeder.infohash.lower}&x.pe={host}:{port}"
        job = await application.downloads.downloads.create(1, JobRequest(magnet=link))

        async def done():
            found = await application.downloads.downloads.job(1, job.id)
            return found if found.content.complete else None

        job = await until(done)
        assert job.status.state is JobState.UPLOADING
        assert (folder / "1" / "0").exists()
        await application.downloads.downloads.drain()
        assert await application.torrents.cache.has(seeder.infohash)
        await application.torrents.takedowns.block(seeder.infohash, "", "test")
        assert await application.downloads.downloads.job(1, job.id) is None
        await application.downloads.downloads.drain()
        assert not (folder / "1").exists()
        with pytest.raises(Refusal, match="blocked"):
            await application.downloads.downloads.create(1, JobRequest(magnet=link))


async def test_a_block_that_a_kill_cut_short_is_carried_out_at_the_start(tmp_path):
    data = torrent("bad")
    infohash = Metainfo.parse(data).infohash

    async with open_application(settings(tmp_path)) as application:
        await application.downloads.downloads.begin()
        await account(application, 1)
        await application.downloads.downloads.create(1, JobRequest(torrent=data))
        application.torrents.takedowns._blocked = ()
        await application.torrents.takedowns.block(infohash, "", "test")
        assert len(await application.downloads.downloads.jobs(1, 0, 9)) == 1
    async with open_application(settings(tmp_path)) as application:
        assert await application.downloads.downloads.jobs(1, 0, 9) == []


async def test_what_is_private_stays_out_of_the_cache_and_what_is_public_enters(tmp_path):
    async with open_application(settings(tmp_path)) as application:
        await application.downloads.downloads.begin()
        await account(application, 1)
        for private in (True, False):
            job = await application.downloads.downloads.create(
                1, JobRequest(torrent=torrent("one", private=private))
            )
            infohash = job.content.key.infohash
            assert await application.torrents.cache.has(infohash) is not private
            assert (
                await application.catalogue.catalogue.store.torrents.torrent(infohash, UNRESTRICTED_VIEWER)
                is None
            ) is private


async def test_a_full_cache_is_no_hindrance(tmp_path):
    usual = settings(tmp_path)
    full = replace(usual, cache=replace(usual.cache, max_files=0))
    async with open_application(full) as application:
        await application.downloads.downloads.begin()
        await account(application, 1)
        assert (await application.downloads.downloads.create(1, JobRequest(torrent=torrent()))).has_torrent


@pytest.mark.parametrize("why", ["switched off", "not installed"])
async def test_a_service_without_downloads_refuses_them(tmp_path, monkeypatch, why):
    if why == "not installed":
        monkeypatch.setattr("peerage.wiring.jobs.find_spec", lambda name: None)

    async with open_application(settings(tmp_path, enabled=why != "switched off")) as application:
        await application.downloads.downloads.begin()
        assert not application.downloads.downloads.available
        with pytest.raises(Refusal, match="not installed"):
            await application.downloads.downloads.jobs(1, 0, 1)
        await application.torrents.takedowns.block(Metainfo.parse(torrent()).infohash, "", "test")
    assert not (tmp_path / "data" / "downloads").exists()
