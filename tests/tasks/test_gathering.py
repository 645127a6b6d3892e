import asyncio
from contextlib import asynccontextmanager

import pytest

from tasks.gathering import Gathering
from tasks.recent_work import RecentWork, current
from tests.support.tasks import begun, begun_for, turn, until


class Worker:
    """Settles items once it is let go; those in `fail` fail, and those in `leave` are left the first time."""

    def __init__(self, most=100, fail=(), leave=(), turn=None):
        self.batches = []
        self.go = asyncio.Event()
        self.fail = set(fail)
        self.leave = set(leave)
        self.raises = None
        turns = {} if turn is None else {"turn": turn}
        self.gathering = Gathering(self.work, most, **turns)

    def step(self):
        """Let the batch that is under way go, and no other."""
        self.go.set()
        self.go = asyncio.Event()

    async def work(self, batch):
        self.batches.append([each.item for each in batch])
        await self.go.wait()
        if self.raises is not None:
            raise self.raises
        for each in batch:
            if each.item in self.leave:
                self.leave.remove(each.item)
            elif each.item in self.fail:
                each.fail(KeyError(each.item))
            else:
                each.settle(f"{each.item}!")


async def done_for(worker, item, seconds):
    """Do an item for a client that cost so much."""
    work = RecentWork(lambda: 7.0)
    work.add(seconds)
    current.set(work)
    return await worker.gathering.do(item)


async def test_what_comes_alone_is_done_at_once_and_what_comes_meanwhile_together():
    worker = Worker()
    first = await begun_for(worker.gathering.do("a"), 3)
    others = [await begun(worker.gathering.do(each)) for each in "bcd"]
    assert worker.batches == [["a"]]
    worker.go.set()
    assert await asyncio.gather(first, *others) == ["a!", "b!", "c!", "d!"]
    assert worker.batches == [["a"], ["b", "c", "d"]]


async def test_one_that_fails_fails_alone():
    worker = Worker(fail="b")
    worker.go.set()
    found = await asyncio.gather(*map(worker.gathering.do, "abc"), return_exceptions=True)
    assert found[::2] == ["a!", "c!"]
    assert isinstance(found[1], KeyError)


async def test_what_the_work_raises_all_fail_with_and_the_next_goes_on():
    worker = Worker()
    worker.raises = OSError("fire")
    worker.go.set()
    found = await asyncio.gather(*map(worker.gathering.do, "abc"), return_exceptions=True)
    assert [str(each) for each in found] == ["fire"] * 3
    worker.raises = None
    assert await worker.gathering.do("d") == "d!"


async def test_a_batch_has_a_most_and_what_is_left_comes_first_in_the_next():
    worker = Worker(most=3, leave="c")
    worker.go.set()
    assert await asyncio.gather(*map(worker.gathering.do, "abcde")) == [f"{each}!" for each in "abcde"]
    assert worker.batches == [["a", "b", "c"], ["c", "d", "e"]]


async def test_one_that_is_cancelled_before_it_began_is_dropped():
    worker = Worker()
    first = await begun_for(worker.gathering.do("a"), 3)
    gone, stays = [await begun(worker.gathering.do(each)) for each in "bc"]
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    worker.go.set()
    assert await asyncio.gather(first, stays) == ["a!", "c!"]
    assert worker.batches == [["a"], ["c"]]


async def test_one_that_is_cancelled_later_is_done_before_that_is_told_and_disturbs_no_other():
    worker = Worker()
    running = [asyncio.create_task(worker.gathering.do(each)) for each in "abc"]
    await until(lambda: worker.batches)
    running[1].cancel()
    await turn(3)
    assert not running[1].done()
    running[1].cancel()
    worker.go.set()
    assert [await running[0], await running[2]] == ["a!", "c!"]
    with pytest.raises(asyncio.CancelledError):
        await running[1]
    assert worker.batches == [["a", "b", "c"]]


async def test_who_cost_least_comes_first_and_none_waits_for_all_that_come_later():
    worker = Worker(most=2)
    running = [await begun_for(worker.gathering.do("first"), 3)]
    running += [
        await begun(done_for(worker, name, seconds)) for name, seconds in (("much", 9), ("a", 1), ("b", 1))
    ]
    worker.step()
    await running[0]
    running += [await begun(worker.gathering.do(f"free {number}")) for number in range(4)]
    worker.go.set()
    await asyncio.gather(*running)
    assert worker.batches[:3] == [["first"], ["a", "b"], ["much", "free 0"]]


async def test_a_batch_is_taken_when_it_is_its_turn_in_the_name_of_who_cost_least():
    asked, turn = [], asyncio.Event()

    @asynccontextmanager
    async def slot():
        asked.append(current.get().seconds())
        await turn.wait()
        yield

    worker = Worker(turn=slot)
    worker.go.set()
    running = [
        await begun_for(done_for(worker, "much", 9), 3),
        await begun_for(done_for(worker, "little", 1), 3),
    ]
    assert worker.batches == []
    turn.set()
    await asyncio.gather(*running)
    assert (asked, worker.batches) == ([9], [["little", "much"]])


async def test_where_there_are_no_turns_any_more_all_are_told():
    @asynccontextmanager
    async def slot():
        raise OSError("closed")
        yield

    worker = Worker(turn=slot)
    found = await asyncio.gather(*map(worker.gathering.do, "ab"), return_exceptions=True)
    assert [str(each) for each in found] == ["closed"] * 2


async def test_draining_waits_for_what_is_under_way_and_for_what_waits():
    worker = Worker(most=1)
    running = [await begun(worker.gathering.do(each)) for each in "ab"]
    draining = await begun_for(worker.gathering.drain(), 3)
    assert not draining.done()
    worker.go.set()
    await draining
    assert [await each for each in running] == ["a!", "b!"]
    await worker.gathering.drain()


def test_when_the_loop_ends_all_that_wait_are_cancelled():
    left = []

    async def main():
        worker = Worker(most=1)
        left.extend([await begun(worker.gathering.do(each)) for each in "ab"])
        await turn()

    asyncio.run(main())
    assert [each.cancelled() for each in left] == [True, True]
