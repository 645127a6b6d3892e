"""Tasks at chosen points: begun, or so many turns of the event loop further."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def begun(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Return a task that has run up to where it first waits."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


async def begun_for(work: Coroutine[Any, Any, Any], turns: int) -> "asyncio.Task[Any]":
    """Return a task after that many turns of the loop: a test that goes through them meets it at every point."""
    task = asyncio.create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    return task
