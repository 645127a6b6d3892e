"""Jobs over the real engine, with a libtorrent seeder on loopback."""

import asyncio
import subprocess
import sys
from pathlib import Path

import libtorrent as lt
import pytest

from bittorrent.metainfo import Metainfo
from downloads.engine import Finished
from downloads.folder import ResumeFiles
from downloads.libtorrent_engine import LibtorrentEngine
from downloads.libtorrent_session import EngineSettings
from downloads.model import JobRequest, JobState
from downloads.outgoing_filter import OutgoingFilter
from tests.support.downloads import open_downloads
from tests.support.seeder import Seeder

ROOT = Path(__file__).parents[2]
V2_ONLY = lt.create_torrent.v2_only


def link(seeder, topic):
    return f"magnet:?xt=urn:{topic}&x.pe={seeder.peer[0]}:{seeder.peer[1]}"


def topics(torrent):
    metainfo = Metainfo.parse(torrent)
    v1 = [f"btih:{metainfo.v1.lower}"] if metainfo.v1 else []
    return v1 + ([f"btmh:1220{metainfo.v2.lower}"] if metainfo.v2 else [])


class ObservedEngine(LibtorrentEngine):
    """The engine, with an event that is set once content is fetched."""

    def __init__(self, folder):
        settings = EngineSettings(("127.0.0.1:0",), utp=False, one_address=True)
        super().__init__(settings, ResumeFiles(folder), OutgoingFilter(allow_private=True))
        self.finished = asyncio.Event()

    async def start(self, on_event):
        def observe(event):
            on_event(event)
            if isinstance(event, Finished):
                self.finished.set()

        await super().start(observe)


@pytest.mark.parametrize(("flags", "which"), [(lt.create_torrent.v1_only, 0), (0, 0), (0, 1), (V2_ONLY, 0)])
async def test_a_magnet_is_fetched_whatever_its_version(tmp_path, flags, which):
    seeder = Seeder(tmp_path / "seed", flags=flags)
    engine = ObservedEngine(tmp_path / "resume")
    async with open_downloads(tmp_path, engine=engine) as setup:
        await setup.downloads.create(1, JobRequest(magnet=link(seeder, topics(seeder.torrent)[which])))
        await asyncio.wait_for(engine.finished.wait(), 30)
        await setup.downloads.drain()
        (job,) = await setup.downloads.jobs(1, 0, 2)
        assert job.content.complete
        assert job.status.state is JobState.UPLOADING
        assert job.content.key.infohash == seeder.infohash
        for file in job.content.files:
            number = int(file.path[-5])
            assert (setup.folder.of(1) / str(file.index)).read_bytes() == seeder.files[number]
        await setup.downloads.delete(1, job.id)
        await setup.downloads.drain()
        assert not setup.folder.of(1).exists()
        assert list((tmp_path / "resume").iterdir()) == []


def test_a_killed_process_goes_on_where_it_was(tmp_path):
    seeder = Seeder(tmp_path / "seed", sizes=(6_000_000,), up_rate=2_000_000)
    command = [sys.executable, "-m", "tests.downloads.fetch_magnet", str(tmp_path)]
    topic = link(seeder, topics(seeder.torrent)[0])
    for arguments, last in (([topic], "created"), ([], "fetching"), ([], "complete")):
        process = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with process:
            for line in process.stdout:
                if line.strip() == last:
                    break
            else:
                raise AssertionError("it ended by itself")
            if last != "complete":
                process.kill()
    assert (tmp_path / "content" / "1" / "0").read_bytes() in seeder.files
