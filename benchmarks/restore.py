"""Benchmark of a restart: a million peers written to the journal, and restored into an empty store.

Run as `python -m benchmarks.restore [--quick]`.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.comparison import table
from benchmarks.generators import torrent_hash
from benchmarks.machine import cores, describe
from benchmarks.processes import end_like_ctrl_c, pinned
from benchmarks.swarms import NOW, OURS, announcer
from bittorrent.infohash import InfoHash
from storage.journal import SqlJournal
from storage.schema import SWARMS
from storage.sqlite.database import SqliteDatabase
from tracker.flusher import Flusher
from tracker.model import SwarmTotals
from tracker.store import SwarmStore

SHAPES = ((100_000, 10), (1, 1_000_000))
"""Torrents, and peers in each."""
COLUMNS = (
    "store",
    "torrents x peers",
    "journal MB",
    "written in s",
    "restored in s",
    "peers restored a second",
)


class RestoreError(Exception):
    """What came back is not what was written."""


def filled_store(name: str, torrents: int, peers: int) -> SwarmStore:
    """Return a store with that many peers, none of them written yet."""
    store = OURS[name]()
    for torrent in range(torrents):
        infohash = InfoHash(torrent_hash(torrent))
        for index in range(peers):
            store.announce(announcer(infohash, torrent * peers + index, 0), NOW)
    return store


def _report(error: Exception) -> None:
    raise error


def _flusher(store: SwarmStore, journal: SqlJournal) -> Flusher:
    return Flusher(store, journal, 3600.0, time.perf_counter, _report)


async def _open(path: Path) -> SqlJournal:
    return SqlJournal(await SqliteDatabase.open(path, SWARMS, "NORMAL", readers=1))


async def write(store: SwarmStore, path: Path) -> float:
    """Flush a store into a new journal; return the seconds from the first dirty row to the commit."""
    journal = await _open(path)
    try:
        before = time.perf_counter()
        await _flusher(store, journal).flush()
        return time.perf_counter() - before
    finally:
        await journal.close()


async def restore(name: str, path: Path, expected: SwarmTotals) -> float:
    """Read a journal into an empty store, opening it included; return the seconds. Raises RestoreError."""
    before = time.perf_counter()
    journal = await _open(path)
    try:
        store = OURS[name]()
        await _flusher(store, journal).restore()
    finally:
        await journal.close()
    seconds = time.perf_counter() - before
    if store.totals() != expected:
        raise RestoreError(f"{expected} was written, {store.totals()} came back")
    return seconds


def measure(name: str, torrents: int, peers: int, rounds: int) -> list[str]:
    """Return the table's row for one store and shape: written once, restored as often as asked, medians."""
    store = filled_store(name, torrents, peers)
    expected = store.totals()
    with tempfile.TemporaryDirectory(prefix="bench-restore-") as folder:
        path = Path(folder) / "swarms.db"
        written = asyncio.run(write(store, path))
        del store
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        restored = median(asyncio.run(restore(name, path, expected)) for _ in range(rounds))
    figures = f"{size / 1e6:.1f}", f"{written:.2f}", f"{restored:.2f}", f"{expected.peers / restored:,.0f}"
    return [name, f"{torrents:,} x {peers:,}", *figures]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundred thousand peers instead of a million")
    parser.add_argument("--rounds", type=int, default=5, help="restores of each shape (default 5)")
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    scale = 10 if given.quick else 1
    print(f"# restore\n\n{describe()}\n\nmedians of {given.rounds} restores\n")
    with pinned(cores().server):
        body = [
            measure(name, max(1, torrents // scale), peers if torrents > 1 else peers // scale, given.rounds)
            for name in OURS
            for torrents, peers in SHAPES
        ]
    print(table(COLUMNS, body), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
