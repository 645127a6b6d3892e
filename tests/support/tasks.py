"""Tasks at chosen points: begun, so many turns of the event loop further, or where something holds."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

_SHORT = 200  # turns of the loop after which what is waited for is another thread's or process's work
_PAUSE = 0.002  # seconds


async def begun(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Return a task that has run up to where it first waits."""
    return await begun_for(work, 1)


async def begun_for(work: Coroutine[Any, Any, Any], turns: int) -> "asyncio.Task[Any]":
    """Return a task after that many turns of the loop: a test that goes through them meets it at every point."""
    task = asyncio.create_task(work)
    await turn(turns)
    return task


async def turn(count: int = 1) -> None:
    """Let every task that is ready run once, so many times: for a test to which the turns themselves matter."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until a function, or what it is awaited for, is true, and return that. TimeoutError."""
    asked = 0
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            asked += 1
            await asyncio.sleep(0 if asked < _SHORT else _PAUSE)
