"""TorrentCache: .torrent files and their records, both durable before success."""

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from bittorrent.infohash import HashPage, InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.asked import AskedTorrents
from cache.audit import Problem, StoredFileReader, problems, what_is_wrong
from cache.compression import INFLATED_LIMIT, unpack
from cache.quota import CacheFill, Quota, QuotaUsage
from cache.reconciliation import ReconcileProgress, Settled, reconcile
from cache.record import Blobs, CacheRecord, HybridNames, PackedFile, Records, StoredFile, packed_digest
from cache.storage_shares import StorageShares
from tasks.child_process import ChildProcesses
from tasks.run_to_completion import RunToCompletion

__all__ = [
    "AddResult",
    "Blobs",
    "CacheRecord",
    "CachedTorrent",
    "Problem",
    "Quota",
    "ReconcileProgress",
    "Records",
    "TorrentCache",
]

Entering = Callable[[Metainfo], AbstractAsyncContextManager[None]]
"""What a torrent enters the cache within. Refusal: `blocked`."""

_STRIPES = 1024  # many more than there are uploads at once, which else would wait for each other
# What gzip adds at most to incompressible data: 5 bytes a block of 16 KiB and its header and trailer.
_GZIP_SLACK = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AddResult:
    """Result of adding a torrent: its record, and whether it is new."""

    record: CacheRecord
    new: bool


@dataclass(frozen=True, slots=True)
class CachedTorrent:
    """A cached torrent: its record and its file, gzip-compressed as on disk."""

    record: CacheRecord
    gzip: bytes

    @property
    def plain_size(self) -> int:
        """The bytes of the file as it was uploaded, by the trailer of the gzip file (RFC 1952, ISIZE)."""
        return int.from_bytes(self.gzip[-4:], "little")

    def plain(self) -> bytes:
        """Return the .torrent file byte for byte as it was uploaded. Refusal: `bad-compression`."""
        return unpack(self.gzip, INFLATED_LIMIT)


@asynccontextmanager
async def _anything(_: Metainfo) -> AsyncIterator[None]:
    """Let any torrent enter."""
    yield


class TorrentCache:
    """Stores .torrent files by infohash, within a quota; the first file of an infohash stays."""

    def __init__(
        self,
        blobs: Blobs,
        records: Records,
        quota: Quota,
        clock: Callable[[], float],
        shares: StorageShares | None = None,
        *,
        children: ChildProcesses | None = None,
    ) -> None:
        """`shares` bind addresses near the quota; without them none is bound. Large files are read by `children`."""
        self._blobs = blobs
        self._records = records
        self._usage: QuotaUsage | None = None
        self._usage_lock = asyncio.Lock()
        self._reconciled = False
        self._clock = clock
        self._operations = RunToCompletion("cache.operation_failed", expected=(Refusal,))
        self._stripes = tuple(asyncio.Lock() for _ in range(_STRIPES))
        self._reader = StoredFileReader(children or ChildProcesses())
        self._shares = shares
        self.quota = quota
        self.asked = AskedTorrents(records, clock)

    async def add(
        self, metainfo: Metainfo, data: bytes | PackedFile, address: bytes | None = None
    ) -> AddResult:
        """Store the torrent, durable before it returns; `metainfo` is parsed from `data`, the uncompressed file.

        `data` may be packed already. The same infohash again is no error and needs no space: the first file stays.
        `address` is the client's. Refusal: `cache-full`, `cache-share`, `disk-full`, and `too-large` for what could not
        be decompressed again.
        """
        if (data.plain_size if isinstance(data, PackedFile) else len(data)) > INFLATED_LIMIT:
            raise Refusal("too-large", f"at most {INFLATED_LIMIT} bytes")
        return await self._operations.run(self._add(metainfo, data, address))

    async def get(
        self,
        infohash: InfoHash,
        *,
        before: Callable[[CacheRecord], Awaitable[None]] | None = None,
        asked: bool = True,
    ) -> CachedTorrent | None:
        """Return the torrent of a 20-byte infohash (v1, or truncated v2), or None.

        `before` is awaited with the record before the file is read; what it raises passes through. Unless nobody
        `asked` for it, as when the service reads it for itself, that is noted.
        """
        record = await self._records.get(infohash)
        if record is None:
            return None
        if asked:
            self.asked.note(record.infohash)
        if before is not None:
            await before(record)
        packed = await self._right_file(record)
        if packed is None:
            return None
        if record.private is None:
            record = await self._with_privacy(record, packed)
        return CachedTorrent(record, packed)

    async def verify(self, record: CacheRecord) -> bool:
        """Read a torrent's file and compare it with its record; a file that is not right is set aside.

        Return whether there is a right one.
        """
        return await self._right_file(record, again=True) is not None

    async def find(self, infohash: InfoHash) -> CacheRecord | None:
        """Return the record of a 20-byte infohash, without reading its file."""
        return await self._records.get(infohash)

    async def find_all(self, infohashes: Sequence[InfoHash]) -> dict[InfoHash, CacheRecord]:
        """Return the records of the 20-byte infohashes that are cached, by one query and without reading files."""
        return await self._records.get_all(infohashes)

    async def has(self, infohash: InfoHash) -> bool:
        """Return whether the cache has the torrent of a 20-byte infohash (v1, or truncated v2)."""
        return await self._records.get(infohash) is not None

    async def remove(self, infohash: InfoHash) -> CacheRecord | None:
        """Delete the torrent of a 20-byte infohash; return its record, or None."""
        return await self._operations.run(self._remove(infohash))

    async def fill(self, *, counted: bool = False) -> CacheFill:
        """Return how full it is; `counted` anew, else by what this process knows of its uploads and removals."""
        files, stored = await (self._records.totals() if counted else self.totals())
        return CacheFill.of(self.quota, files, stored, await self._blobs.free())

    async def totals(self) -> tuple[int, int]:
        """Return the number of files and their bytes on disk."""
        usage = await self._current_usage()
        return usage.files, usage.stored

    async def walk(self, batch: int = 500) -> AsyncGenerator[list[CacheRecord], None]:
        """Yield every record in ascending order of infohash, at most `batch` at a time."""
        after: InfoHash | None = None
        while records := await self._records.walk(after, batch):
            yield records
            after = records[-1].infohash

    async def hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records, those next above `after`."""
        return await self._records.hashes(after, limit)

    async def public_hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records of torrents that are not private, those next above `after`."""
        return await self._records.public_hashes(after, limit)

    async def hybrids(self, after: bytes, limit: int) -> list[HybridNames]:
        """Return the names of up to `limit` hybrids whose alias is above `after`, ascending by it."""
        return await self._records.hybrids(after, limit)

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the 20-byte infohashes, first or second, of the records of any of these."""
        return await self._records.known(infohashes)

    async def page(self, after: InfoHash | None, limit: int) -> list[CacheRecord]:
        """Return up to `limit` records whose infohash is above `after`, ascending."""
        return await self._records.walk(after, limit)

    async def reconcile(
        self, entering: Entering = _anything, progress: ReconcileProgress | None = None
    ) -> ReconcileProgress:
        """Make files and records consistent after a crash, beside uploads and removals; return what was done.

        A file without a record is read and recorded, within `entering`, which may refuse it as `blocked`: then it is
        deleted. An unreadable one is logged, stays in place, and is replaced by the next upload of its infohash. A
        record without a file is deleted. `progress` tells meanwhile how far it is.
        """
        made = progress if progress is not None else ReconcileProgress()

        async def settle(infohash: InfoHash, is_file: bool) -> Settled:
            if is_file:
                return await self._settle_unrecorded(infohash, entering)
            return await self._operations.run(self._settle_lost(infohash))

        await reconcile(self._blobs, self._records, settle, made)
        self._reconciled = True
        return made

    async def check(self, *, repair: bool = False) -> AsyncIterator[Problem]:
        """Verify every stored file against its infohash and its record, and yield the problems.

        With `repair` a file that is not right is set aside, a record without a right file is removed, so that the
        next upload stores the torrent anew, and a right file without a record is recorded.
        """
        async for problem in problems(self._blobs, self._records, self._reader):
            yield (
                replace(problem, repaired=await self._operations.run(self._repair(problem)))
                if repair
                else problem
            )

    async def free(self) -> int:
        """Return the free bytes of the disk."""
        return await self._blobs.free()

    async def healthy(self) -> bool:
        """Return whether the record store answers."""
        return await self._records.healthy()

    async def drain(self) -> None:
        """Wait for running uploads and removals, and write what was asked for; call it before the stores are closed."""
        await self._operations.drain()
        try:
            await self.asked.flush()
        except Exception as error:
            log.warning("cache.asked_not_noted", error=str(error))

    def _stripe(self, infohash: InfoHash) -> asyncio.Lock:
        return self._stripes[int.from_bytes(infohash[-2:]) % _STRIPES]

    async def _current_usage(self) -> QuotaUsage:
        async with self._usage_lock:
            if self._usage is None:
                files, stored = await self._records.totals()
                self._usage = QuotaUsage(self.quota, files, stored)
            return self._usage

    async def _repair(self, problem: Problem) -> str:
        """Repair what is wrong, and return in words what was done."""
        infohash = problem.infohash
        usage = await self._current_usage()
        async with self._stripe(infohash):
            packed, record = await self._blobs.get(infohash), await self._recorded_as(infohash)
            gone = packed is None and record is None
            if gone or not await what_is_wrong(infohash, record, packed, self._reader):
                return "right by now"
            if record is None and packed is not None:
                found = await self._record_file(infohash, packed)
                if found is not None:
                    usage.add(found.stored)
                    return "recorded"
            if packed is not None:
                await self._blobs.set_aside(infohash)
            if record is not None:
                await self._records.remove(infohash)
                usage.subtract(record.stored)
        return "set aside" if packed is not None else "record removed"

    async def _settle_unrecorded(self, infohash: InfoHash, entering: Entering) -> Settled:
        """Record a file that seemed to have no record, or delete it where it is blocked."""
        packed = await self._blobs.get(infohash)
        read = await self._reader.read(infohash, packed) if packed is not None else ""
        if packed is None or isinstance(read, str):
            if packed is None or await self._recorded_as(infohash) is not None:
                return Settled.RIGHT
            log.error("cache.file_unreadable", infohash=infohash.upper)
            return Settled.DAMAGED
        try:
            async with entering(read[0]):
                return await self._operations.run(self._record_unrecorded(infohash))
        except Refusal as refusal:
            if refusal.code != "blocked":
                raise
            await self._operations.run(self._delete_unrecorded(infohash))
            return Settled.RIGHT

    async def _record_unrecorded(self, infohash: InfoHash) -> Settled:
        usage = await self._current_usage()
        async with self._stripe(infohash):
            packed = await self._blobs.get(infohash)
            if packed is None or await self._recorded_as(infohash) is not None:
                return Settled.RIGHT
            record = await self._record_file(infohash, packed)
            if record is None:
                return Settled.DAMAGED
            usage.add(record.stored)
        log.warning("cache.file_recorded", infohash=infohash.upper)
        return Settled.RECORDED

    async def _delete_unrecorded(self, infohash: InfoHash) -> CacheRecord | None:
        """Delete the file of a torrent that has no record, which `reconcile` would add; return the record if it has."""
        async with self._stripe(infohash):
            record = await self._recorded_as(infohash)
            if record is None and await self._blobs.remove(infohash):
                log.warning("cache.unrecorded_file_deleted", infohash=infohash.upper)
            return record

    async def _settle_lost(self, infohash: InfoHash) -> Settled:
        """Delete a record that seemed to have no file."""
        usage = await self._current_usage()
        async with self._stripe(infohash):
            record = await self._recorded_as(infohash)
            if record is None or await self._blobs.get(infohash) is not None:
                return Settled.RIGHT
            await self._records.remove(infohash)
            usage.subtract(record.stored)
        log.warning("cache.record_without_file_dropped", infohash=infohash.upper, name=record.name)
        return Settled.DROPPED

    async def _recorded_as(self, infohash: InfoHash) -> CacheRecord | None:
        """Return the record of that infohash, not that of a hybrid whose second one it is."""
        return (await self._records.get_all((infohash,))).get(infohash)

    async def _right_file(self, record: CacheRecord, *, again: bool = False) -> bytes | None:
        """Return the file of a record, None where it is missing or not right; the latter is set aside."""
        if record.packed is not None:
            packed = await self._blobs.get(record.infohash, record.packed, again=again)
            if packed is not None:
                return packed
        async with self._stripe(record.infohash):
            # The record may have been another by the time that the file was read.
            found = await self._records.get(record.infohash)
            return await self._settled_file(found) if found is not None else None

    async def _settled_file(self, record: CacheRecord) -> bytes | None:
        """Do the same while nothing else changes the torrent, whose stripe is held."""
        packed = await self._blobs.get(record.infohash, record.packed)
        if packed is None:
            await self._blobs.set_aside(record.infohash)
            return None
        if record.packed is not None:
            return packed
        # An older version stored it without its digest.
        read = await self._reader.read(record.infohash, packed)
        if isinstance(read, str) or read[1] != record.digest:
            await self._blobs.set_aside(record.infohash)
            return None
        await self._records.add(replace(record, packed=packed_digest(packed), stored=len(packed)))
        return packed

    async def _add(self, metainfo: Metainfo, data: bytes | PackedFile, address: bytes | None) -> AddResult:
        usage = await self._current_usage()
        async with self._stripe(metainfo.infohash):
            known = await self._known(metainfo, usage)
            if known is not None:
                self.asked.note(known.infohash)  # who brings it counts on finding it
                return AddResult(known, new=False)
            if self._shares is not None:
                self._shares.check(address, usage)
            added = await self._store(metainfo, data, usage)
            if self._shares is not None and added.new:
                self._shares.add(address, added.record.stored)
        return added

    async def _known(self, metainfo: Metainfo, usage: QuotaUsage) -> CacheRecord | None:
        """Find the torrent by its records, with a right file."""
        for infohash in metainfo.infohashes:
            if not infohash.is_v2 and (record := await self._records.get(infohash)) is not None:
                if await self._settled_file(record) is not None:
                    return record
                log.warning("cache.lost_file_stored_again", infohash=record.infohash.upper)
                if await self._records.remove(record.infohash) is not None:
                    usage.subtract(record.stored)
                return None
        return None

    async def _recorded(self, infohash: InfoHash) -> CacheRecord | None:
        """Record a file whose record was lost; None, and it is out of the way, when it is not of its torrent."""
        packed = await self._blobs.get(infohash)
        record = await self._record_file(infohash, packed) if packed is not None else None
        if record is None:
            log.warning("cache.damaged_file_replaced", infohash=infohash.upper)
            await self._blobs.set_aside(infohash)
        return record

    async def _with_privacy(self, record: CacheRecord, packed: bytes) -> CacheRecord:
        """Return a record of which the catalogue says nothing with what its file says; an unreadable one is private."""
        found = await self._reader.read(record.infohash, packed)
        return replace(record, private=isinstance(found, str) or found[0].private)

    async def _record_file(self, infohash: InfoHash, packed: bytes) -> CacheRecord | None:
        """Add the record of a stored file; None when it is not the torrent of that infohash."""
        result = await self._reader.read(infohash, packed)
        if isinstance(result, str):
            return None
        metainfo, digest = result
        record = CacheRecord.of(metainfo, digest, StoredFile.of(packed), int(self._clock()))
        await self._records.add(record)
        return record

    async def _store(self, metainfo: Metainfo, data: bytes | PackedFile, usage: QuotaUsage) -> AddResult:
        most = len(data.gzip) if isinstance(data, PackedFile) else _most_packed(len(data))
        free = await self._blobs.free()
        usage.reserve(most, free)
        try:
            file = data if isinstance(data, PackedFile) else await asyncio.to_thread(PackedFile.of, data)
            stored = await self._put(metainfo.infohash, file.gzip)
            if stored.kept:
                found = await self._recorded(metainfo.infohash)
                if found is not None:
                    usage.add(found.stored)
                    return AddResult(found, new=False)
                stored = await self._put(metainfo.infohash, file.gzip)
            record = CacheRecord.of(metainfo, file.digest, stored, int(self._clock()))
            await self._records.add(record)
            usage.add(stored.size)
        finally:
            usage.release(most)
        return AddResult(record, new=True)

    async def _put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        try:
            return await self._blobs.put(infohash, packed)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refusal("disk-full") from error
            raise

    async def _remove(self, infohash: InfoHash) -> CacheRecord | None:
        usage = await self._current_usage()
        record = await self._records.get(infohash)
        if record is None and not self._reconciled:
            record = await self._delete_unrecorded(infohash)
        if record is None:
            return None
        async with self._stripe(record.infohash):
            # The file is deleted first: a crash leaves a record without a file, which the next start deletes.
            # The other way round, the next start would find the file and record the torrent again.
            await self._blobs.remove(record.infohash)
            removed = await self._records.remove(record.infohash)
            if removed is not None:
                usage.subtract(removed.stored)
        return removed


def _most_packed(size: int) -> int:
    """Return the most bytes that a file of `size` bytes has when it is packed."""
    return size + size // 1024 + _GZIP_SLACK
