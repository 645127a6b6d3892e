"""A bound on the processor's time that a test may take of hostile input, far above what it needs on any machine."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SECONDS = 60.0


@contextmanager
def bounded_cost() -> Iterator[None]:
    """Fail what computes for a minute: work out of proportion to its input, not a slow machine.

    Processor time of this process alone counts, so that others beside it do not.
    """

    def fail(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"it computes for longer than {_SECONDS} s")

    before = signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
