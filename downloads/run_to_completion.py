"""An operation queue: coroutines run one at a time and to completion, even when their caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


class RunToCompletionQueue:
    """Runs operations one at a time, first in, first out."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, operation: Coroutine[Any, Any, T]) -> T:
        """Return the operation's result; when the caller is cancelled, the operation goes on."""
        return await asyncio.shield(self._task(self._in_order(operation)))

    def enqueue(self, operation: Coroutine[Any, Any, object]) -> None:
        """Queue an operation that nobody waits for; its failure is logged."""
        self._task(self._logged(self._in_order(operation)))

    def spawn(self, operation: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run an operation beside the queue; its failure is logged."""
        return self._task(self._logged(operation))

    async def drain(self) -> None:
        """Wait until every operation has ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _task(self, operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(operation)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _in_order(self, operation: Coroutine[Any, Any, T]) -> T:
        async with self._lock:
            return await operation

    async def _logged(self, operation: Coroutine[Any, Any, object]) -> None:
        try:
            await operation
        except Exception:
            log.exception("downloads.operation_failed")
