import asyncio
import contextlib

from tasks.loop_stalls import BOUNDS, STEP, LoopStalls


def test_a_stall_is_counted_in_its_bucket_and_the_longest_is_kept():
    stalls = LoopStalls(lambda: 0.0)
    for seconds in (0.0, 0.03, 9.0, 0.2):
        stalls.note(seconds)

    assert dict(zip((*BOUNDS, None), stalls.counts, strict=True)) == dict.fromkeys((*BOUNDS, None), 0) | {
        0.005: 1,
        0.05: 1,
        0.25: 1,
        None: 1,
    }
    assert (stalls.longest, round(stalls.total, 2)) == (9.0, 9.23)


async def test_a_look_that_comes_late_is_a_stall():
    times, worked = iter([100.0, 100.0 + STEP + 0.5]), iter([3.0, 3.2])
    stalls = LoopStalls(lambda: next(times), lambda: next(worked))

    with contextlib.suppress(RuntimeError, StopIteration):
        await stalls.run()

    assert round(stalls.longest, 3) == 0.5
    assert round(stalls.longest_work, 3) == 0.2
    assert asyncio.get_running_loop().is_running()


def test_work_between_looks_that_came_in_time_is_no_stall():
    stalls = LoopStalls(lambda: 0.0)
    stalls.note(0.001, 0.02)

    assert stalls.longest_work == 0.001
