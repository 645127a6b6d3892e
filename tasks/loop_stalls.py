"""Measures stalls of the event loop: how much later than asked a short sleep ends, and how much of it was work."""

import asyncio
from collections.abc import Callable
from time import thread_time

STEP = 0.025
"""Seconds between two looks."""
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the histogram's buckets, in seconds; one more bucket has what is beyond."""


class LoopStalls:
    """A histogram of the stalls since the start, and the longest of them, in seconds.

    `longest_work` is the most processor time that the loop's thread itself used in one: what is left of a stall is
    other threads, other processes, and the machine. `worked` tells the processor time of the calling thread.
    """

    def __init__(self, clock: Callable[[], float], worked: Callable[[], float] = thread_time) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self.longest = 0.0
        self.longest_work = 0.0
        self._clock = clock
        self._worked = worked

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            due, before = self._clock() + STEP, self._worked()
            await asyncio.sleep(STEP)
            self.note(max(0.0, self._clock() - due), self._worked() - before)

    def note(self, seconds: float, worked: float = 0.0) -> None:
        """Count one stall, in which the loop worked for at most `worked` seconds."""
        at = next((at for at, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        self.counts[at] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        self.longest_work = max(self.longest_work, min(seconds, worked))
