"""Uploads torrents without end into the folder that it is given, and prints each hash once it was acknowledged."""

import asyncio
import random
import sys
import time
from pathlib import Path

from actions.takedowns import Takedowns
from actions.uploads import Uploads
from cache.torrents import Quota, TorrentCache
from lists.infohashes import Lists
from storage.database import Database
from storage.files import FileBlobs
from storage.folder import DataFolder
from storage.lists import SqliteEntries
from storage.records import SqliteRecords
from storage.schema import PEERAGE
from tests.actions.conftest import PlainReader, RememberedPolicy
from tests.library import Library
from tests.torrents import hybrid_torrent, v1_torrent, v2_torrent


async def upload(uploads: Uploads, source: random.Random) -> None:
    while True:
        make = source.choice([v1_torrent, v2_torrent, hybrid_torrent])
        data = make(f"{source.getrandbits(64):x}", comment=source.randbytes(source.randrange(50_000)))
        accepted = await uploads.accept(data, "loop", patient=True)
        sys.stdout.write(f"acknowledged {accepted.infohash.upper}\n")
        sys.stdout.flush()


async def main(path: Path, seed: int) -> None:
    with DataFolder(path) as folder:
        blobs = FileBlobs(folder.torrents)
        await blobs.open()
        database = await Database.open(folder.records, PEERAGE, "FULL")
        cache = TorrentCache(blobs, SqliteRecords(database), Quota(10**6, 10**12, 0), time.time)
        lists = Lists(SqliteEntries(database))
        catalogue = Library(database).catalogue
        takedowns = Takedowns(cache, catalogue, lists, RememberedPolicy(), time.time)
        uploads = Uploads(cache, takedowns, catalogue, PlainReader(), time.time)
        await asyncio.gather(*(upload(uploads, random.Random(seed * 10 + n)) for n in range(4)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
