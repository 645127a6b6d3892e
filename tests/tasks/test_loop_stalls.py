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
    times = iter([100.0, 100.0 + STEP + 0.5])
    stalls = LoopStalls(lambda: next(times))

    with contextlib.suppress(RuntimeError, StopIteration):
        await stalls.run()

    assert round(stalls.longest, 3) == 0.5
    assert asyncio.get_running_loop().is_running()
