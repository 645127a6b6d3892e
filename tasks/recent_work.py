"""What one client's requests cost of late, and for which client the running code works.

What a request costs is the time of the event loop, of threads and of database readers that it took. It is counted by
client, an address or what stands for several, and half of it is forgotten every ten seconds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import log2
from time import perf_counter

HALF_LIFE = 10.0
"""Seconds after which half of the time taken is forgotten."""
LIGHT = 0.01
"""Seconds of time taken of late up to which a client goes before all others."""
HEAVY = 0.25
"""Seconds of time taken of late beyond which a client is kept from the last of several threads or readers."""
_RECENT_STEPS = 8  # over which the length of a client's steps is averaged
_LEAST = -1e300


@dataclass(eq=False, slots=True)
class RecentWork:
    """The seconds of work that one client caused of late."""

    clock: Callable[[], float] = perf_counter
    urgent: int = 0
    """How much of the client's is under way that others wait for, such as a transaction: it never waits then."""
    step: float = 0.0
    """Seconds that a step of the client takes, an average of the last."""
    _seconds: float = 0.0
    _at: float = 0.0

    def add(self, seconds: float) -> None:
        """Add work done for the client."""
        self._seconds = self.seconds() + seconds
        self._at = self.clock()

    @property
    def rank(self) -> float:
        """Its place among clients, the least first: it grows as work is added, and stays while that is forgotten."""
        return log2(self._seconds) + self._at / HALF_LIFE if self._seconds > 0 else _LEAST

    def rank_after(self, seconds: float) -> float:
        """Return the rank that it has after so much more work."""
        after = self.seconds() + seconds
        return log2(after) + self.clock() / HALF_LIFE if after > 0 else _LEAST

    def add_step(self, seconds: float) -> None:
        """Add one step of the client's on the event loop."""
        self.add(seconds)
        self.step += (seconds - self.step) / _RECENT_STEPS

    def seconds(self) -> float:
        """Return the work of late."""
        if not self._seconds:
            return 0.0
        return float(self._seconds * 0.5 ** ((self.clock() - self._at) / HALF_LIFE))

    def waits(self) -> bool:
        """Return whether the client's steps wait for others'."""
        return self._seconds > LIGHT and not self.urgent and self.seconds() > LIGHT

    def is_heavy(self) -> bool:
        """Return whether the client is kept from the last of several threads or readers."""
        return self._seconds > HEAVY and not self.urgent and self.seconds() > HEAVY


current: ContextVar[RecentWork | None] = ContextVar("recent_work", default=None)
"""The client that the running code works for; None where it is the service itself."""


@contextmanager
def urgent() -> Iterator[None]:
    """Let the running code's client go first for the length of a block, because others wait for what it does."""
    work = current.get()
    if work is None:
        yield
        return
    work.urgent += 1
    try:
        yield
    finally:
        work.urgent -= 1
