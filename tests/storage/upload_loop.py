"""Uploads torrents into a data folder until it is killed, and prints each infohash once it was acknowledged."""

import asyncio
import random
import sys
from pathlib import Path

from actions.uploads import Uploads
from peerage.config import Settings
from peerage.wiring.application import open_application
from tests.support.torrents import hybrid_torrent, v1_torrent, v2_torrent


async def upload(uploads: Uploads, source: random.Random) -> None:
    while True:
        make = source.choice([v1_torrent, v2_torrent, hybrid_torrent])
        data = make(f"{source.getrandbits(64):x}", comment=source.randbytes(source.randrange(50_000)))
        accepted = await uploads.accept(data, "loop", skip_limit=True)
        sys.stdout.write(f"acknowledged {accepted.infohash.upper}\n")
        sys.stdout.flush()


async def main(path: Path, seed: int) -> None:
    async with open_application(Settings.of(data=path, cache={"min_free_disk": 0})) as application:
        uploads = application.torrents.uploads
        await asyncio.gather(*(upload(uploads, random.Random(seed * 100 + n)) for n in range(12)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
