"""Memory of connections: the bytes that requests and answers in flight hold, per address and in all.

Request heads, bodies that are read or worked on, and answers that their clients have not taken yet count here. Near a
limit the slowest connections go first: those that hold bytes and have not moved any for longest.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from starlette.types import Scope

from bittorrent.refusal import Refusal

SCOPE_KEY = "peerage.connection"
"""Where a request's scope has the `HeldMemory` of its connection."""

ROOM_SECONDS = 5.0
"""How long an answer waits for room."""
BODY_ROOM_SECONDS = 20.0
"""How long a body waits for room; its sender is not read from meanwhile."""
_NEAR = 0.8  # the part of the whole above which the share of an address binds
_INTERVAL = 0.02  # the fewest seconds between two looks for slow connections
_TRICKLE = 16 << 10
_SMALL = 16 << 10  # bytes of a connection that are not refused because memory is short
_SLOW = 1.0  # seconds without movement after which a connection may be dropped to make room


def _nothing() -> None:
    """End no connection: it has ended, and nothing need refer to it any more."""


@dataclass(eq=False, slots=True)
class HeldMemory:
    """The bytes that one connection holds; `moved` is when it last took or gave some KiB, `drop` ends it."""

    memory: "ConnectionMemory"
    key: str
    drop: Callable[[], None]
    moved: float = 0.0
    held: int = 0
    trickle: int = 0
    buffered: int = 0
    """The part of `held` that lies in the connection's own buffers, as last told by `set_buffered`."""
    served: bool = False
    """Whether the service is at work for it, so that its client has nothing to move."""
    reserved: int = 0
    """The part that is held for an answer which is still being made."""
    left: bool = False
    """Whether its client has left: nobody would release what an answer for it held."""

    def hold(self, size: int) -> bool:
        """Hold more bytes, and return whether there is room for them."""
        return self.memory.hold(self, size)

    def release(self, size: int) -> None:
        """Release bytes."""
        self.memory.release(self, min(size, self.held))

    def set_buffered(self, size: int) -> bool:
        """Set how much the connection's own buffers hold, and return whether there is room for it in all.

        Buffers are small, and the share of an address does not bind them: its one large body must not end the others.
        """
        more, self.buffered = size - self.buffered, size
        if more <= 0:
            self.release(-more)
            return True
        return self.memory.hold(self, more, shared=False)

    async def reserve(self, size: int, seconds: float) -> bool:
        """Hold bytes for an answer before it is made; wait for room, and return whether there was any in time.

        There is none for a client that has left, or that leaves meanwhile.
        """
        if not await self._hold_while_there(size, seconds):
            return False
        self.reserved += size
        return True

    async def hold_answer(self, size: int, seconds: float) -> bool:
        """Hold an answer that was made, as far as it was not reserved before; return as `reserve` does."""
        reserved = min(size, self.reserved)
        if not await self._hold_while_there(size - reserved, seconds):
            return False
        self.reserved -= reserved
        return True

    async def _hold_while_there(self, size: int, seconds: float) -> bool:
        held = not self.left and await self.wait_for(size, seconds)
        if held and self.left:
            self.release(size)
        return held and not self.left

    async def wait_for(self, size: int, seconds: float) -> bool:
        """Hold more bytes as soon as there is room; return whether there was any in time."""
        if self.hold(size):
            return True
        served, self.served = self.served, True
        try:
            return await self.memory.wait_for(self, size, seconds)
        finally:
            self.set_served(served)

    def set_served(self, served: bool) -> None:
        """Tell whether the service is at work for it; when that ends it is its client's time again."""
        self.served = served
        self.moved = self.memory.time()

    def release_reserved(self) -> None:
        """Release what was reserved and not used."""
        self.release(self.reserved)
        self.reserved = 0

    def move(self, size: int) -> None:
        """Note that bytes came or went; a trickle of them is no movement."""
        self.trickle += size
        if self.trickle >= _TRICKLE:
            self.trickle = 0
            self.moved = self.memory.time()

    def disconnect(self) -> None:
        """Release what the connection itself held: what is still worked on is released by who works on it."""
        self.left, self.drop = True, _nothing
        self.release(self.buffered + self.reserved)
        self.buffered = self.reserved = 0

    def close(self) -> None:
        """Release everything."""
        self.left = True
        self.release(self.held)
        self.buffered = self.reserved = 0


@dataclass(eq=False, slots=True)
class _Waiter:
    """Who waits for room, and what is set when the bytes are held."""

    holder: HeldMemory
    size: int
    given: "asyncio.Future[None]"


@dataclass(slots=True)
class ConnectionMemory:
    """The limits, in bytes, and what is held; `time` gives seconds that never go back.

    The limit per address binds only where 80 % of the whole are held.
    """

    limit: int = 80 << 20
    per_address: int = 40 << 20
    time: Callable[[], float] = monotonic
    held: int = 0
    dropped: int = 0
    """Connections that were dropped to make room."""
    refused: int = 0
    """Requests for room that found none."""
    elsewhere: Callable[[], int] = int
    """What connections hold that are not counted in `held`: those in C."""
    withheld: int = 0
    """By how much less may be held now, because the process is near all the memory that it may have.

    A quarter of the limit stays whatever else takes the memory, and connections that hold little have all of it.
    """
    _addresses: Counter[str] = field(default_factory=Counter)
    _holders: set[HeldMemory] = field(default_factory=set)
    _waiting: list[_Waiter] = field(default_factory=list)
    _next_look: asyncio.Handle | None = None

    def connection(self, key: str, drop: Callable[[], None]) -> HeldMemory:
        """Return the memory of a new connection from an address."""
        return HeldMemory(self, key, drop, self.time())

    def hold(self, holder: HeldMemory, size: int, *, shared: bool = True) -> bool:
        """Hold more bytes for a connection, dropping slower ones where that makes room; return whether it fits.

        Unless it is `shared`, the share of the address does not bind.
        """
        if size > self._room(holder, size, shared=shared) and not self._make_room(
            holder, size, shared=shared
        ):
            return False
        holder.held += size
        self.held += size
        self._addresses[holder.key] += size
        self._holders.add(holder)
        return True

    def release(self, holder: HeldMemory, size: int) -> None:
        """Release bytes of a connection."""
        holder.held -= size
        self.held -= size
        self._addresses[holder.key] -= size
        if self._addresses[holder.key] <= 0:
            del self._addresses[holder.key]
        if not holder.held:
            self._holders.discard(holder)
        if self._waiting and size > 0:
            self._look_again()

    async def wait_for(self, holder: HeldMemory, size: int, seconds: float) -> bool:
        """Hold more bytes for a connection once there is room; return whether there was any in time.

        Those who wait are given room in the order in which they came, as it is released; one for whom there is too
        little lets the others pass. A caller who is cancelled holds nothing of it.
        """
        waiter = _Waiter(holder, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        if self._next_look is None:
            self._look_later()
        try:
            async with asyncio.timeout(seconds):
                await waiter.given
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            if waiter not in self._waiting:
                holder.release(size)
            raise
        finally:
            given = waiter not in self._waiting
            if not given:
                self._waiting.remove(waiter)
        self.refused += not given
        return given

    def _look_again(self) -> None:
        """Look for room as soon as what goes on has ended: it may release more, or be making room itself."""
        if self._next_look is not None:
            self._next_look.cancel()
        self._next_look = asyncio.get_running_loop().call_soon(self._look)

    def _look_later(self) -> None:
        """Look for room when the next connection is slow enough to be dropped for it."""
        now = self.time()
        left = [each.moved + _SLOW - now for each in self._holders if not each.served]
        delay = max(min((each for each in left if each > 0), default=_SLOW), _INTERVAL)
        self._next_look = asyncio.get_running_loop().call_later(delay, self._look, True)

    def _look(self, may_drop: bool = False) -> None:
        """Give room to those who wait, dropping slow connections where that is its time."""
        for waiter in tuple(self._waiting):
            fits = waiter.size <= self._room(waiter.holder, waiter.size, shared=True)
            if not waiter.given.done() and (fits or may_drop) and self.hold(waiter.holder, waiter.size):
                self._waiting.remove(waiter)
                waiter.given.set_result(None)
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._waiting:
            self._look_later()

    def _room(self, holder: HeldMemory, size: int, *, shared: bool) -> int:
        held, limit = self.held + self.elsewhere(), self._limit_for(holder, size)
        whole = limit - held
        if not shared or held < limit * _NEAR:
            return whole
        return min(whole, self.per_address - self._addresses[holder.key])

    def _limit_for(self, holder: HeldMemory, size: int) -> int:
        """Return what may be held in all for a connection to hold so much more."""
        if holder.held + size <= _SMALL:
            return self.limit
        return max(self.limit - self.withheld, self.limit // 4)

    def _make_room(self, holder: HeldMemory, size: int, *, shared: bool) -> bool:
        """Drop the slowest connections until there is room; none is dropped where that would not do."""
        near = self.held >= self._limit_for(holder, size) * _NEAR
        crowded = shared and near and self._addresses[holder.key] + size > self.per_address
        late = self.time() - _SLOW
        slow = [
            each
            for each in self._holders
            if each is not holder
            and not each.served
            and each.moved <= late
            and (not crowded or each.key == holder.key)
        ]
        if self._room(holder, size, shared=shared) + sum(each.held for each in slow) < size:
            return False
        for each in sorted(slow, key=lambda each: each.moved):
            if self._room(holder, size, shared=shared) >= size:
                break
            self.dropped += 1
            each.close()
            each.drop()
        return self._room(holder, size, shared=shared) >= size


async def reserve_answer(scope: Scope, size: int) -> None:
    """Hold bytes for an answer that is going to be made. Refusal: `busy`, when there is no room in time."""
    held = held_memory(scope)
    if held is not None and not await held.reserve(size, ROOM_SECONDS):
        raise Refusal("busy")


def held_memory(scope: Scope) -> HeldMemory | None:
    """Return the memory of the connection that a request came on; None where the server keeps none."""
    found = scope.get(SCOPE_KEY)
    return found if isinstance(found, HeldMemory) else None
