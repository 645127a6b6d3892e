"""Gathering: what comes while work is under way is done together next, and what comes alone is done at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import Context
from typing import Generic, TypeVar

from tasks.recent_work import RecentWork, current

T = TypeVar("T")
R = TypeVar("R")

Turn = Callable[[], AbstractAsyncContextManager[None]]


class Gathered(Generic[T, R]):
    """One item of a batch, whose it is, and what becomes of it."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.client: RecentWork | None = current.get()
        self.done: asyncio.Future[R] = asyncio.get_running_loop().create_future()

    def cost(self) -> float:
        """Return the seconds of work that its client caused of late."""
        return 0.0 if self.client is None else self.client.seconds()

    def settle(self, result: R) -> None:
        """Tell whoever waits the result."""
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits that it failed."""
        if isinstance(error, asyncio.CancelledError):
            self.done.cancel()
        elif not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # whoever waited may have gone


class Gathering(Generic[T, R]):
    """Hands what is waiting to `work`, at most `most` items in a batch, one batch after another.

    A batch is taken once it is its `turn`, in the name of the client that cost least of those who wait. Such clients'
    items come first, but none comes twice before all have come that waited when it came first.
    `work` settles or fails each item; what it leaves is first in the next batch, and what it raises is what all that
    it left fail with.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Gathered[T, R]]], Awaitable[None]],
        most: int,
        turn: Turn = nullcontext,
    ) -> None:
        self._work = work
        self._most = most
        self._turn = turn
        self._waiting: list[Gathered[T, R]] = []
        self._round: list[Gathered[T, R]] = []  # what waited when the last round began, and was not begun yet
        self._working: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """Return what became of an item, or raise it.

        One whose caller is cancelled before it began is dropped; later, the cancellation is raised once it is done.
        """
        gathered: Gathered[T, R] = Gathered(item)
        self._waiting.append(gathered)
        if self._working is None:
            self._begin()
        try:
            return await asyncio.shield(gathered.done)
        except asyncio.CancelledError:
            if not self._dropped(gathered):
                await _settled(gathered.done)
            raise

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._working is not None:
            await asyncio.wait([self._working])

    def _dropped(self, gathered: Gathered[T, R]) -> bool:
        """Drop an item that was not begun."""
        for waiting in (self._waiting, self._round):
            if gathered in waiting:
                waiting.remove(gathered)
                return True
        return False

    def _begin(self) -> None:
        # Not in the context of whoever came first: it works for all.
        self._working = asyncio.create_task(self._work_through(), context=Context())
        self._working.add_done_callback(self._ended)

    async def _work_through(self) -> None:
        while self._waiting or self._round:
            await self._next()

    def _ended(self, working: asyncio.Task[None]) -> None:
        self._working = None
        if working.cancelled():  # the loop ends
            left, self._waiting, self._round = self._round + self._waiting, [], []
            _fail(left, asyncio.CancelledError())
        elif self._waiting:
            self._begin()  # something came between its last look and its end

    async def _next(self) -> None:
        taken: list[Gathered[T, R]] = []
        current.set(min((*self._round, *self._waiting), key=Gathered.cost).client)
        try:
            async with self._turn():
                taken = self._take()
                current.set(None)
                if taken:
                    await self._work(taken)
        except Exception as error:
            # Where it got no turn, nobody will: whoever waits is told.
            _fail(taken or self._take(), error)
        except BaseException as error:
            _fail(taken, error)
            raise
        self._round[:0] = [each for each in taken if not each.done.done()]

    def _take(self) -> list[Gathered[T, R]]:
        taken, self._round = self._round[: self._most], self._round[self._most :]
        room = self._most - len(taken)
        if room and self._waiting:
            began, self._waiting = sorted(self._waiting, key=Gathered.cost), []
            taken += began[:room]
            self._round = began[room:]
        return taken


def _fail(items: Iterable[Gathered[T, R]], error: BaseException) -> None:
    for each in items:
        each.fail(error)


async def _settled(future: "asyncio.Future[R]") -> None:
    """Wait for a future, whoever cancels meanwhile: it takes no longer than a batch."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
