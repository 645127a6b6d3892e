"""Distinct-peer counters of the open day: those in use in memory, all of them in the store."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from bittorrent.infohash import V1_LENGTH
from tracker.census_store import CensusStore, OpenDay
from tracker.distinct_counter import DamagedCounter, DistinctCounter

MEMORY = 64 * 2**20
"""About how many bytes of counters are kept in memory; the least recently used are read again when needed."""
MOST = 5_000_000
"""Counters of a day; beyond it the day's new pairs of torrent and country are left out, and `uncounted` grows."""

_SLICE = 256  # counters between two turns of the event loop
_FETCHED = 1024
_WRITTEN = 512


class DayCounters:
    """Distinct hashes by torrent and country, of one day."""

    def __init__(self, store: CensusStore, memory: int = MEMORY, most: int = MOST) -> None:
        self._store = store
        self._memory = memory
        self._most = most
        # Lists as their payloads: a garbage collection stops everything and looks at every object, but at no bytes.
        self._kept: dict[bytes, bytes | DistinctCounter] = {}
        self._weight = 0
        # In the order in which they came, which is nearly that of the store: rows of a flush are sorted.
        self._unwritten: dict[bytes, None] = {}
        self._stored = 0
        self._whole = True
        self.uncounted = 0

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
        """Count hashes by the keys of their counters."""
        if not self._whole:
            for keys in _batches([key for key in hashes if key not in self._kept], _FETCHED):
                self._take(await self._store.read(keys))
        for keys in _batches(list(hashes), _SLICE):
            for key in keys:
                self._count(key, hashes[key])
            await asyncio.sleep(0)

    async def write(self, day: OpenDay) -> None:
        """Write changed counters to the store; what could not be written is tried again the next time."""
        for batch in _batches(list(self._unwritten), _WRITTEN):
            await self._store.write(day, [(key, _payload(self._kept[key])) for key in batch])
            for key in batch:
                del self._unwritten[key]
        await self._store.write(day, ())
        self._shrink()

    @property
    def over_budget(self) -> bool:
        """Whether memory is over its budget, so that counters should be written and dropped."""
        return self._weight > self._memory

    def forget(self, infohashes: Sequence[bytes]) -> None:
        """Drop the counters of torrents of these infohashes from memory."""
        gone = {infohash[:V1_LENGTH] for infohash in infohashes} if self._kept else set()
        for key in [key for key in self._kept if key[:-2] in gone]:
            self._drop(key)
            self._unwritten.pop(key, None)

    def clear(self) -> None:
        """Begin another day."""
        self._kept.clear()
        self._unwritten.clear()
        self._weight = self._stored = self.uncounted = 0
        self._whole = True

    def _take(self, page: Sequence[tuple[bytes, bytes]]) -> None:
        for key, payload in page:
            try:
                counter = DistinctCounter.unpack(payload)
            except DamagedCounter:
                continue
            self._keep(key, counter)

    def _count(self, key: bytes, values: Sequence[bytes]) -> None:
        if key in self._kept:
            # Taken out and put in again, it comes last in the order by which counters leave memory.
            counter = self._drop(key)
        elif self._stored >= self._most:
            self.uncounted += len(values)
            return
        else:
            counter = DistinctCounter()
            self._stored += 1
        for value in values:
            if counter.add(value):
                self._unwritten[key] = None
        self._keep(key, counter)

    def _shrink(self) -> None:
        excess = self._weight - self._memory
        if excess <= 0:
            return
        self._whole = False
        for key in list(self._kept):
            if self._weight <= self._memory:
                return
            self._drop(key)

    def _keep(self, key: bytes, counter: DistinctCounter) -> None:
        self._kept[key] = counter.pack() if counter.is_list else counter
        self._weight += counter.weight

    def _drop(self, key: bytes) -> DistinctCounter:
        kept = self._kept.pop(key)
        counter = DistinctCounter.unpack(kept) if isinstance(kept, bytes) else kept
        self._weight -= counter.weight
        return counter


def _payload(kept: bytes | DistinctCounter) -> bytes:
    return kept if isinstance(kept, bytes) else kept.pack()


def _batches(keys: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    remaining = iter(keys)
    while batch := list(islice(remaining, size)):
        yield batch
