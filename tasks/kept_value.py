"""A value that is kept for fifty times as long as it took to make, so that making it takes a fiftieth of the time."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

_TIMES = 50


class KeptValue(Generic[T]):
    """Keeps what `make` returned last; `timer` gives seconds that never go back.

    While it is made again, others get the one that is there. A failure is for who waits, and nothing is kept of it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], timer: Callable[[], float] = monotonic) -> None:
        self._make = make
        self._timer = timer
        self._kept: tuple[T] | None = None
        self._until = 0.0
        self._making = asyncio.Lock()

    async def get(self) -> T:
        """Return the value, made by this call where none is kept or its time is over."""
        if self._kept is not None and (self._timer() < self._until or self._making.locked()):
            return self._kept[0]
        async with self._making:
            if self._kept is None or self._timer() >= self._until:
                began = self._timer()
                self._kept = (await self._make(),)
                ended = self._timer()
                self._until = ended + _TIMES * (ended - began)
            return self._kept[0]
