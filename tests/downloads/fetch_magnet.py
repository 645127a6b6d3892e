"""Fetches a magnet link into a folder in a process of its own, which may be killed: `fetching FOLDER [LINK]`."""

import asyncio
import sys
from pathlib import Path

from downloads.folder import ResumeFiles
from downloads.libtorrent_engine import LibtorrentEngine
from downloads.libtorrent_session import EngineSettings
from downloads.model import JobRequest
from downloads.outgoing_filter import OutgoingFilter
from tests.support.downloads import open_downloads


async def main(folder: Path, links: list[str]) -> None:
    settings = EngineSettings(("127.0.0.1:0",), utp=False, one_address=True)
    engine = LibtorrentEngine(settings, ResumeFiles(folder / "resume"), OutgoingFilter(allow_private=True))
    async with open_downloads(folder, engine=engine) as setup:
        for link in links:
            await setup.downloads.create(1, JobRequest(magnet=link))
            print("created", flush=True)
        known = done = False
        while not done:
            await asyncio.sleep(0.05)
            (job,) = await setup.downloads.jobs(1, 0, 2)
            if job.has_torrent and job.status.progress > 0.2 and not known:
                known = True
                print("fetching", flush=True)
            done = job.content.complete
        print("complete", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
