"""Benchmark of the swarm store: memory per peer, and the cost of an announce as a swarm grows.

Run as `python -m benchmarks.swarms [--quick]`. Each store works in a process of its own, so that memory is the
growth of that process; beside ours, in C and in Python, stands a dict of dataclasses.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from benchmarks.comparison import table
from benchmarks.generators import torrent_hash
from benchmarks.machine import ROOT, cores, describe
from benchmarks.naive import NaiveSwarms
from benchmarks.processes import end_like_ctrl_c, output_of, resident_bytes
from bittorrent.infohash import InfoHash
from tracker.model import Announce, AnnounceTerms, Event
from tracker.native_swarms import AVAILABLE, NativeSwarms
from tracker.random_source import SplitMix
from tracker.store import SwarmStore
from tracker.swarms import Swarms

NOW = 1_800_000_000
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
SHAPES = ((1, 1_000_000), (100_000, 10), (1_000_000, 1))
"""Torrents, and peers in each."""
BUDGET = 1.0
"""Seconds that the measuring of one size may take."""
ANNOUNCES = 20_000
LIMIT = 900
"""Seconds after which a measuring process is ended."""


class Store(Protocol):
    """A store under measurement."""

    def announce(self, announce: Announce, now: int) -> object:
        """Store the announcer and answer it."""
        ...


OURS: dict[str, Callable[[], SwarmStore]] = {"python": lambda: Swarms(AnnounceTerms(), SplitMix(1))}
if AVAILABLE:
    OURS = {"native": lambda: NativeSwarms(AnnounceTerms(), 1, bytes(16))} | OURS
STORES: Mapping[str, Callable[[], Store]] = {**OURS, "dict of dataclass": NaiveSwarms}


def announcer(infohash: InfoHash, index: int, numwant: int) -> Announce:
    """Return the announce of peer `index`: every peer has an address of its own, every other one is a seeder."""
    mixed = index * 0x9E3779B1 & 0xFFFFFFFF
    peer = mixed.to_bytes(4, "big") + (1024 + mixed % 60_000).to_bytes(2, "big")
    return Announce(infohash, peer, Event.NONE, bool(index & 1), numwant)


def memory_after_flush(store: Store) -> int:
    """Flush a store that has a journal, and return the memory of this process."""
    take = getattr(store, "take_dirty", None)
    while take is not None and take():
        pass
    gc.collect()
    return resident_bytes(os.getpid())


def grow(store: Store, infohash: InfoHash, start: int, end: int) -> float:
    """Add the peers `start` to `end`; return the CPU milliseconds of the slowest announce among them."""
    slowest = 0
    for index in range(start, end):
        announce = announcer(infohash, index, 0)
        before = time.thread_time_ns()
        store.announce(announce, NOW)
        slowest = max(slowest, time.thread_time_ns() - before)
    return slowest / 1e6


def cost(store: Store, infohash: InfoHash, size: int, announces: int) -> float:
    """Return the CPU microseconds of an announce of a peer that is there, for 50 others; median of batches."""
    batches: list[float] = []
    end, done = time.monotonic() + BUDGET, 0
    while done < announces and (time.monotonic() < end or not batches):
        asked = [announcer(infohash, (done + at) * 7919 % size, 50) for at in range(min(50, size))]
        before = time.thread_time_ns()
        for announce in asked:
            store.announce(announce, NOW)
        batches.append((time.thread_time_ns() - before) / len(asked) / 1e3)
        done += len(asked)
    return sorted(batches)[len(batches) // 2]


def measure_growth(name: str, sizes: Sequence[int], announces: int = ANNOUNCES) -> Iterator[dict[str, float]]:
    """Grow one swarm through the sizes; yield the cost and the slowest announce at each."""
    store, infohash, before = STORES[name](), InfoHash(torrent_hash(0)), 0
    for size in sizes:
        slowest = grow(store, infohash, before, size)
        yield {"size": size, "us": cost(store, infohash, size, announces), "slowest_ms": slowest}
        before = size


def measure_memory(name: str, torrents: int, peers: int) -> dict[str, float]:
    """Fill a store; return bytes of memory per peer, and seconds of CPU for the filling."""
    empty = memory_after_flush(STORES[name]())
    store, began = STORES[name](), time.process_time()
    for torrent in range(torrents):
        infohash = InfoHash(torrent_hash(torrent))
        for index in range(peers):
            store.announce(announcer(infohash, torrent * peers + index, 0), NOW)
    filled = time.process_time() - began
    return {"bytes": (memory_after_flush(store) - empty) / (torrents * peers), "seconds": filled}


def apart(*task: str | int) -> Any:  # noqa: ANN401 - whatever JSON the other process prints
    """Do one measurement in a process of its own, on the server's core."""
    command = [sys.executable, "-m", "benchmarks.swarms", "--apart", *map(str, task)]
    return json.loads(output_of(command, cores().server, ROOT, LIMIT))


def answer(task: Sequence[str]) -> None:
    """Do in this process what `apart` asked for, and print it as JSON."""
    name, *numbers = task
    sizes = [int(number) for number in numbers[1:]]
    if numbers[0] == "growth":
        print(json.dumps(list(measure_growth(name, sizes))))
    else:
        print(json.dumps(measure_memory(name, *sizes)))


def print_growth(sizes: Sequence[int]) -> None:
    """Print what an announce costs in a swarm of each size."""
    growth = {name: apart(name, "growth", *sizes) for name in STORES}
    base = next(at for at, size in enumerate(sizes) if size >= 100)
    columns = ["peers in the swarm", *(f"{size:,}" for size in sizes), f"last / {sizes[base]}"]
    costs = [
        [
            f"{name}, us",
            *(f"{each['us']:.1f}" for each in steps),
            f"{steps[-1]['us'] / steps[base]['us']:.1f}",
        ]
        for name, steps in growth.items()
    ]
    slowest = [
        [f"{name}, slowest ms", *(f"{each['slowest_ms']:.2f}" for each in steps), ""]
        for name, steps in growth.items()
    ]
    print("## CPU of an announce in one swarm, 50 peers asked for\n")
    print(table(columns, costs + slowest))
    print("\nslowest: the longest single announce while the swarm grew to that size, nothing asked for\n")


def print_memory(shapes: Sequence[tuple[int, int]]) -> None:
    """Print bytes per peer for each shape of the same many peers."""
    body = []
    for torrents, peers in shapes:
        taken = {name: apart(name, "memory", torrents, peers) for name in STORES}
        ratio = taken["dict of dataclass"]["bytes"] / taken[next(iter(OURS))]["bytes"]
        figures = [
            f"{taken[name][what]:.{digits}f}"
            for what, digits in (("bytes", 0), ("seconds", 1))
            for name in STORES
        ]
        body.append([f"{torrents:,} x {peers:,}", *figures, f"{ratio:.1f}"])
    columns = [f"{name}, {what}" for what in ("bytes", "s to fill") for name in STORES]
    print("## Memory per IPv4 peer after a flush, growth of the resident set\n")
    print(table(["torrents x peers", *columns, "smaller by"], body), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 100,000 peers instead of a million")
    parser.add_argument("--apart", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.apart:
        answer(given.apart)
        return 0
    end_like_ctrl_c()
    scale = 10 if given.quick else 1
    print(f"# swarms\n\n{describe()}\n")
    print_growth([size for size in SIZES if size <= SIZES[-1] // scale])
    print_memory(
        [(max(1, torrents // scale), peers if torrents > 1 else peers // scale) for torrents, peers in SHAPES]
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
