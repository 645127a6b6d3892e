"""Copies on the node's own disk of the .torrent files of a bucket that were asked for last, within a limit of bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from bittorrent.infohash import InfoHash
from cache.record import Blobs, FileStamp, StoredFile
from storage.files import FileBlobs
from storage.unavailable import StorageUnavailable


class LocalCopies:
    """A store of files over another that is far away; what is read stays on disk until others need its room.

    The far store alone says what there is. A copy is used only where the digest of its content is known, and one
    that is torn, altered or stale has another digest: it is fetched again. So copies need not be durable, and a
    full disk only means that there are fewer.
    """

    def __init__(self, far: Blobs, copies: FileBlobs, limit: int) -> None:
        self._far = far
        self._copies = copies
        self._limit = limit
        self._sizes: OrderedDict[InfoHash, int] = OrderedDict()
        """Bytes of each copy, the one that was used longest ago first."""
        self._fetches: dict[InfoHash, asyncio.Task[bytes | None]] = {}
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    async def open(self) -> None:
        """Open the folder, and find what is in it; what was changed longest ago counts as used longest ago."""
        await self._copies.open()
        found = []
        async for names in self._copies.walk():
            found += await asyncio.to_thread(_stats, self._copies, names)
        for _, infohash, size in sorted(found):
            self._sizes[infohash] = size
            self.bytes += size
        await self._make_room()

    @property
    def folder(self) -> Path:
        """Where the copies are."""
        return self._copies.folder

    @property
    def set_aside_count(self) -> int:
        """How many files were set aside in the far store."""
        return int(getattr(self._far, "set_aside_count", 0))

    def stamp(self, infohash: InfoHash) -> FileStamp | None:
        """Return the stamp with which a copy was found right last, as far as that is remembered."""
        return self._copies.stamp(infohash)

    async def put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        """Store gzip bytes far away, durably, and a copy here. StorageUnavailable: it cannot be stored far away."""
        stored = await self._far.put(infohash, packed)
        if not stored.kept:
            await self._copy(infohash, packed)
        return stored

    async def get(
        self, infohash: InfoHash, digest: bytes | None = None, *, again: bool = False
    ) -> bytes | None:
        """Return the gzip bytes, of the copy where there is one of this digest; `again` asks the far store.

        StorageUnavailable: they are not here, and the far store does not answer.
        """
        if digest is not None and not again and infohash in self._sizes:
            with suppress(StorageUnavailable):
                packed = await self._copies.get(infohash, digest)
                if packed is not None:
                    self.hits += 1
                    if infohash in self._sizes:
                        self._sizes.move_to_end(infohash)
                    return packed
        self.misses += 1
        if digest is None or again:
            return await self._far.get(infohash, digest, again=again)
        fetch = self._fetches.get(infohash)
        if fetch is None:
            fetch = self._fetches[infohash] = asyncio.create_task(self._fetch(infohash, digest))
            fetch.add_done_callback(lambda _: self._fetches.pop(infohash, None))
        return await asyncio.shield(fetch)

    async def set_aside(self, infohash: InfoHash) -> None:
        """Take a file that is not what it should be out of both."""
        await self._far.set_aside(infohash)
        await self._drop(infohash)

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the copy and the file; return whether there was one far away."""
        await self._drop(infohash)
        return await self._far.remove(infohash)

    def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every file of the far store in ascending order, in bounded batches."""
        return self._far.walk()

    async def free(self) -> int:
        """Return the free bytes of this node's disk, which databases and copies are on."""
        return await self._copies.free()

    async def close(self) -> None:
        """Wait for what is being fetched."""
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)

    async def _fetch(self, infohash: InfoHash, digest: bytes) -> bytes | None:
        packed = await self._far.get(infohash, digest)
        await self._drop(infohash)  # it has another digest, or is none
        if packed is not None:
            await self._copy(infohash, packed)
            with suppress(StorageUnavailable):
                # The native threads send what was found right on disk.
                await self._copies.get(infohash, digest)
        return packed

    async def _copy(self, infohash: InfoHash, packed: bytes) -> None:
        if len(packed) > self._limit:
            return
        if infohash in self._sizes:
            await self._drop(infohash)
        with suppress(StorageUnavailable):
            await self._copies.put(infohash, packed)
            self._sizes[infohash] = len(packed)
            self.bytes += len(packed)
            await self._make_room()

    async def _drop(self, infohash: InfoHash) -> None:
        self.bytes -= self._sizes.pop(infohash, 0)
        with suppress(StorageUnavailable):
            await self._copies.remove(infohash)

    async def _make_room(self) -> None:
        while self.bytes > self._limit and self._sizes:
            await self._drop(next(iter(self._sizes)))


def _stats(copies: FileBlobs, names: list[InfoHash]) -> list[tuple[int, InfoHash, int]]:
    """Return the time of change and the bytes of each file that is there."""
    found = []
    for infohash in names:
        with suppress(OSError):
            status = copies.path(infohash).stat()
            found.append((status.st_mtime_ns, infohash, status.st_size))
    return found
