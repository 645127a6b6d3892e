"""Reconciliation: finds files without a record and records without a file, beside whatever changes both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from bittorrent.infohash import InfoHash
from cache.record import Blobs, Records

_RECORDS = 2000  # infohashes read at once
_TOGETHER = 32  # torrents that are settled at once, so that they share their commits
_END = b"\xff" * 33  # above every infohash
_PREFIX = 4  # bytes of an infohash that say how far it is


class Settled(Enum):
    """What became of a torrent whose file or record seemed to be missing."""

    RIGHT = "right"
    """It has both or neither: it was changed meanwhile."""
    RECORDED = "recorded"
    DROPPED = "dropped"
    DAMAGED = "damaged"


@dataclass(slots=True)
class ReconcileProgress:
    """Files recorded, records deleted, unreadable files left in place; `reached` is the share of all gone through."""

    recorded: int = 0
    dropped: int = 0
    damaged: int = 0
    reached: float = field(default=0.0, compare=False)

    def count(self, settled: Settled) -> None:
        """Count one torrent."""
        self.recorded += settled is Settled.RECORDED
        self.dropped += settled is Settled.DROPPED
        self.damaged += settled is Settled.DAMAGED


async def reconcile(
    blobs: Blobs,
    records: Records,
    settle: Callable[[InfoHash, bool], Awaitable[Settled]],
    progress: ReconcileProgress,
) -> None:
    """Go through all files and records, and have `settle` called with each that seems to lack the other.

    It is told whether there is a file. Both may have changed since they were listed.
    """
    async for upto, alone in mismatches(blobs, records):
        for start in range(0, len(alone), _TOGETHER):
            together = alone[start : start + _TOGETHER]
            for settled in await asyncio.gather(*(settle(*each) for each in together)):
                progress.count(settled)
        progress.reached = min(1.0, int.from_bytes(upto[:_PREFIX], "big") / 2 ** (8 * _PREFIX))
    progress.reached = 1.0


async def mismatches(
    blobs: Blobs, records: Records
) -> AsyncIterator[tuple[bytes, list[tuple[InfoHash, bool]]]]:
    """Yield up to where all were listed, and who of those lack the other: files (True) or records (False)."""
    files, recorded = _Ascending(blobs.walk()), _Ascending(_infohashes(records))
    while not (files.ended and recorded.ended):
        await (files if files.reached <= recorded.reached and not files.ended else recorded).read_on()
        upto = min(files.reached, recorded.reached)
        here, known = files.take(upto), recorded.take(upto)
        yield upto, [(each, each in here) for each in sorted(here ^ known)]


class _Ascending:
    """Infohashes that come in ascending order, as far as they were read and not taken yet."""

    def __init__(self, batches: AsyncIterator[list[InfoHash]]) -> None:
        self.reached: bytes = b""
        """Every infohash up to it has come."""
        self._batches = batches
        self._waiting: set[InfoHash] = set()

    @property
    def ended(self) -> bool:
        """Whether all have come."""
        return self.reached == _END

    async def read_on(self) -> None:
        """Read some more."""
        batch = await anext(self._batches, None)
        self.reached = batch[-1] if batch else _END
        self._waiting.update(batch or ())

    def take(self, upto: bytes) -> set[InfoHash]:
        """Take those that are not above `upto`."""
        taken = self._waiting if upto == self.reached else {each for each in self._waiting if each <= upto}
        self._waiting = self._waiting - taken
        return taken


async def _infohashes(records: Records) -> AsyncIterator[list[InfoHash]]:
    """Yield the infohash of every record in ascending order."""
    page = await records.hashes(b"", _RECORDS)
    while page.packed:
        yield sorted(page.infohashes())
        page = await records.hashes(page.last, _RECORDS)
