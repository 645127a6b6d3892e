"""Hides how a deed that was begun is carried to its end although its asker leaves.

A client that hangs up cancels the task that serves it. A thread that writes a file cannot be cancelled, so
a deed half awaited would leave a file that nobody counts.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Unbroken:
    """Runs deeds to their end, whatever happens to those who wait for them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, deed: Coroutine[Any, Any, T]) -> T:
        """Return the deed's result; when the caller is cancelled, the deed goes on."""
        task = asyncio.create_task(deed)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until every deed that was begun has ended."""
        while self._running:
            await asyncio.wait(set(self._running))
