import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.model import PUBLIC_VIEWER
from storage.cache_records import SqlCacheRecords
from storage.data_folder import DataFolder
from storage.files import FileBlobs
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase
from tests.support.catalogue import CatalogueSetup

ROOT = Path(__file__).parents[2]


def killed_after(count: int, data: Path, seed: int) -> list[str]:
    """Kill an uploading process once it has acknowledged `count` torrents; return all that it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.upload_loop", str(data), str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    with process:
        lines = []
        while sum(line.startswith("acknowledged ") for line in lines) < count:
            lines.append(process.stdout.readline())
            assert lines[-1], "the process ended by itself"
        process.kill()
        lines += process.stdout.readlines()
    return [line.split()[1] for line in lines if line.startswith("acknowledged ") and line.endswith("\n")]


@pytest.mark.parametrize("count", [1, 7, 40])
async def test_what_was_acknowledged_outlives_a_kill(tmp_path, count):
    acknowledged = [name for seed in range(2) for name in killed_after(count, tmp_path / "data", seed)]
    assert len(acknowledged) >= 2 * count

    with DataFolder(tmp_path / "data") as folder:
        blobs = FileBlobs(folder.torrents)
        await blobs.open()
        database = await SqliteDatabase.open(folder.records, PEERAGE, "FULL")
        cache = TorrentCache(blobs, SqlCacheRecords(database), Quota(10**6, 10**12, 0), time.time)
        reconciled = await cache.reconcile()
        assert reconciled.damaged == reconciled.dropped == 0
        catalogue = CatalogueSetup(database).catalogue
        for name in acknowledged:
            assert await cache.get(InfoHash.parse(name)) is not None
            assert await catalogue.store.torrents.torrent(InfoHash.parse(name), PUBLIC_VIEWER) is not None
        assert [problem async for problem in cache.check()] == []
        # Bytes come before their record; a start makes up for what a kill came between.
        held = "SELECT count(*) FROM torrent WHERE held = 1"
        ((catalogued,),) = await database.rows(held)
        assert catalogued >= len(acknowledged)
        assert list((folder.torrents / ".new").iterdir()) == []
        await database.close()
