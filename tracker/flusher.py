"""The flusher: writes dirty swarms to the journal on a timer, and restores them at the start."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tracker.journal_row import JournalRow
from tracker.store import SwarmStore

__all__ = ["FlushError", "FlushObserver", "FlushStats", "Flusher", "Journal", "JournalRow", "ObserverError"]

FlushObserver = Callable[[Sequence[JournalRow], bool], Awaitable[None]]
"""Is called after each piece of a flush with its rows, and whether it was the last, which may have none."""

PIECE_ROWS = 4096
PIECE_BYTES = 4 * 2**20
"""What one piece of a flush holds, give or take one step of the store: a piece ends when it has so much of either."""

_RESTORE_BATCH = 256  # rows between two turns of the event loop; a full row takes about a millisecond


class Journal(Protocol):
    """Rows on disk, by (infohash, part). What `write` returned from is there after a restart."""

    async def write(self, rows: Sequence[JournalRow]) -> None:
        """Upsert rows, and delete those without a payload, in one transaction: all of them or none.

        All changed rows of a swarm are among those of one call.
        """
        ...

    def read(self, batch: int) -> AsyncIterator[list[JournalRow]]:
        """Yield every row in key order, `batch` at a time."""
        ...

    async def healthy(self) -> bool:
        """Return whether the journal answers."""
        ...

    async def close(self) -> None:
        """Close the journal."""
        ...


@dataclass(slots=True)
class FlushStats:
    """Counters of the flusher since the start; seconds are of the last flush."""

    done: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0


class FlushError(Exception):
    """The swarms could not be written; they stay dirty."""


class ObserverError(Exception):
    """An observer of the flushes failed; the flush itself is done."""


class Flusher:
    """Writes the changed swarms every few seconds, and once more when the service stops.

    A flush is written in pieces, a transaction each, so that memory holds the rows of one piece whatever has changed.
    `observers` are called after each, one after another; what one of them raises is reported and stops nothing else.
    """

    def __init__(
        self,
        store: SwarmStore,
        journal: Journal,
        every: float,
        timer: Callable[[], float],
        report: Callable[[Exception], None],
        *,
        observers: Sequence[FlushObserver] = (),
    ) -> None:
        self._store = store
        self._journal = journal
        self._every = every
        self._timer = timer
        self._report = report
        self._observers = tuple(observers)
        self._turn = asyncio.Lock()
        self._spent = 0.0  # seconds of the flush under way, without its observers
        self.flushes = FlushStats()

    async def run(self) -> None:
        """Flush for ever; after a failure, which is reported, the next flush tries again."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.flush()
            except FlushError as error:
                self._report(error)

    async def flush(self) -> None:
        """Write everything that changed, piece by piece; raises FlushError, and then nothing is lost."""
        async with self._turn:
            self._spent = 0.0
            while not await self._flush_piece():
                pass
            self.flushes.done += 1
            self.flushes.seconds = self._spent

    async def _flush_piece(self) -> bool:
        """Write the next rows and tell the observers; return whether there are no more. FlushError."""
        began = self._timer()
        rows, last = await self._write_piece()
        self._spent += self._timer() - began
        self.flushes.rows += len(rows)
        for observer in self._observers:
            await self._notify(observer, rows, last=last)
        return last

    async def _write_piece(self) -> tuple[Sequence[JournalRow], bool]:
        """Write the next rows; return them, and whether there are no more. FlushError: they are dirty again."""
        rows: list[JournalRow] = []
        size = 0
        try:
            while len(rows) < PIECE_ROWS and size < PIECE_BYTES and (batch := self._store.take_dirty()):
                rows += batch
                size += sum(len(row.payload or b"") for row in batch)
                await asyncio.sleep(0)
            if rows:
                await self._journal.write(rows)
        except BaseException as error:
            self._store.put_back(rows)
            self.flushes.failed += 1
            if isinstance(error, Exception):
                raise FlushError("the swarms could not be written to the journal") from error
            raise
        return rows, not batch

    async def _notify(self, observer: FlushObserver, rows: Sequence[JournalRow], *, last: bool) -> None:
        try:
            await observer(rows, last)
        except Exception as error:
            failure = ObserverError("what follows a flush failed")
            failure.__cause__ = error
            self._report(failure)

    async def restore(self) -> int:
        """Read the journal into the store, yielding to the event loop; return the number of rows."""
        count = 0
        async for rows in self._journal.read(_RESTORE_BATCH):
            self._store.restore(rows)
            count += len(rows)
            await asyncio.sleep(0)
        return count
