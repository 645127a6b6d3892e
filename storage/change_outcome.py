"""What came of a change that shares its transaction with others, whatever the engine, and how many share one."""

from time import perf_counter
from typing import Any

from tasks.gathering import Gathered
from tasks.recent_work import RecentWork

TOGETHER = 256
"""Changes in one transaction."""
LONGEST = 0.1
"""Seconds after which what is left of a transaction's changes waits for the next."""


class ChangeOutcome:
    """What came of one change: nothing yet, its result, or what it raised. Its time is counted as its client's work."""

    def __init__(self, client: RecentWork | None) -> None:
        self._client = client
        self._began = 0.0
        self._result: list[object] = []
        self._error: Exception | None = None

    def begin(self) -> None:
        """Note that it runs from now on."""
        self._began = perf_counter()

    def succeed(self, result: object) -> None:
        """Note what it returned."""
        self._result = [result]
        self._count()

    def fail(self, error: Exception) -> None:
        """Note what it raised."""
        self._error = error
        self._count()

    @property
    def succeeded(self) -> bool:
        """Whether it did not fail."""
        return self._error is None

    def forget(self) -> None:
        """Forget what came of it, which was undone."""
        self._result, self._error = [], None

    def raise_error(self) -> None:
        """Raise what it raised."""
        if self._error is not None:
            raise self._error

    def tell(self, gathered: Gathered[Any, Any]) -> None:
        """Tell what came of it; where it did not run, it runs in the next transaction."""
        if self._error is not None:
            gathered.fail(self._error)
        elif self._result:
            gathered.settle(self._result[0])

    def _count(self) -> None:
        if self._client is not None:
            self._client.add(perf_counter() - self._began)
