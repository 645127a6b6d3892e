"""Benchmark of checkcached, which of 100 hashes are held, beside a query for each hash.

Run as `python -m benchmarks.checkcached [--quick]`.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from benchmarks.machine import describe
from bittorrent.infohash import InfoHash
from doors.json_encoding import encode_json
from doors.torbox.shapes import TorboxShapes, by_requested_hash
from downloads.downloads import DownloadBackend, Downloads
from downloads.folder import ContentFolder
from downloads.limits import DownloadLimits
from downloads.model import ContentFile, ContentKey, SeedPolicy
from downloads.store import ContentMetadata, ContentRow, JobRow
from storage.database import Database
from storage.jobs import SqlJobs
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase

HASHES = 100
FILES = 10
ROUNDS = 50
_BATCH = 5_000


class _Idle:
    """A stand-in for the engine: nothing is fetched here."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of each question, asked our way and by a query for each hash."""

    ours: Sequence[float]
    peer: Sequence[float]


def hash_of(number: int) -> InfoHash:
    """Return the hash of made-up content."""
    return InfoHash(sha1(b"%d" % number, usedforsecurity=False).digest())


async def fill(database: Database, torrents: int) -> None:
    """Let one account hold that many torrents, complete ones, in the tables that the service keeps."""
    store = SqlJobs(database)
    async with database.transaction() as transaction:
        await transaction.run(
            "INSERT INTO account (id, name, folded, role, enabled, joined) VALUES (1, 'a', 'a', 'user', 1, 1)"
        )
    files = tuple(ContentFile(index, f"name/file {index}.mkv", 1 << 20) for index in range(FILES))
    row = ContentRow(0, ContentKey(hash_of(0)), None, "name", FILES << 20, True, False, 1, complete=True)
    job = JobRow(0, 1, 0, "", SeedPolicy.DEFAULT, True, 0, False, True, 1, 1)
    number, held = await store.add(row, ContentMetadata(b"d4:infodee", files), job, "")
    async with database.transaction() as transaction:
        for table, row_id, change in (("content", number, "infohash"), ("job", held, "content_id")):
            names = [each[1] for each in await transaction.rows(f"PRAGMA table_info({table})")]
            chosen = ", ".join({"id": ":id", change: ":value"}.get(name, name) for name in names)
            text = (
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} WHERE id = {row_id}"
            )
            for start in range(1, torrents, _BATCH):
                numbers = range(start, min(start + _BATCH, torrents))
                rows = [
                    {"id": row_id + each, "value": hash_of(each) if table == "content" else number + each}
                    for each in numbers
                ]
                await transaction.run_many(text, rows)


async def measure(folder: Path, torrents: int, rounds: int) -> Took:
    """Fill a folder and ask, every second hash one that is here."""
    path = folder / f"{torrents}.db"
    database = await SqliteDatabase.open(path, PEERAGE, "FULL")
    try:
        await fill(database, torrents)
        idle: Any = _Idle()
        backend = DownloadBackend(idle, SqlJobs(database), ContentFolder(folder / "content"), idle, time.time)
        downloads = Downloads(DownloadLimits(), backend)
        await downloads.load()
        random, shapes = Random(1), TorboxShapes()
        questions = [
            [hash_of(random.randrange(torrents) if each % 2 else torrents + each) for each in range(HASHES)]
            for _ in range(rounds)
        ]
        ours = []
        for asked in questions:
            began = time.perf_counter()
            found = by_requested_hash(asked, await downloads.cached(1, asked))
            rows = {name: shapes.cached_row(name, content, files=True) for name, content in found.items()}
            told = encode_json(rows)
            ours.append((time.perf_counter() - began) * 1000)
            assert told
        return Took(ours, _peer(path, questions))
    finally:
        await database.close()


def _peer(path: Path, questions: Sequence[Sequence[InfoHash]]) -> list[float]:
    took = []
    with closing(sqlite3.connect(path)) as peer:
        peer.execute("CREATE INDEX asked ON content (infohash)")
        for asked in questions:
            began = time.perf_counter()
            for infohash in asked:
                peer.execute("SELECT * FROM content WHERE infohash = ?", (bytes(infohash),)).fetchall()
            took.append((time.perf_counter() - began) * 1000)
    return took


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how the time grows with what is held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer torrents and rounds")
    quick = parser.parse_args(arguments).quick
    sizes = (100, 1_000, 10_000) if quick else (100, 1_000, 10_000, 100_000)
    print(describe())
    print(f"{HASHES} hashes a question, half of them here, {FILES} files each\n")
    print("| held | p50 ms | p99 ms | a query per hash, p50 ms | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            took = asyncio.run(measure(Path(folder), size, 10 if quick else ROUNDS))
            worst = quantiles(took.ours, n=100)[98]
            ratio = median(took.ours) / median(took.peer)
            print(
                f"| {size:,} | {median(took.ours):.2f} | {worst:.2f} | {median(took.peer):.2f} | {ratio:.2f} |"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
