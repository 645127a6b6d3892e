"""Fair turns: while several wait, those whose requests cost least of late go first.

What a request costs is the time of the event loop, of threads and of database readers that it took. It is counted by
client, an address or what stands for several, and half of it is forgotten every ten seconds. A client that cost next to
nothing never waits here. Of the others' steps a few are taken in each round of the loop, the cheapest client's first,
for about a millisecond, and at least one: a burst of many costly requests, from however many connections, delays others
by that and not by all of them.
"""

import asyncio
import types
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")

HALF_LIFE = 10.0
"""Seconds after which half of the time taken is forgotten."""
LIGHT = 0.01
"""Seconds of time taken of late up to which a client goes before all others."""
HEAVY = 0.25
"""Seconds of time taken of late beyond which a client is kept from the last of several threads or readers."""
_ROUND = (
    0.001  # seconds of work of clients that wait, by what their steps took before, in a round of the loop
)
_RECENT_STEPS = 8  # over which the length of a client's steps is averaged
_REMEMBERED = 65_536


@dataclass(eq=False, slots=True)
class RecentWork:
    """The seconds of work that one client caused of late."""

    clock: Callable[[], float] = perf_counter
    urgent: int = 0
    """How much of the client's is under way that others wait for, such as a transaction: it never waits then."""
    step: float = 0.0
    """Seconds that a step of the client takes, an average of the last."""
    _seconds: float = 0.0
    _at: float = 0.0

    def add(self, seconds: float) -> None:
        """Add work done for the client."""
        self._seconds = self.seconds() + seconds
        self._at = self.clock()

    def add_step(self, seconds: float) -> None:
        """Add one step of the client's on the event loop."""
        self.add(seconds)
        self.step += (seconds - self.step) / _RECENT_STEPS

    def seconds(self) -> float:
        """Return the work of late."""
        if not self._seconds:
            return 0.0
        return float(self._seconds * 0.5 ** ((self.clock() - self._at) / HALF_LIFE))

    def waits(self) -> bool:
        """Return whether the client's steps wait for others'."""
        return self._seconds > LIGHT and not self.urgent and self.seconds() > LIGHT

    def is_heavy(self) -> bool:
        """Return whether the client is kept from the last of several threads or readers."""
        return self._seconds > HEAVY and not self.urgent and self.seconds() > HEAVY


current: ContextVar[RecentWork | None] = ContextVar("recent_work", default=None)
"""The client that the running code works for; None where it is the service itself."""


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
        self._waiting: list[tuple[float, int, float, asyncio.Future[None]]] = []
        self._numbers = count()
        self._left = _ROUND
        self._ticking = False
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
        if work.waits() and not self._has_time(work):
            await self._turn(work)

    @types.coroutine
    def run(self, coroutine: Coroutine[Any, Any, T], work: RecentWork) -> Generator[Any, Any, T]:
        """Run a coroutine whose every step waits for the client's turn and counts as its work."""
        clock = self.clock
        error: BaseException | None = None
        try:
            while True:
                if work.waits() and error is None and not self._has_time(work):
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
                    work.add_step(clock() - began)
                try:
                    yield awaited
                except GeneratorExit:
                    raise
                except BaseException as thrown:
                    error = thrown
        finally:
            coroutine.close()

    def _has_time(self, work: RecentWork) -> bool:
        """Take the time of a step from this round of the loop, where nobody waits and some is left."""
        if self._waiting or self._left <= 0:
            return False
        self._left -= work.step
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_soon(self._tick)
        return True

    def _turn(self, work: RecentWork) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        heappush(self._waiting, (work.seconds(), next(self._numbers), work.step, turn))
        self.waited += 1
        if not self._ticking:
            self._ticking = True
            loop.call_soon(self._tick)
        return turn

    def _tick(self) -> None:
        """Begin a round of the loop: give as many turns as it has time for."""
        self._left = _ROUND
        while self._waiting and self._left > 0:
            *_, seconds, turn = heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                self._left -= seconds
        self._ticking = bool(self._waiting)
        if self._ticking:
            asyncio.get_running_loop().call_soon(self._tick)


class SlotsClosed(Exception):
    """There are no slots any more."""


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """A slot that is held, and for whom."""

    client: RecentWork | None
    heavy: bool


@dataclass(eq=False, slots=True)
class FairSlots:
    """A number of slots: who cost least of late is next.

    Of several slots one is kept from heavy clients, and from one that holds all others: what it will cost is not known
    yet.
    """

    size: int
    _free: int = field(init=False)
    _heavy: int = 0
    _closed: bool = False
    _holding: Counter[RecentWork] = field(default_factory=Counter)
    _waiting: list[tuple[float, int, RecentWork | None, "asyncio.Future[HeldSlot]"]] = field(
        default_factory=list
    )
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self._free = self.size

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot for the length of a block. SlotsClosed."""
        held = await self.acquire()
        try:
            yield
        finally:
            self.release(held)

    async def acquire(self, *, for_service: bool = False) -> HeldSlot:
        """Wait for a slot, and return it; `for_service` it is nobody's, whoever is worked for. SlotsClosed."""
        if self._closed:
            raise SlotsClosed
        client = None if for_service else current.get()
        if not self._waiting and (held := self._take(client)) is not None:
            return held
        turn: asyncio.Future[HeldSlot] = asyncio.get_running_loop().create_future()
        seconds = 0.0 if client is None or client.urgent else client.seconds()
        heappush(self._waiting, (seconds, next(self._numbers), client, turn))
        self._give()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(turn.result())  # it came together with the cancellation
            raise

    def release(self, held: HeldSlot) -> None:
        """Give a slot back."""
        self._free += 1
        self._heavy -= held.heavy
        if held.client is not None:
            self._holding[held.client] -= 1
            if not self._holding[held.client]:
                del self._holding[held.client]
        self._give()

    def close(self) -> None:
        """Refuse everybody from now on, those who wait too."""
        self._closed = True
        for *_, turn in self._waiting:
            if not turn.done():
                turn.set_exception(SlotsClosed())
        self._waiting.clear()

    def _take(self, client: RecentWork | None) -> HeldSlot | None:
        """Take a slot for a client, if there is one that it may have."""
        if not self._free:
            return None
        held = 0 if client is None else self._holding[client]
        heavy = client is not None and (held > 0 or client.is_heavy())
        if heavy and max(self._heavy, held) >= max(1, self.size - 1):
            return None
        self._free -= 1
        self._heavy += heavy
        if client is not None:
            self._holding[client] += 1
        return HeldSlot(client, heavy)

    def _give(self) -> None:
        """Give free slots to those who wait."""
        kept = []
        while self._waiting and self._free:
            entry = heappop(self._waiting)
            client, turn = entry[2:]
            if turn.done():
                continue
            slot = self._take(client)
            if slot is None:
                kept.append(entry)
            else:
                turn.set_result(slot)
        for each in kept:
            heappush(self._waiting, each)
