"""RunToCompletion: operations that finish although their caller is cancelled.

A client that hangs up cancels the task that serves it. A thread that writes a file cannot be cancelled, so
a cancelled operation would leave a file that is not counted.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class RunToCompletion:
    """Runs operations to completion, even when those who wait for them are cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, operation: Coroutine[Any, Any, T]) -> T:
        """Return the operation's result; when the caller is cancelled, the operation goes on."""
        task = asyncio.create_task(operation)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until every running operation has ended."""
        while self._running:
            await asyncio.wait(set(self._running))
