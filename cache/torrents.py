"""Hides how a .torrent file and its record are kept in step: both durable before success."""

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

import structlog

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.audit import Problem, Reconciled, open_file, problems, reconcile
from cache.compression import INFLATED_LIMIT, unpack
from cache.quota import Quota, Room
from cache.record import Blobs, Record, Records, digest_of
from cache.unbroken import Unbroken

__all__ = ["Added", "Blobs", "Held", "Problem", "Quota", "Reconciled", "Record", "Records", "TorrentCache"]

_STRIPES = 64
# What gzip adds at most to data that cannot be packed: 5 bytes a block of 16 KiB and its header and trailer.
_GZIP_SLACK = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an upload: the record that now holds, and whether this upload made it."""

    record: Record
    new: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A torrent of the cache: its record and its file, gzip-packed as it lies on disk."""

    record: Record
    gzip: bytes

    def plain(self) -> bytes:
        """Return the .torrent file byte for byte as it was uploaded. Refusal: `bad-compression`."""
        return unpack(self.gzip, INFLATED_LIMIT)


class TorrentCache:
    """Keeps .torrent files by infohash, within a quota; the first bytes of an infohash stay."""

    def __init__(self, blobs: Blobs, records: Records, quota: Quota, clock: Callable[[], float]) -> None:
        self._blobs = blobs
        self._records = records
        self._room: Room | None = None
        self._counting = asyncio.Lock()
        self._clock = clock
        self._deeds = Unbroken()
        self._stripes = tuple(asyncio.Lock() for _ in range(_STRIPES))
        self.quota = quota

    async def add(self, metainfo: Metainfo, data: bytes) -> Added:
        """Keep the torrent, durable before it returns; `metainfo` was read from `data`, its unpacked file.

        The same infohash again is no failure and needs no room: the first bytes stay. Refusal: `cache-full`,
        `disk-full`, and `too-large` for what could not be read back.
        """
        if len(data) > INFLATED_LIMIT:
            raise Refusal("too-large", f"at most {INFLATED_LIMIT} bytes")
        return await self._deeds.run(self._add(metainfo, data))

    async def get(self, infohash: InfoHash) -> Held | None:
        """Return the torrent that a 20-byte hash names (v1, or cut v2), or None."""
        record = await self._records.get(infohash)
        if record is None:
            return None
        packed = await self._blobs.get(record.infohash)
        return Held(record, packed) if packed is not None else None

    async def find(self, infohash: InfoHash) -> Record | None:
        """Return the record that a 20-byte hash names, without touching its file."""
        return await self._records.get(infohash)

    async def has(self, infohash: InfoHash) -> bool:
        """Tell whether a 20-byte hash (v1, or cut v2) names a torrent of the cache."""
        return await self._records.get(infohash) is not None

    async def remove(self, infohash: InfoHash) -> Record | None:
        """Delete the torrent that a 20-byte hash names, for good; return its record, or None."""
        return await self._deeds.run(self._remove(infohash))

    async def totals(self) -> tuple[int, int]:
        """Return the number of files held and their bytes on disk."""
        room = await self._counted()
        return room.files, room.stored

    async def walk(self, batch: int = 500) -> AsyncGenerator[list[Record], None]:
        """Yield every record in ascending order of infohash, at most `batch` at a time."""
        after: InfoHash | None = None
        while records := await self._records.walk(after, batch):
            yield records
            after = records[-1].infohash

    async def reconcile(self) -> Reconciled:
        """Bring files and records into step, as a crash may have left them; call it before serving.

        A file without a record is read and recorded; one that cannot be read stays where it is, is logged,
        and gives way to the next good upload of its hash. A record without a file is dropped.
        """
        outcome = await reconcile(self._blobs, self._records, self._recorded)
        self._room = None
        return outcome

    async def check(self) -> AsyncIterator[Problem]:
        """Verify every stored file against its hash and its record, and yield what does not hold."""
        async for problem in problems(self._blobs, self._records):
            yield problem

    async def free(self) -> int:
        """Return the bytes that the disk of the files has left."""
        return await self._blobs.free()

    async def healthy(self) -> bool:
        """Tell whether the records answer."""
        return await self._records.healthy()

    async def drain(self) -> None:
        """Wait for the uploads and removals that were begun; call it before the stores are closed."""
        await self._deeds.drain()

    def _stripe(self, infohash: InfoHash) -> asyncio.Lock:
        return self._stripes[infohash[-1] % _STRIPES]

    async def _counted(self) -> Room:
        async with self._counting:
            if self._room is None:
                files, stored = await self._records.totals()
                self._room = Room(self.quota, files, stored)
            return self._room

    async def _add(self, metainfo: Metainfo, data: bytes) -> Added:
        room = await self._counted()
        digest = await asyncio.to_thread(digest_of, data)
        async with self._stripe(metainfo.infohash):
            known = await self._known(metainfo, room)
            if known is not None:
                return Added(known, new=False)
            record = await self._keep(metainfo, data, digest, room)
        return Added(record, new=True)

    async def _known(self, metainfo: Metainfo, room: Room) -> Record | None:
        """Find the torrent, in the records, or as a file whose record was lost in a failure."""
        for infohash in metainfo.infohashes:
            if not infohash.is_v2 and (record := await self._records.get(infohash)) is not None:
                return record
        packed = await self._blobs.get(metainfo.infohash)
        if packed is None:
            return None
        record = await self._recorded(metainfo.infohash, packed)
        if record is None:
            log.warning("cache.damaged_file_replaced", infohash=metainfo.infohash.upper)
            await self._blobs.remove(metainfo.infohash)
            return None
        room.fill(record.stored)
        return record

    async def _recorded(self, infohash: InfoHash, packed: bytes) -> Record | None:
        """Record a file that lies there without a record; None when it is not the torrent it is named for."""
        opened = await asyncio.to_thread(open_file, infohash, packed)
        if isinstance(opened, str):
            return None
        metainfo, digest = opened
        record = Record.of(metainfo, digest, len(packed), int(self._clock()))
        await self._records.add(record)
        return record

    async def _keep(self, metainfo: Metainfo, data: bytes, digest: bytes, room: Room) -> Record:
        most = len(data) + len(data) // 1024 + _GZIP_SLACK
        free = await self._blobs.free()
        room.promise(most, free)
        try:
            stored = await self._put(metainfo.infohash, data)
            record = Record.of(metainfo, digest, stored, int(self._clock()))
            await self._records.add(record)
            room.fill(stored)
        finally:
            room.release(most)
        return record

    async def _put(self, infohash: InfoHash, data: bytes) -> int:
        try:
            return await self._blobs.put(infohash, data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refusal("disk-full") from error
            raise

    async def _remove(self, infohash: InfoHash) -> Record | None:
        room = await self._counted()
        record = await self._records.get(infohash)
        if record is None:
            return None
        async with self._stripe(record.infohash):
            # The file goes first: a crash leaves a record without a file, which the next start drops. The
            # other way round, the next start would find the file and take the torrent up again.
            await self._blobs.remove(record.infohash)
            removed = await self._records.remove(record.infohash)
            if removed is not None:
                room.empty(removed.stored)
        return removed
