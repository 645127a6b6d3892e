"""Hides where the tallies of the open day lie: those in use in memory, all of them in the store."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from bittorrent.infohash import InfoHash
from tracker.census_store import CensusStore, OpenDay
from tracker.distinct import DamagedTally, Distinct

MEMORY = 64 * 2**20
"""About how many bytes of tallies are kept in memory; what was not in use for longest is read again when needed."""
MOST = 5_000_000
"""Tallies of a day; beyond it the day's new pairs of torrent and country are overlooked, and that is counted."""

_SLICE = 256  # tallies between two looks at the event loop
_FETCHED = 1024
_WRITTEN = 512


class Tallies:
    """Distinct hashes by torrent and country, of one day."""

    def __init__(self, store: CensusStore, memory: int = MEMORY, most: int = MOST) -> None:
        self._store = store
        self._memory = memory
        self._most = most
        self._kept: dict[bytes, Distinct] = {}
        self._weight = 0
        # In the order in which they came, which is nearly that of the store: rows of a flush are sorted.
        self._unwritten: dict[bytes, None] = {}
        self._stored = 0
        self._whole = True
        self.overlooked = 0

    async def load(self) -> None:
        """Read what the store has, as far as memory is meant for it."""
        self.clear()
        self._stored = await self._store.size()
        after = b""
        while page := await self._store.page(after, _FETCHED):
            self._take(page)
            after = page[-1][0]
            if self._weight >= self._memory:
                self._whole = False
                return
            await asyncio.sleep(0)

    async def add(self, hashes: Mapping[bytes, Sequence[bytes]]) -> None:
        """Count hashes by the names of their tallies."""
        if not self._whole:
            for names in _batches([name for name in hashes if name not in self._kept], _FETCHED):
                self._take(await self._store.read(names))
        for names in _batches(list(hashes), _SLICE):
            for name in names:
                self._count(name, hashes[name])
            await asyncio.sleep(0)

    async def write(self, day: OpenDay) -> None:
        """Bring the store into step; what could not be written is tried again the next time."""
        for batch in _batches(list(self._unwritten), _WRITTEN):
            await self._store.write(day, [(name, self._kept[name].pack()) for name in batch])
            for name in batch:
                del self._unwritten[name]
        await self._store.write(day, ())
        self._shrink()

    @property
    def crowded(self) -> bool:
        """Whether it is time to write, so that memory can be given back."""
        return self._weight > self._memory

    def forget(self, infohashes: Sequence[InfoHash]) -> None:
        """Drop the tallies of torrents from memory."""
        gone = {bytes(infohash.cut) for infohash in infohashes}
        for name in [name for name in self._kept if name[:-2] in gone]:
            self._drop(name)
            self._unwritten.pop(name, None)

    def clear(self) -> None:
        """Begin another day."""
        self._kept.clear()
        self._unwritten.clear()
        self._weight = self._stored = self.overlooked = 0
        self._whole = True

    def _take(self, page: Sequence[tuple[bytes, bytes]]) -> None:
        for name, payload in page:
            try:
                tally = Distinct.unpack(payload)
            except DamagedTally:
                continue
            self._kept[name] = tally
            self._weight += tally.weight

    def _count(self, name: bytes, values: Sequence[bytes]) -> None:
        tally = self._kept.pop(name, None)
        if tally is None:
            if self._stored >= self._most:
                self.overlooked += len(values)
                return
            tally = Distinct()
            self._stored += 1
        else:
            self._weight -= tally.weight
        # Taken out and put in again, it comes last in the order by which tallies leave memory.
        self._kept[name] = tally
        for value in values:
            if tally.add(value):
                self._unwritten[name] = None
        self._weight += tally.weight

    def _shrink(self) -> None:
        excess = self._weight - self._memory
        if excess <= 0:
            return
        self._whole = False
        for name in list(self._kept):
            if self._weight <= self._memory:
                return
            self._drop(name)

    def _drop(self, name: bytes) -> None:
        self._weight -= self._kept.pop(name).weight


def _batches(names: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    remaining = iter(names)
    while batch := list(islice(remaining, size)):
        yield batch
