"""Hides that deeds on jobs are done one after another, each to its end although its asker leaves."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


class Turn:
    """Lets deeds in one at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, deed: Coroutine[Any, Any, T]) -> T:
        """Return the deed's result; when the caller is cancelled, the deed goes on."""
        return await asyncio.shield(self._task(self._alone(deed)))

    def begin(self, deed: Coroutine[Any, Any, object]) -> None:
        """Do a deed in its turn; nobody waits for it, and its failure is logged."""
        self._task(self._logged(self._alone(deed)))

    def beside(self, deed: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do what needs no turn; its failure is logged."""
        return self._task(self._logged(deed))

    async def drain(self) -> None:
        """Wait until every deed that was begun has ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _task(self, deed: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(deed)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _alone(self, deed: Coroutine[Any, Any, T]) -> T:
        async with self._lock:
            return await deed

    async def _logged(self, deed: Coroutine[Any, Any, object]) -> None:
        try:
            await deed
        except Exception:
            log.exception("downloads.deed_failed")
