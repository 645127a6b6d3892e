import asyncio

from actions import auto_fetch
from actions.auto_fetch import FIRST_PAUSE, AutoFetch
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from tracker.journal_row import JournalRow
from tracker.model import ZERO_COUNTS, Counts

PEOPLED = Counts(1, 0, 0, 0)


def hash_of(number):
    return InfoHash(number.to_bytes(20, "big"))


class Bench:
    """An automatic fetch with fakes around it."""

    def __init__(self, *, at_once=1, longest_pause=3600):
        self.looked, self.slept = [], []
        self.held, self.empty, self.having = set(), set(), set()
        self.refusal = None
        self.now = 0.0
        self.done = asyncio.Event()
        self.filling = AutoFetch(
            self, self, lambda infohash: ZERO_COUNTS if infohash in self.empty else PEOPLED,
            every=6.0, at_once=at_once, longest_pause=longest_pause, timer=lambda: self.now, sleep=self.sleep,
        )  # fmt: skip

    async def find_in_swarm(self, infohash):
        self.looked.append(infohash)
        if self.refusal:
            raise self.refusal
        return object() if infohash in self.having else None

    async def missing_contents(self, infohashes):
        return [each for each in infohashes if each not in self.held]

    async def sleep(self, seconds):
        self.slept.append(seconds)
        await asyncio.sleep(0)
        if seconds == 1.0:
            self.done.set()
            await asyncio.Event().wait()

    async def announce(self, *numbers):
        await self.filling.observe([JournalRow(hash_of(number), 0, b"x") for number in numbers])

    async def work(self):
        """Run until nothing waits any more."""
        self.done.clear()
        task = asyncio.create_task(self.filling.run())
        await asyncio.wait_for(self.done.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_newest_and_the_oldest_alternate_at_the_given_rate():
    async def look():
        bench = Bench()
        await bench.announce(*range(1, 7))
        await bench.work()
        return bench

    bench = await look()
    assert bench.looked == [hash_of(number) for number in (6, 1, 5, 2, 4, 3)]
    assert bench.slept.count(6.0) == 6


async def test_what_is_held_gone_or_without_peers_is_not_looked_up():
    async def look():
        bench = Bench()
        bench.held, bench.empty = {hash_of(1)}, {hash_of(2)}
        await bench.announce(1, 2, 3)
        await bench.filling.observe([JournalRow(hash_of(4), 0, None)])
        await bench.work()
        return bench.looked

    assert (await look()) == [hash_of(3)]


async def test_a_missed_hash_waits_longer_each_time_and_only_while_it_is_announced():
    async def look():
        bench = Bench(longest_pause=150)
        pauses = []
        for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE, 150, 150):
            await bench.announce(1)
            await bench.work()
            bench.now += pause - 1
            await bench.announce(1)
            pauses.append(bench.filling.waiting)
            bench.now += 1
            await bench.work()
        return pauses, len(bench.looked)

    assert (await look()) == ([0, 0, 0, 0], 4)


async def test_a_refusal_is_a_miss_and_the_work_goes_on():
    async def look():
        bench = Bench()
        bench.refusal = Refusal("busy")
        await bench.announce(1, 2)
        await bench.work()
        return len(bench.looked)

    assert (await look()) == 2


async def test_memory_is_bounded_and_the_newest_is_dropped(monkeypatch):
    monkeypatch.setattr(auto_fetch, "MOST_WAITING", 3)
    monkeypatch.setattr(auto_fetch, "MOST_MISSED", 2)

    async def look():
        bench = Bench()
        await bench.announce(*range(1, 50))
        waiting = bench.filling.waiting
        await bench.work()
        return waiting, bench.looked, len(bench.filling._missed)

    assert (await look()) == (3, [hash_of(49), hash_of(1), hash_of(2)], 2)
