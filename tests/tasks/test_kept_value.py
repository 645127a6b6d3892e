import asyncio

import pytest

from tasks.kept_value import KeptValue
from tests.support.clock import Clock
from tests.support.tasks import until


async def test_a_value_is_kept_for_fifty_times_as_long_as_it_took():
    clock, made = Clock(0.0), []

    async def make():
        clock.now += 2
        made.append(clock.now)
        return len(made)

    kept = KeptValue(make, clock)
    assert [await kept.get() for _ in range(3)] == [1, 1, 1]
    clock.now = 101.9
    assert await kept.get() == 1
    clock.now = 102
    assert await kept.get() == 2


async def test_others_get_the_old_one_while_a_new_one_is_made():
    clock, gates = Clock(0.0), [asyncio.Event(), asyncio.Event()]
    gates[0].set()
    made = []

    async def make():
        made.append(None)
        number = len(made)
        await gates[number - 1].wait()
        return number

    kept = KeptValue(make, clock)
    assert await kept.get() == 1
    clock.now = 1
    first = asyncio.create_task(kept.get())
    await until(lambda: len(made) == 2)
    assert await kept.get() == 1
    gates[1].set()
    assert await first == 2


async def test_a_failure_is_told_and_nothing_is_kept_of_it():
    made = []

    async def make():
        made.append(None)
        if len(made) == 1:
            raise OSError("broken")
        return 5

    kept = KeptValue(make)
    with pytest.raises(OSError, match="broken"):
        await kept.get()
    assert await kept.get() == 5
