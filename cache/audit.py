"""Consistency of .torrent files and records: reconciled at start, verified on demand."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from bittorrent.bencode import DEFAULT_LIMITS, LIGHT_ITEMS, BencodeLimits
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT, unpack
from cache.record import Blobs, CacheRecord, RecordNames, Records, digest_of, packed_digest
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting

_BATCH = 500
_NAMES = 20_000  # read at once
_SHORT = 2**16  # bytes whose digest takes less than a thread's turn
_END = b"\xff" * 33  # above every infohash

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Problem:
    """An inconsistency of a torrent's file and record, described in words, and what was done about it."""

    infohash: InfoHash
    what: str
    repaired: str = ""


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """Result of a reconciliation: files recorded, records deleted, and unreadable files left in place."""

    recorded: int
    dropped: int
    damaged: int


class StoredFileReader:
    """Reads stored files; those of very many values in a process of its own."""

    def __init__(self, children: ChildProcesses) -> None:
        self._children = children

    async def read(self, infohash: InfoHash, packed: bytes) -> tuple[Metainfo, bytes] | str:
        """Return a file's metainfo, without `info` and files, and digest, or what is wrong with it, in words."""
        found = await asyncio.to_thread(parse_stored_file, infohash, packed, LIGHT_ITEMS)
        if found is not None:
            return found
        try:
            found = await self._children.run(parse_stored_file, infohash, packed)
        except (TooManyWaiting, ChildFailure):
            # Whether a file is right must not depend on how busy it is here.
            found = await asyncio.to_thread(parse_stored_file, infohash, packed)
        return found if found is not None else f"the file cannot be read: {Refusal('too-many-items')}"


def parse_stored_file(
    infohash: InfoHash, packed: bytes, items: int = DEFAULT_LIMITS.items
) -> tuple[Metainfo, bytes] | str | None:
    """Return what `StoredFileReader.read` does, None for a file of more values than `items`."""
    try:
        data = unpack(packed, INFLATED_LIMIT)
        metainfo = Metainfo.parse(data, BencodeLimits(size=INFLATED_LIMIT, items=items))
    except Refusal as refusal:
        return None if refusal.code == "too-many-items" else f"the file cannot be read: {refusal}"
    if metainfo.infohash != infohash:
        return f"the file holds another torrent, {metainfo.infohash.upper}"
    return replace(metainfo, info=b"", files=()), digest_of(data)


async def reconcile(
    blobs: Blobs, records: Records, record_file: Callable[[InfoHash, bytes], Awaitable[CacheRecord | None]]
) -> ReconcileResult:
    """Record files without a record and delete records without a file; see `TorrentCache`."""
    recorded = dropped = damaged = 0
    async for infohash, is_file in _mismatches(blobs, records):
        if is_file:
            packed = await blobs.get(infohash)
            if packed is not None and await record_file(infohash, packed) is not None:
                recorded += 1
                log.warning("cache.file_recorded", infohash=infohash.upper)
            else:
                damaged += 1
                log.error("cache.file_unreadable", infohash=infohash.upper)
        elif (record := await records.remove(infohash)) is not None:
            dropped += 1
            log.warning("cache.record_without_file_dropped", infohash=infohash.upper, name=record.name)
    return ReconcileResult(recorded, dropped, damaged)


async def problems(blobs: Blobs, records: Records, reader: StoredFileReader) -> AsyncIterator[Problem]:
    """Yield every record whose file is missing, unreadable or altered, and every file without a record."""
    async for infohash, record in _all_pairs(blobs, records):
        packed = await blobs.get(infohash)
        found = await reader.read(infohash, packed) if packed is not None else "the file is missing"
        what = found if isinstance(found, str) else await _compared(record, packed, *found)
        if what:
            yield Problem(infohash, what)


async def _compared(
    record: CacheRecord | None, packed: bytes | None, metainfo: Metainfo, digest: bytes
) -> str:
    assert packed is not None
    if len(packed) <= _SHORT:
        return _mismatch(record, packed, metainfo, digest)
    return await asyncio.to_thread(_mismatch, record, packed, metainfo, digest)


def _mismatch(record: CacheRecord | None, packed: bytes, metainfo: Metainfo, digest: bytes) -> str:
    """Return in what a record differs from its file, "" for nothing."""
    if record is None:
        return "the file has no record: the next start adds it"
    if digest != record.digest:
        return "the file was altered: its digest is not the one recorded"
    if record.packed is not None and packed_digest(packed) != record.packed:
        return "the file was altered: its packed bytes are not those recorded"
    if len(packed) != record.stored:
        return f"the file has {len(packed)} bytes, the record says {record.stored}"
    if (metainfo.v1, metainfo.v2) != (record.v1, record.v2):
        return "the record names other hashes than the file"
    return ""


async def each_name(records: Records) -> AsyncGenerator[list[RecordNames], None]:
    """Yield the names of every record in ascending order, some thousands at a time."""
    after: InfoHash | None = None
    while names := await records.names(after, _NAMES):
        yield names
        after = names[-1].infohash


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


async def _mismatches(blobs: Blobs, records: Records) -> AsyncIterator[tuple[InfoHash, bool]]:
    """Yield files without a record, as (infohash, True), and records without a file, as (infohash, False)."""
    files, recorded = _Ascending(blobs.walk()), _Ascending(_infohashes(records))
    while not (files.ended and recorded.ended):
        await (files if files.reached <= recorded.reached and not files.ended else recorded).read_on()
        upto = min(files.reached, recorded.reached)
        here, known = files.take(upto), recorded.take(upto)
        for infohash in sorted(here ^ known):
            yield infohash, infohash in here


async def _infohashes(records: Records) -> AsyncIterator[list[InfoHash]]:
    async for names in each_name(records):
        yield [each.infohash for each in names]


async def _all_pairs(blobs: Blobs, records: Records) -> AsyncIterator[tuple[InfoHash, CacheRecord | None]]:
    """Yield every record, then every file that has none."""
    async for record in _each_record(records):
        yield record.infohash, record
    async for infohash, is_file in _mismatches(blobs, records):
        if is_file:
            yield infohash, None


async def _each_record(records: Records) -> AsyncIterator[CacheRecord]:
    after: InfoHash | None = None
    while batch := await records.walk(after, _BATCH):
        for record in batch:
            yield record
        after = batch[-1].infohash
