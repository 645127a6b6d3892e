import asyncio

from actions.auto_fetch import FIRST_PAUSE, AutoFetch
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from tests.support.tasks import turn
from tracker.journal_row import JournalRow
from tracker.model import ZERO_COUNTS, Counts

PEOPLED = Counts(1, 0, 0, 0)


def hash_of(number):
    return InfoHash(number.to_bytes(20, "big"))


class Bench:
    """An automatic fetch with fakes around it."""

    def __init__(self, *, at_once=1, longest_pause=3600, **limits):
        self.looked, self.slept = [], []
        self.held, self.empty, self.having = set(), set(), set()
        self.refusal = None
        self.now = 0.0
        self.done = asyncio.Event()
        self.filling = AutoFetch(
            self, self, lambda infohash: ZERO_COUNTS if infohash in self.empty else PEOPLED,
            every=6.0, at_once=at_once, longest_pause=longest_pause, timer=lambda: self.now, sleep=self.sleep,
            **limits,
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
        await turn()
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
    bench = Bench()
    await bench.announce(*range(1, 7))
    await bench.work()
    assert bench.looked == [hash_of(number) for number in (6, 1, 5, 2, 4, 3)]
    assert bench.slept.count(6.0) == 6


async def test_what_is_held_gone_or_without_peers_is_not_looked_up():
    bench = Bench()
    bench.held, bench.empty = {hash_of(1)}, {hash_of(2)}
    await bench.announce(1, 2, 3)
    await bench.filling.observe([JournalRow(hash_of(4), 0, None)])
    await bench.work()
    assert bench.looked == [hash_of(3)]


async def test_a_missed_hash_waits_longer_each_time_and_only_while_it_is_announced():
    bench = Bench(longest_pause=150)
    for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE, 150, 150):
        await bench.announce(1)
        await bench.work()
        bench.now += pause - 1
        await bench.announce(1)
        assert bench.filling.waiting == 0
        bench.now += 1
        await bench.work()
    assert len(bench.looked) == 4


async def test_a_refusal_is_a_miss_and_the_work_goes_on():
    bench = Bench()
    bench.refusal = Refusal("busy")
    await bench.announce(1, 2)
    await bench.work()
    assert len(bench.looked) == 2


async def test_memory_is_bounded_and_the_newest_is_dropped():
    bench = Bench(most_waiting=3, most_missed=2)
    await bench.announce(*range(1, 50))
    assert bench.filling.waiting == 3
    await bench.work()
    assert bench.looked == [hash_of(49), hash_of(1), hash_of(2)]
    assert len(bench.filling._missed) == 2
