"""Benchmark of the census: a flush of a hundred thousand changed peers, beside two simpler ways to count.

Run as `python -m benchmarks.census [--quick]`. The other two get the same rows and countries, but they neither
hash an address nor write anything down, so theirs is the least that counting can cost.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from datasketches import hll_sketch

from benchmarks.comparison import table
from benchmarks.generators import torrent_hash
from benchmarks.machine import ROOT, cores, describe
from benchmarks.processes import end_like_ctrl_c, output_of, resident_bytes
from benchmarks.swarms import NOW, OURS, announcer
from bittorrent.infohash import InfoHash
from bittorrent.peers import unpack_all
from storage import schema
from storage.census import FolderDayKeys, SqlCensus
from storage.data_folder import DataFolder
from storage.sqlite.database import SqliteDatabase
from tracker.census import Census
from tracker.distinct_counter import LOG_REGISTERS
from tracker.geo import EmbeddedCountries
from tracker.journal_row import JournalRow, unpack
from tracker.swarm import STRIDES

SHAPES = ((100_000, 1), (1_000, 100), (1, 100_000))
"""Torrents, and changed peers in each."""
CENSUS, SETS, SKETCHES = "census", "sets of addresses", "HyperLogLog alone"
COLUMNS = ("way", "torrents x peers", "first flush", "ratio", "same again", "ratio", "longest step", "memory")
LIMIT = 600

Observe = Callable[[Sequence[JournalRow]], Awaitable[None]]


def changed(torrents: int, peers: int) -> list[JournalRow]:
    """Return the rows of a flush in which each of the peers has just announced."""
    store = next(iter(OURS.values()))()
    for torrent in range(torrents):
        infohash = InfoHash(torrent_hash(torrent))
        for index in range(peers):
            store.announce(announcer(infohash, torrent * peers + index, 0), NOW)
    rows: list[JournalRow] = []
    while batch := store.take_dirty():
        rows += batch
    return rows


def sightings(rows: Sequence[JournalRow]) -> Iterator[tuple[bytes, str]]:
    """Yield the torrent with the country, and the address as text, of every peer in the rows."""
    geo = EmbeddedCountries()
    for row in rows:
        pools = unpack(row.payload or b"").pools
        for stride, (peers, _) in zip(STRIDES, pools, strict=True):
            packed = [peers[at : at + stride - 2] for at in range(0, len(peers), stride)]
            hosts = [host for host, _ in unpack_all(peers, stride)]
            for host, country in zip(hosts, geo.of(packed), strict=True):
                yield row.infohash + country.encode(), host


@asynccontextmanager
async def by_census() -> AsyncIterator[Observe]:
    """Count as the service does, with its database on disk."""
    with tempfile.TemporaryDirectory(prefix="bench-census-") as name, DataFolder(Path(name)) as folder:
        database = await SqliteDatabase.open(folder.swarms, schema.SWARMS, "NORMAL", readers=1)
        await database.overwrite_deleted()
        keys = FolderDayKeys(folder, os.urandom)
        census = Census(SqlCensus(database), keys, EmbeddedCountries(), lambda: NOW)
        await census.start()
        yield census.observe
        await database.close()


@asynccontextmanager
async def by_sets() -> AsyncIterator[Observe]:
    """Count with a set of addresses per torrent and country."""
    kept: dict[bytes, set[str]] = defaultdict(set)

    async def observe(rows: Sequence[JournalRow]) -> None:
        for name, host in sightings(rows):
            kept[name].add(host)

    yield observe


@asynccontextmanager
async def by_sketches() -> AsyncIterator[Observe]:
    """Count with a sketch per torrent and country from the first address on."""
    kept: dict[bytes, hll_sketch] = defaultdict(lambda: hll_sketch(LOG_REGISTERS))

    async def observe(rows: Sequence[JournalRow]) -> None:
        for name, host in sightings(rows):
            kept[name].update(host)

    yield observe


WAYS = {CENSUS: by_census, SETS: by_sets, SKETCHES: by_sketches}


async def longest_step(found: list[float]) -> None:
    """Note in `found` how long the event loop was held at most."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0)
        found[0] = max(found[0], time.perf_counter() - began)


async def measure(way: str, torrents: int, peers: int) -> dict[str, float]:
    """Return the seconds of CPU of a flush and of the same again, the longest step, and bytes of memory."""
    rows = changed(torrents, peers)
    async with WAYS[way]() as observe:
        before, longest = resident_bytes(os.getpid()), [0.0]
        pulse = asyncio.create_task(longest_step(longest))
        await asyncio.sleep(0)
        wall = []
        for _ in range(2):
            began = time.perf_counter()
            await observe(rows)
            wall.append(time.perf_counter() - began)
        pulse.cancel()
        memory = resident_bytes(os.getpid()) - before
    return {"first": wall[0], "again": wall[1], "step": longest[0], "memory": float(memory)}


def apart(way: str, torrents: int, peers: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.census", "--apart", way, str(torrents), str(peers)]
    found: dict[str, float] = json.loads(output_of(command, cores().server, ROOT, LIMIT))
    return found


def body(shapes: Sequence[tuple[int, int]], rounds: int) -> list[list[str]]:
    """Return the table's rows: medians, and how often the plain sets' time each way takes."""
    rows = []
    for torrents, peers in shapes:
        taken = {way: [apart(way, torrents, peers) for _ in range(rounds)] for way in WAYS}
        base = _medians(taken[SETS])
        for way, samples in taken.items():
            mine = _medians(samples)
            rows.append(
                [
                    way,
                    f"{torrents:,} x {peers:,}",
                    f"{mine['first']:.2f} s",
                    f"{mine['first'] / base['first']:.2f}",
                    f"{mine['again']:.2f} s",
                    f"{mine['again'] / base['again']:.2f}",
                    f"{mine['step'] * 1000:.1f} ms",
                    f"{mine['memory'] / 1e6:.1f} MB",
                ]
            )
    return rows


def _medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(sample[name] for sample in samples) for name in samples[0]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the torrents or peers, one round")
    parser.add_argument("--rounds", type=int, default=3, help="processes per way and shape (default 3)")
    parser.add_argument("--apart", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    if given.apart:
        way, *numbers = given.apart
        print(json.dumps(asyncio.run(measure(way, *map(int, numbers)))))
        return 0
    print(
        f"# census\n\n{describe()}\n\nseconds from the first row to the last, medians; the census writes to disk\n"
    )
    scale = 10 if given.quick else 1
    shapes = [
        (max(1, torrents // scale), peers if torrents > 1 else peers // scale) for torrents, peers in SHAPES
    ]
    print(table(COLUMNS, body(shapes, 1 if given.quick else given.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
