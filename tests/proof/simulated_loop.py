"""An event loop whose time and whose threads are simulated, so that one seed decides every interleaving.

Time passes only when everything waits, and then at once. What would run in a thread (`asyncio.to_thread`, the threads of
SQLite's connections) runs on the loop, after a delay that the seed draws, and its result arrives after another; so calls
overtake each other as they do on a busy machine, and the same seed gives the same run.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context
from heapq import heappop, heappush
from typing import Any
from unittest import mock

import aiosqlite

import accounts.passwords
from storage.sqlite.short_reads import ShortReads

_NEVER = 1e9


class Deadlock(Exception):
    """Everything waits and nothing is due."""


class _Timer(asyncio.TimerHandle):
    """A timer of the simulated loop: its place in the heap needs no note of how many were cancelled."""

    def cancel(self) -> None:
        """Cancel the call."""
        asyncio.Handle.cancel(self)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """A loop over simulated time, in seconds from 0; `chance` draws the delays of what runs in threads.

    It looks at no socket and no real clock, which is most of what a turn of the usual loop costs.
    """

    get_debug = staticmethod(bool)
    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self, chance: random.Random) -> None:
        self.now = 0.0
        self.chance = chance
        self._timers: list[tuple[float, int, _Timer]] = []
        self._count = 0
        super().__init__()
        self.set_exception_handler(self._note_failure)
        self.failures: list[str] = []

    def time(self) -> float:
        """The simulated time."""
        return self.now

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function at a time; of those at the same time in the order in which they were asked for."""
        timer = _Timer(when, callback, args, self, context)
        self._count += 1
        heappush(self._timers, (when, self._count, timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function after some seconds."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call a function in the next turn."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _run_once(self) -> None:
        """Let time pass if nothing is ready, then run what is ready now."""
        ready, timers = self._ready, self._timers
        if not ready and not self._stopping:
            while timers and timers[0][2]._cancelled:
                heappop(timers)
            if not timers or timers[0][0] > self.now + _NEVER:
                raise Deadlock("everything waits and nothing is due")
            self.now = max(self.now, timers[0][0])
        while timers and timers[0][0] <= self.now:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.failures.append(f"a call of {handle._callback!r}: {error!r}")

    def delay(self) -> float:
        """How long a thread lets wait: mostly nearly nothing, sometimes long enough for all else to overtake."""
        drawn = self.chance.random()
        return self.chance.expovariate(10_000 if drawn < 0.6 else 50 if drawn < 0.95 else 1)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Run a function later, and let its result arrive later still; it does not run when cancelled before."""
        future: asyncio.Future[Any] = self.create_future()
        self.call_later(self.delay(), self._run_in_thread, future, lambda: func(*args))
        return future

    def _run_in_thread(self, future: asyncio.Future[Any], function: Callable[[], Any]) -> None:
        if not future.cancelled():
            self.call_later(self.delay(), _settle, future, *_outcome(function))

    def _note_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except Exception as error:
        return None, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class SimulatedConnection(aiosqlite.Connection):
    """A connection whose thread is simulated: calls run one after another in order, each after a delay."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, 64)
        self._calls: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()

    def __await__(self) -> Any:
        return self._connect().__await__()

    async def _connect(self) -> "SimulatedConnection":
        self._connection = self._connector()
        return self

    async def _execute(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self._connection is None:
            raise ValueError("Connection closed")
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        future = loop.create_future()
        self._calls.append((future, lambda: function(*args, **named)))
        if len(self._calls) == 1:
            loop.call_later(loop.delay(), self._run_next, loop)
        return await future

    def _run_next(self, loop: SimulatedLoop) -> None:
        future, function = self._calls[0]
        loop.call_later(loop.delay(), _settle, future, *_outcome(function))
        self._calls.popleft()
        if self._calls:
            loop.call_later(loop.delay(), self._run_next, loop)

    async def close(self) -> None:
        """Close at once what has no call under way."""
        if self._connection is not None:
            await self._execute(lambda: None)
            self._connection.close()
            self._connection = None
            self._running = False


class SimulatedExecutor:
    """An executor whose threads are simulated."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Make no threads."""

    def submit(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run a function later, as the loop does."""
        return asyncio.get_running_loop().run_in_executor(None, function)

    def shutdown(self, **_: Any) -> None:
        """Have nothing to end."""


def _connect(path: Any, **options: Any) -> SimulatedConnection:
    return SimulatedConnection(lambda: sqlite3.connect(path, **options))


async def _in_a_thread(*_: Any) -> None:
    """Run no query on the event loop."""


@contextlib.contextmanager
def simulated(chance: random.Random) -> Iterator[SimulatedLoop]:
    """A simulated loop, with the connections of SQLite on it, for one run."""
    loop = SimulatedLoop(chance)
    try:
        with (
            mock.patch.object(aiosqlite, "connect", _connect),
            # What is short is a matter of real time; in threads there is more that can come between.
            mock.patch.object(ShortReads, "rows", _in_a_thread),
            mock.patch.object(accounts.passwords, "FairExecutor", SimulatedExecutor),
        ):
            yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()
