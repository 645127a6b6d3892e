import asyncio
import os
import time

import pytest

from bittorrent.refusal import Refusal
from tasks.child_process import ChildFailure, ChildLimits, ChildProcesses, TooManyWaiting
from tests.support.tasks import begun, until


def own_process(number: int) -> tuple[int, int]:
    return os.getpid(), number + 1


def refuse() -> None:
    raise Refusal("too-large", "of 7")


def allocate() -> int:
    return len(bytearray(2**30))


def fill(size: int) -> int:
    return sum(bytearray(b"x") * size)


async def test_a_function_runs_in_another_process():
    number, result = await ChildProcesses().run(own_process, 4)

    assert (number != os.getpid(), result) == (True, 5)


async def test_what_it_raises_is_raised_here():
    with pytest.raises(Refusal, match="of 7") as raised:
        await ChildProcesses().run(refuse)

    assert raised.value.code == "too-large"


async def test_a_child_beyond_its_time_or_memory_is_ended():
    with pytest.raises(ChildFailure, match="seconds"):
        await ChildProcesses(ChildLimits(seconds=0.5)).run(time.sleep, 60)
    with pytest.raises(ChildFailure, match="memory"):
        await ChildProcesses(ChildLimits(memory=2**29)).run(allocate)


async def test_one_too_many_is_refused_at_once():
    children = ChildProcesses(ChildLimits(waiting=0))
    first = await begun(children.run(time.sleep, 60))

    with pytest.raises(TooManyWaiting):
        await children.run(time.sleep, 0)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_child_is_kept_for_the_next_function():
    held = fill(2**27)  # of a large parent
    children = ChildProcesses()
    (first, _), (second, _) = await children.run(own_process, 1), await children.run(own_process, 2)
    assert (first, held) == (second, ord("x") * 2**27)


async def test_a_child_without_work_is_ended():
    children = ChildProcesses(ChildLimits(idle=0.0))
    number, _ = await children.run(own_process, 1)
    await until(lambda: not children._idle)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


async def test_a_child_whose_memory_has_grown_is_not_kept():
    children = ChildProcesses()
    (first, _), _, (second, _) = (
        await children.run(own_process, 1),
        await children.run(fill, 2**27),
        await children.run(own_process, 2),
    )
    assert first != second


async def test_a_child_that_is_killed_is_followed_by_another():
    children = ChildProcesses()
    with pytest.raises(ChildFailure):
        await children.run(os.kill, 0, 9)
    assert (await children.run(own_process, 6))[1] == 7
