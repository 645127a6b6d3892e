import asyncio
from itertools import pairwise

import pytest

from tasks.fair_turns import FairSlots, FairTurns, HeldSlot, SlotsClosed
from tasks.recent_work import HALF_LIFE, LIGHT, RecentWork, current, urgent
from tests.support.clock import Clock
from tests.support.tasks import begun, turn


def work_of(seconds):
    """The recent work of a client that did so much at a time that stands still."""
    work = RecentWork(lambda: 7.0)
    work.add(seconds)
    return work


async def steps(name, count, done):
    for _ in range(count):
        done.append(name)
        await turn()
    return name


def test_half_of_the_work_is_forgotten_in_a_half_life():
    clock = Clock(100)
    work = RecentWork(clock)
    work.add(4 * LIGHT)
    assert (work.waits(), work.is_heavy()) == (True, False)
    clock.now += 2 * HALF_LIFE
    assert work.seconds() == pytest.approx(LIGHT)
    clock.now += 0.001
    assert not work.waits()


async def rounds(clock, name, count, done, seconds=0.0):
    """Take `count` steps of so many seconds each, and note in which order."""
    for _ in range(count):
        clock.now += seconds
        done.append(name)
        await turn()


def use_up_a_round(turns):
    """Have a client that takes all the time that a round of the loop has."""
    work = turns.of("all of it")
    work.add_step(8)
    return asyncio.ensure_future(turns.run(steps("all of it", 0, []), work))


async def test_who_cost_little_does_not_wait_for_who_cost_much():
    clock, done = Clock(7), []
    turns = FairTurns(clock)
    running = [use_up_a_round(turns)]
    for name, seconds in {"most": 5, "much": 1, "little": 0}.items():
        work = turns.of(name)
        work.add(seconds)
        running.append(asyncio.ensure_future(turns.run(rounds(clock, name, 3, done, seconds / 1000), work)))
    await asyncio.gather(*running)
    assert done[0] == "little"
    assert done.index("much") < done.index("most")
    assert done[-1] == "most"
    assert turns.waited >= 2


async def test_a_client_alone_waits_for_nobody():
    turns, done = FairTurns(lambda: 7.0), []
    assert await turns.run(steps("alone", 9, done), work_of(5)) == "alone"
    assert turns.waited == 0


@pytest.mark.parametrize(("seconds", "together"), [(0.0001, 10), (0.003, 1)])
async def test_a_round_of_the_loop_has_about_a_millisecond_for_those_who_wait(seconds, together):
    clock, seen, done = Clock(7), [], []
    turns = FairTurns(clock)
    work = turns.of(b"a")
    work.add(5)
    for _ in range(60):
        work.add_step(seconds)

    async def count_rounds():
        while len(done) < 40:
            seen.append(len(done))
            await turn()

    tasks = [asyncio.ensure_future(turns.run(rounds(clock, "a", 1, done, seconds), work)) for _ in range(40)]
    await asyncio.gather(count_rounds(), *tasks)
    steps = {after - before for before, after in pairwise(seen)}
    assert together <= max(steps) <= together + 1


async def test_steps_count_as_their_clients_work_and_what_is_awaited_does_not():
    clock = Clock(0)
    turns = FairTurns(clock)
    work = turns.of(b"a")

    async def handle():
        clock.now += 0.01
        loop = asyncio.get_running_loop()
        found = loop.create_future()
        loop.call_soon(found.set_result, 5)
        got = await found
        clock.now += 0.02
        return got

    assert await turns.run(handle(), work) == 5
    assert work.seconds() == pytest.approx(0.03, rel=0.05)


async def test_what_a_coroutine_raises_and_what_is_thrown_into_it_pass_through():
    turns, seen, waits = FairTurns(), [], asyncio.Event()

    async def fail():
        await turn()
        raise ValueError("no")

    async def wait():
        waits.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await turn()
            seen.append("closed")

    for work in (work_of(0), work_of(9)):
        with pytest.raises(ValueError, match="no"):
            await turns.run(fail(), work)
        task = asyncio.ensure_future(turns.run(wait(), work))
        await waits.wait()
        waits.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert seen == ["cancelled", "closed"] * 2


async def test_a_client_that_is_cancelled_while_it_waits_costs_nobody_a_turn():
    turns, done = FairTurns(lambda: 7.0), []
    hog = use_up_a_round(turns)
    first = asyncio.ensure_future(turns.run(steps("first", 1, done), work_of(1)))
    second = asyncio.ensure_future(turns.run(steps("second", 1, done), work_of(2)))
    await turn()
    first.cancel()
    assert await second == "second"
    assert done == ["second"]
    assert first.cancelled()
    await hog


async def test_the_clients_remembered_are_bounded():
    turns = FairTurns(remembered=2)
    first = turns.of(b"a")
    turns.of(b"b")
    assert turns.of(b"a") is first
    turns.of(b"c")
    assert turns.of(b"a") is first
    turns.of(b"d")
    turns.of(b"c")
    assert turns.of(b"a") is not first


async def take(slots, work, taken, name, release):
    current.set(work)
    async with slots.slot():
        taken.append(name)
        await release.wait()


async def test_a_slot_is_kept_from_heavy_clients_and_the_lightest_is_next():
    slots, taken, release = FairSlots(2), [], asyncio.Event()
    tasks = [
        await begun(take(slots, work_of(s), taken, n, release)) for n, s in (("a", 9), ("b", 8), ("c", 0))
    ]
    assert taken == ["a", "c"]
    tasks += [await begun(take(slots, work_of(s), taken, n, release)) for n, s in (("d", 1), ("e", 0))]
    release.set()
    await asyncio.gather(*tasks)
    assert taken == ["a", "c", "e", "d", "b"]


async def test_one_slot_is_shared_by_all_and_a_waiter_that_is_cancelled_takes_none():
    slots, taken, release = FairSlots(1), [], asyncio.Event()
    first, second, third = [
        await begun(take(slots, work_of(9), taken, name, release)) for name in ("a", "b", "c")
    ]
    second.cancel()
    await asyncio.wait([second])
    release.set()
    await asyncio.gather(first, third)
    assert taken == ["a", "c"]
    assert second.cancelled()


async def test_a_slot_that_comes_with_a_cancellation_is_given_on():
    slots = FairSlots(1)
    held = await slots.acquire()
    waiter = await begun(slots.acquire())
    slots.release(held)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert await asyncio.wait_for(slots.acquire(), 5) == HeldSlot(None, heavy=False)


async def test_closed_slots_refuse_who_waits_and_who_comes():
    slots = FairSlots(1)
    await slots.acquire()
    waiter = await begun(slots.acquire())
    slots.close()
    for asked in (waiter, slots.acquire()):
        with pytest.raises(SlotsClosed):
            await asked


async def test_who_holds_what_others_wait_for_does_not_wait():
    work = work_of(9)
    current.set(work)
    with urgent():
        assert not work.waits()
    assert work.waits()
    current.set(None)
    with urgent():
        assert current.get() is None


async def test_a_slot_is_given_back_after_an_error():
    slots = FairSlots(1)
    with pytest.raises(ValueError, match="no"):
        async with slots.slot():
            raise ValueError("no")
    assert await asyncio.wait_for(slots.acquire(), 5) == HeldSlot(None, heavy=False)


@pytest.mark.parametrize(("size", "at_first"), [(2, ["a", "e"]), (3, ["a", "b", "e"])])
async def test_a_slot_is_kept_from_who_holds_all_others(size, at_first):
    slots, taken, release = FairSlots(size), [], asyncio.Event()
    fresh, other = work_of(0), work_of(0)
    clients = {"a": fresh, "b": fresh, "c": fresh, "d": fresh, "e": other}
    tasks = [await begun(take(slots, work, taken, name, release)) for name, work in clients.items()]
    assert taken == at_first
    release.set()
    await asyncio.gather(*tasks)
    assert sorted(taken) == sorted(clients)
