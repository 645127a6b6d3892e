"""Fair turns: while several wait, those whose requests cost least of late go first.

What a request costs is the time of the event loop, of threads and of database readers that it took. It is
counted by client, an address or what stands for several, and half of it is forgotten every second. A client that cost
little never waits here. The others' steps are taken one in each round of the loop, the cheapest client's first, so that
a burst of many costly requests, from however many connections, delays others by one step and not by all of them.
"""

import asyncio
import types
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")

HALF_LIFE = 1.0
"""Seconds after which half of the time taken is forgotten."""
LIGHT = 0.01
"""Seconds of time taken of late up to which a client goes before all others."""
_REMEMBERED = 65_536


@dataclass(eq=False, slots=True)
class RecentWork:
    """The seconds of work that one client caused of late."""

    clock: Callable[[], float] = perf_counter
    urgent: int = 0
    """How much of the client's is under way that others wait for, such as a transaction: it never waits then."""
    _seconds: float = 0.0
    _at: float = 0.0

    def add(self, seconds: float) -> None:
        """Add work done for the client."""
        self._seconds = self.seconds() + seconds
        self._at = self.clock()

    def seconds(self) -> float:
        """Return the work of late."""
        if not self._seconds:
            return 0.0
        return float(self._seconds * 0.5 ** ((self.clock() - self._at) / HALF_LIFE))

    def is_heavy(self) -> bool:
        """Return whether the client waits for others."""
        return self._seconds > LIGHT and not self.urgent and self.seconds() > LIGHT


current: ContextVar[RecentWork | None] = ContextVar("recent_work", default=None)
"""The client that the running code works for; None where it is the service itself."""


def recent_seconds() -> float:
    """Return the recent work of the client that the running code works for, 0 for the service itself."""
    work = current.get()
    return 0.0 if work is None else work.seconds()


@contextmanager
def urgent() -> Iterator[None]:
    """Let the running code's client go first for the length of a block, because others wait for what it does."""
    work = current.get()
    if work is None:
        yield
        return
    work.urgent += 1
    try:
        yield
    finally:
        work.urgent -= 1


class FairTurns:
    """Lets the event loop's time go round among clients; to be used in one event loop."""

    def __init__(self, clock: Callable[[], float] = perf_counter, *, remembered: int = _REMEMBERED) -> None:
        self.clock = clock
        self._remembered = remembered
        self._clients: OrderedDict[Hashable, RecentWork] = OrderedDict()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self.waited = 0
        """How many steps had to wait so far."""

    def of(self, client: Hashable) -> RecentWork:
        """Return the recent work of a client; of too many the one not seen for longest is forgotten."""
        work = self._clients.get(client)
        if work is None:
            work = self._clients[client] = RecentWork(self.clock)
            if len(self._clients) > self._remembered:
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(client)
        return work

    async def wait(self, work: RecentWork) -> None:
        """Wait for the client's turn, where it has to wait at all."""
        if work.is_heavy():
            await self._turn(work)

    @types.coroutine
    def run(self, coroutine: Coroutine[Any, Any, T], work: RecentWork) -> Generator[Any, Any, T]:
        """Run a coroutine whose every step waits for the client's turn and counts as its work."""
        clock = self.clock
        error: BaseException | None = None
        try:
            while True:
                if work.is_heavy() and error is None:
                    try:
                        yield from self._turn(work)
                    except asyncio.CancelledError as cancelled:
                        error = cancelled
                began = clock()
                try:
                    awaited = coroutine.send(None) if error is None else coroutine.throw(error)
                except StopIteration as done:
                    value: T = done.value
                    return value
                finally:
                    error = None
                    work.add(clock() - began)
                try:
                    yield awaited
                except GeneratorExit:
                    raise
                except BaseException as thrown:
                    error = thrown
        finally:
            coroutine.close()

    def _turn(self, work: RecentWork) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._give)
        heappush(self._waiting, (work.seconds(), next(self._numbers), turn))
        self.waited += 1
        return turn

    def _give(self) -> None:
        """Give one turn, and the next in the next round of the loop."""
        while self._waiting:
            turn = heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                break
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._give)


class SlotsClosed(Exception):
    """There are no slots any more."""


@dataclass(eq=False, slots=True)
class FairSlots:
    """A number of slots: who cost least of late is next, and one slot at least is kept from heavy clients.

    With a single slot all share it.
    """

    size: int
    _free: int = field(init=False)
    _heavy: int = 0
    _closed: bool = False
    _waiting: list[tuple[float, int, bool, "asyncio.Future[None]"]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self._free = self.size

    async def acquire(self) -> bool:
        """Wait for a slot, and return what `release` is to be told. SlotsClosed."""
        work = current.get()
        heavy = work is not None and work.is_heavy()
        if self._closed:
            raise SlotsClosed
        if self._fits(heavy=heavy) and not any(self._fits(heavy=other) for _, _, other, _ in self._waiting):
            self._take(heavy=heavy)
            return heavy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (recent_seconds(), next(self._numbers), heavy, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release(heavy=heavy)  # it came together with the cancellation
            raise
        return heavy

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot for the length of a block. SlotsClosed."""
        heavy = await self.acquire()
        try:
            yield
        finally:
            self.release(heavy=heavy)

    def release(self, *, heavy: bool) -> None:
        """Give a slot back."""
        self._free += 1
        self._heavy -= heavy
        self._give()

    def close(self) -> None:
        """Refuse everybody from now on, those who wait too."""
        self._closed = True
        for *_, turn in self._waiting:
            if not turn.done():
                turn.set_exception(SlotsClosed())
        self._waiting.clear()

    def _fits(self, *, heavy: bool) -> bool:
        return self._free > 0 and (not heavy or self._heavy < max(1, self.size - 1))

    def _take(self, *, heavy: bool) -> None:
        self._free -= 1
        self._heavy += heavy

    def _give(self) -> None:
        kept = []
        while self._waiting and self._free:
            seconds, number, heavy, turn = heappop(self._waiting)
            if turn.done():
                continue
            if not self._fits(heavy=heavy):
                kept.append((seconds, number, heavy, turn))
                continue
            self._take(heavy=heavy)
            turn.set_result(None)
        for each in kept:
            heappush(self._waiting, each)
