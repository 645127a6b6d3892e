"""Fair turns: while several wait, those whose requests cost least of late go first.

A client that cost next to nothing never waits here. Of the others' steps a few are taken in each round of the loop, the
cheapest client's first, for about a millisecond, and at least one: a burst of many costly requests, from however many
connections, delays others by that and not by all of them.
"""

import asyncio
import types
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from tasks.fair_queue import FairQueue
from tasks.recent_work import RecentWork, current

T = TypeVar("T")

# Seconds of work of clients that wait, by what their steps took before, in a round of the loop.
_ROUND = 0.001
_REMEMBERED = 65_536


class FairTurns:
    """Lets the event loop's time go round among clients; to be used in one event loop."""

    def __init__(self, clock: Callable[[], float] = perf_counter, *, remembered: int = _REMEMBERED) -> None:
        self.clock = clock
        self._remembered = remembered
        self._clients: OrderedDict[Hashable, RecentWork] = OrderedDict()
        self._waiting: FairQueue[tuple[float, asyncio.Future[None]]] = FairQueue()
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
        self._waiting.push(work, (work.step, turn))
        self.waited += 1
        if not self._ticking:
            self._ticking = True
            loop.call_soon(self._tick)
        return turn

    def _tick(self) -> None:
        """Begin a round of the loop: give as many turns as it has time for."""
        self._left = _ROUND
        while self._left > 0 and (entry := self._waiting.pop()) is not None:
            seconds, turn = entry
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
    _waiting: 'FairQueue[tuple[RecentWork | None, "asyncio.Future[HeldSlot]"]]' = field(
        default_factory=FairQueue
    )

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
        """Wait for a slot, and return it; `for_service`, and for what others wait for, it is nobody's. SlotsClosed."""
        if self._closed:
            raise SlotsClosed
        client = None if for_service else current.get()
        if client is not None and client.urgent:
            client = None
        if not self._waiting and (held := self._take(client)) is not None:
            return held
        turn: asyncio.Future[HeldSlot] = asyncio.get_running_loop().create_future()
        self._waiting.push(client, (client, turn))
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
        for _, turn in self._waiting:
            if not turn.done():
                turn.set_exception(SlotsClosed())
        self._waiting.clear()

    def _take(self, client: RecentWork | None) -> HeldSlot | None:
        """Take a slot for a client, if there is one that it may have."""
        if not self._may_have(client):
            return None
        heavy = self._is_heavy(client)
        self._free -= 1
        self._heavy += heavy
        if client is not None:
            self._holding[client] += 1
        return HeldSlot(client, heavy)

    def _is_heavy(self, client: RecentWork | None) -> bool:
        return client is not None and (client in self._holding or client.is_heavy())

    def _may_have(self, client: RecentWork | None) -> bool:
        if not self._free or client is None:
            return self._free > 0
        most = max(1, self.size - 1)
        return not self._is_heavy(client) or max(self._heavy, self._holding[client]) < most

    def _give(self) -> None:
        """Give free slots to those who wait."""
        while self._free and (entry := self._waiting.pop(self._may_have)) is not None:
            client, turn = entry
            if not turn.done() and (held := self._take(client)) is not None:
                turn.set_result(held)
