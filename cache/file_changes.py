"""Changes to stored files, records and what the catalogue says of them, told to whoever keeps answers made of them."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from bittorrent.infohash import HashPage, InfoHash
from cache.record import Blobs, CacheRecord, HybridNames, Records, StoredFile

Changed = Callable[[Iterable[InfoHash]], None]
"""Takes every infohash of a torrent whose file, record or visibility may have changed."""


class FileChanges:
    """Tells observers of changes: each when it holds, and before the call that made it returns."""

    def __init__(self) -> None:
        self._observers: list[Changed] = []

    def subscribe(self, observer: Changed) -> None:
        """Have `observer` called with the infohashes of every change."""
        self._observers.append(observer)

    def tell(self, infohashes: Iterable[InfoHash]) -> None:
        """Tell that something of these may have changed."""
        names = frozenset(infohashes)
        for observer in self._observers:
            observer(names)

    @contextmanager
    def telling(self, *infohashes: InfoHash) -> Iterator[set[InfoHash]]:
        """Tell at the end of the block, however it ends, of these and of what is added to the set that it yields.

        A change that failed or was cancelled may still have been made.
        """
        names = set(infohashes)
        try:
            yield names
        finally:
            self.tell(names)


class ObservedBlobs:
    """A store of files that tells of every change."""

    def __init__(self, blobs: Blobs, changes: FileChanges) -> None:
        self._blobs = blobs
        self._changes = changes

    async def put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        """Store gzip bytes; an existing file stays."""
        with self._changes.telling(infohash):
            return await self._blobs.put(infohash, packed)

    async def get(
        self, infohash: InfoHash, digest: bytes | None = None, *, again: bool = False
    ) -> bytes | None:
        """Return the stored gzip bytes, or None."""
        return await self._blobs.get(infohash, digest, again=again)

    async def set_aside(self, infohash: InfoHash) -> None:
        """Take a file out of the store."""
        with self._changes.telling(infohash):
            await self._blobs.set_aside(infohash)

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the file; return whether there was one."""
        with self._changes.telling(infohash):
            return await self._blobs.remove(infohash)

    def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every file, in batches."""
        return self._blobs.walk()

    async def free(self) -> int:
        """Return the free bytes of the disk."""
        return await self._blobs.free()


class ObservedRecords:
    """A store of records that tells of every change."""

    def __init__(self, records: Records, changes: FileChanges) -> None:
        self._records = records
        self._changes = changes

    async def add(self, record: CacheRecord) -> None:
        """Add a record, in place of an earlier one of the same infohash."""
        with self._changes.telling(*record.infohashes, record.infohash):
            await self._records.add(record)

    async def get(self, infohash: InfoHash) -> CacheRecord | None:
        """Find a record by its infohash or alias."""
        return await self._records.get(infohash)

    async def get_all(self, infohashes: Sequence[InfoHash]) -> dict[InfoHash, CacheRecord]:
        """Find the records of infohashes at once."""
        return await self._records.get_all(infohashes)

    async def hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records above `after`."""
        return await self._records.hashes(after, limit)

    async def public_hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records that the catalogue says are not private."""
        return await self._records.public_hashes(after, limit)

    async def hybrids(self, after: bytes, limit: int) -> list[HybridNames]:
        """Return the names of up to `limit` hybrids whose alias is above `after`."""
        return await self._records.hybrids(after, limit)

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the infohashes of the records of any of these."""
        return await self._records.known(infohashes)

    async def remove(self, infohash: InfoHash) -> CacheRecord | None:
        """Delete the record that `get` would find, and return it."""
        with self._changes.telling(infohash) as names:
            removed = await self._records.remove(infohash)
            names.update(removed.infohashes if removed is not None else ())
            return removed

    async def note_asked(self, infohashes: Sequence[InfoHash], day: int) -> None:
        """Note that files were asked for on a day, which changes nothing of what is answered."""
        await self._records.note_asked(infohashes, day)

    async def totals(self) -> tuple[int, int]:
        """Return the number of records and the sum of their stored bytes."""
        return await self._records.totals()

    async def walk(self, after: InfoHash | None, limit: int) -> list[CacheRecord]:
        """Return up to `limit` records above `after`, ascending."""
        return await self._records.walk(after, limit)

    async def healthy(self) -> bool:
        """Return whether the store answers."""
        return await self._records.healthy()
