"""Measures stalls of the event loop: how much later than asked a short sleep ends."""

import asyncio
from collections.abc import Callable

STEP = 0.025
"""Seconds between two looks."""
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the histogram's buckets, in seconds; one more bucket has what is beyond."""


class LoopStalls:
    """A histogram of the stalls since the start, and the longest of them, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self.longest = 0.0
        self._clock = clock

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            due = self._clock() + STEP
            await asyncio.sleep(STEP)
            self.note(max(0.0, self._clock() - due))

    def note(self, seconds: float) -> None:
        """Count one stall."""
        at = next((at for at, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        self.counts[at] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
