"""Run to completion: operations that finish although their caller is cancelled.

A client that hangs up cancels the task that serves it. A thread that writes a file cannot be cancelled, so
a cancelled operation would leave a file that is not counted.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


class RunToCompletion:
    """Runs operations to completion, even when those who wait for them are cancelled.

    `failed` names the log entry of an operation that fails when nobody waits for it any more; a failure that is
    `expected`, an answer to who asked, has none.
    """

    def __init__(self, failed: str, *, expected: tuple[type[Exception], ...] = ()) -> None:
        self._failed = failed
        self._expected = expected
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, operation: Coroutine[Any, Any, T]) -> T:
        """Return the operation's result; when the caller is cancelled, the operation goes on."""
        task = self._start(operation)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._log_failure)
            raise

    async def drain(self) -> None:
        """Wait until every operation has ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _start(self, operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(operation)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _log_failure(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, self._expected):
            log.error(self._failed, exc_info=error)


class RunToCompletionQueue(RunToCompletion):
    """The same one operation at a time, first in, first out; a failure of one that nobody awaits is logged."""

    def __init__(self, failed: str, *, expected: tuple[type[Exception], ...] = ()) -> None:
        super().__init__(failed, expected=expected)
        self._lock = asyncio.Lock()

    async def run(self, operation: Coroutine[Any, Any, T]) -> T:
        """Return the operation's result; when the caller is cancelled, the operation goes on."""
        return await super().run(self._in_order(operation))

    def enqueue(self, operation: Coroutine[Any, Any, object]) -> None:
        """Queue an operation that nobody waits for; its failure is logged."""
        self.spawn(self._in_order(operation))

    def spawn(self, operation: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Run an operation beside the queue; its failure is logged."""
        return self._start(self._logged(operation))

    async def _in_order(self, operation: Coroutine[Any, Any, T]) -> T:
        async with self._lock:
            return await operation

    async def _logged(self, operation: Coroutine[Any, Any, object]) -> None:
        try:
            await operation
        except Exception:
            log.exception(self._failed)
