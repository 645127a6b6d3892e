"""Three nodes that share a stream, in simulated time: one seed decides every announce, failure and delay.

At rest, once everything is back, all nodes know the same peers and counts.
"""

import asyncio
import contextlib
import logging
import random
import sys
import traceback
from dataclasses import dataclass

from bittorrent.infohash import InfoHash
from tests.proof.seeds import run_seeds
from tests.proof.simulated_loop import SimulatedLoop
from tests.support.change_streams import MemoryPositions, MemoryStream, StreamServer
from tests.support.swarm_stores import STORES
from tracker.changes import GONE, SNAPSHOT_START, Change, PeerChange
from tracker.journal_row import JournalRow
from tracker.model import Announce, AnnounceTerms, Event
from tracker.replication.replicator import Replicator
from tracker.replication.terms import NodeTerms
from tracker.store import SwarmStore

NOW = 1_800_000_000
NODES = 3
HASHES = [InfoHash(bytes([first]) + b"h" * 19) for first in (0, 90, 200, 255)]
PEERS = [bytes([10, 0, 0, last, 26, 225]) for last in range(6)] + [
    bytes(17) + bytes([last]) for last in range(2)
]
SECONDS = 60.0
REST = 150.0


@dataclass
class Chances:
    """How often in a second something happens to a node, or to the stream."""

    announce: float = 6.0
    crash: float = 0.02
    partition: float = 0.03
    deaf: float = 0.02
    trim: float = 0.03
    restart: float = 0.02
    jump: float = 0.03


class Node:
    """A node: what a crash takes, and what outlives it."""

    def __init__(self, number: int, server: StreamServer, loop: SimulatedLoop, chance: random.Random) -> None:
        self.number, self.server, self.loop, self.chance = number, server, loop, chance
        self.offset = chance.randint(-200, 200)
        self.positions = MemoryPositions()
        self.rows: dict[tuple[bytes, int], JournalRow] = {}
        self.reports: list[Exception] = []
        self.store: SwarmStore | None = None
        self.unsent: set[tuple[bytes, bytes]] = set()

    def clock(self) -> float:
        return NOW + self.offset + self.loop.time()

    async def start(self) -> None:
        make = list(STORES.values())[self.number % len(STORES)]
        self.store = make(AnnounceTerms(node=self.number, max_changes=3000), self.chance.randrange(2**32))
        self.store.restore(list(self.rows.values()))
        self.stream = MemoryStream(self.server)
        terms = NodeTerms(
            self.number, f"node {self.number}", self.chance.randrange(1, 2**63), len(self.server.shards)
        )
        self.replicator = Replicator(
            self.store,
            self.stream,
            self.positions,
            terms,
            clock=self.clock,
            timer=self.loop.time,
            report=self.reports.append,
        )
        self.tasks = [asyncio.ensure_future(self.replicator.run()), asyncio.ensure_future(self.flush())]

    async def flush(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(1, 6))
            assert self.store is not None
            rows: list[JournalRow] = []
            while batch := self.store.take_dirty():
                rows += batch
            for row in rows:
                if row.payload is None:
                    self.rows.pop((row.infohash, row.part), None)
                else:
                    self.rows[row.infohash, row.part] = row
            await self.replicator.observe(rows)

    async def crash(self) -> None:
        self.note_unsent()
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.store = None

    def note_unsent(self) -> None:
        """Note whose departure goes with this node before it was sent: the others keep him until he expires."""
        assert self.store is not None
        sender = self.replicator._sender
        if sender is not None:
            changes = self.store.read_changes(sender._consumer, 10_000).changes
            self.unsent |= {(each.infohash, each.peer) for each in changes if isinstance(each, PeerChange)}

    def known(self, unsent: set[tuple[bytes, bytes]]) -> tuple[object, ...]:
        """Everything that can be seen of the swarms, but whose departure nobody could hear of."""
        assert self.store is not None
        changes: list[Change] = []
        place = SNAPSHOT_START
        while place is not None:
            step, place = self.store.snapshot(place)
            changes += step
        there = {
            each
            for each in changes
            if not isinstance(each, PeerChange)
            or not (each.flags & GONE or (each.infohash, each.peer) in unsent)
        }
        return sorted(there, key=repr), [self.store.scrape(infohash).downloaded for infohash in HASHES]


class Run:
    """One run of a seed."""

    def __init__(self, seed: int, loop: SimulatedLoop, chances: Chances) -> None:
        self.chance = random.Random(seed)
        self.loop = loop
        self.chances = chances
        self.server = StreamServer(self.chance.choice([1, 1, 2, 4]))
        self.nodes = [Node(number, self.server, loop, self.chance) for number in range(NODES)]
        self.log: list[str] = []

    async def run(self) -> None:
        for node in self.nodes:
            if self.chance.random() < 0.8:
                await node.start()
        end = self.loop.time() + SECONDS
        while self.loop.time() < end:
            await asyncio.sleep(self.chance.expovariate(10))
            for name, often in vars(self.chances).items():
                if self.chance.random() < often / 10:
                    await getattr(self, name)()
        await self.heal()

    def say(self, what: str) -> None:
        self.log.append(f"{self.loop.time():8.3f} {what}")

    def pick(self) -> Node:
        return self.chance.choice(self.nodes)

    async def announce(self) -> None:
        node = self.pick()
        if node.store is None:
            return
        event = self.chance.choice([Event.NONE, Event.STARTED, Event.COMPLETED, Event.STOPPED, Event.PAUSED])
        infohash, peer = self.chance.choice(HASHES), self.chance.choice(PEERS)
        seeder = event == Event.COMPLETED or self.chance.random() < 0.3
        self.say(f"{node.number}: {infohash[0]} {peer[-3]} {event.name} {seeder}")
        node.store.announce(Announce(infohash, peer, event, seeder, 0), int(node.clock()))

    async def crash(self) -> None:
        node = self.pick()
        if node.store is None:
            self.say(f"{node.number} starts")
            await node.start()
        else:
            self.say(f"{node.number} crashes")
            await node.crash()

    async def partition(self) -> None:
        node = self.pick()
        if node.store is not None:
            node.stream.away = not node.stream.away
            self.say(f"{node.number} away: {node.stream.away}")

    async def deaf(self) -> None:
        node = self.pick()
        if node.store is not None:
            node.stream.deaf = not node.stream.deaf
            self.say(f"{node.number} deaf: {node.stream.deaf}")

    async def trim(self) -> None:
        self.say("trim")
        self.server.trim(self.chance.choice([40, 80]))

    async def restart(self) -> None:
        emptied, back = self.chance.random() < 0.5, self.chance.random() < 0.3
        self.say(f"restart emptied {emptied} back {back}")
        self.server.restart(emptied=emptied, clock_back=back)

    async def jump(self) -> None:
        self.pick().offset += self.chance.randint(-9, 9)

    async def heal(self) -> None:
        self.say("heal")
        for node in self.nodes:
            if node.store is None:
                await node.start()
            node.stream.away = node.stream.deaf = False
        await asyncio.sleep(REST)
        try:
            self.check()
        finally:
            for node in self.nodes:
                await node.crash()

    def check(self) -> None:
        for node in self.nodes:
            unexpected = [each for each in node.reports if type(each).__name__ != "StreamAway"]
            assert not unexpected, (len(unexpected), unexpected[0].__cause__)
            assert node.replicator.figures.in_step, f"node {node.number} is not in step"
            assert not node.replicator.figures.same_number
        unsent = set[tuple[bytes, bytes]]().union(*(node.unsent for node in self.nodes))
        first, *others = [node.known(unsent) for node in self.nodes]
        for number, each in enumerate(others, 1):
            assert each == first, f"node {number} differs: {set(each[0]) ^ set(first[0])}"  # type: ignore[call-overload]


def simulate(seed: int, chances: Chances | None = None) -> Run:
    """Run a seed; AssertionError: a property does not hold. What happened is in the run's log."""
    loop = SimulatedLoop(random.Random(seed))
    run = Run(seed, loop, chances or Chances())
    try:
        loop.run_until_complete(run.run())
        assert not loop.failures, loop.failures
    except BaseException as error:
        error.add_note("\n".join(run.log))
        raise
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return run


def run_seed(seed: int) -> str:
    """Run a seed; return what failed, "" for nothing."""
    try:
        simulate(seed)
    except Exception:
        return traceback.format_exc()
    return ""


def prepare() -> None:
    """Say nothing of what is logged."""
    logging.disable()


def main() -> int:
    """Run many seeds from the command line."""
    return run_seeds("tests.proof.replication", run_seed, None, prepare=prepare, usual=200)


if __name__ == "__main__":
    sys.exit(main())
