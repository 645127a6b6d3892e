"""Consistency of .torrent files and records: reconciled at start, verified on demand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from bittorrent.bencode import BencodeLimits
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT, unpack
from cache.record import Blobs, CacheRecord, Records, digest_of, packed_digest

_BATCH = 500

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


def read_stored_file(infohash: InfoHash, packed: bytes) -> tuple[Metainfo, bytes] | str:
    """Read a stored file; return its metainfo and digest, or what is wrong with it, in words."""
    try:
        data = unpack(packed, INFLATED_LIMIT)
        metainfo = Metainfo.parse(data, BencodeLimits(size=INFLATED_LIMIT))
    except Refusal as refusal:
        return f"the file cannot be read: {refusal}"
    if metainfo.infohash != infohash:
        return f"the file holds another torrent, {metainfo.infohash.upper}"
    return metainfo, digest_of(data)


async def reconcile(
    blobs: Blobs, records: Records, record_file: Callable[[InfoHash, bytes], Awaitable[CacheRecord | None]]
) -> ReconcileResult:
    """Record files without a record and delete records without a file; see `TorrentCache`."""
    recorded = dropped = damaged = 0
    async for infohash, record in _mismatches(blobs, records):
        if record is None:
            packed = await blobs.get(infohash)
            if packed is not None and await record_file(infohash, packed) is not None:
                recorded += 1
                log.warning("cache.file_recorded", infohash=infohash.upper)
            else:
                damaged += 1
                log.error("cache.file_unreadable", infohash=infohash.upper)
        else:
            await records.remove(infohash)
            dropped += 1
            log.warning("cache.record_without_file_dropped", infohash=infohash.upper, name=record.name)
    return ReconcileResult(recorded, dropped, damaged)


async def problems(blobs: Blobs, records: Records) -> AsyncIterator[Problem]:
    """Yield every record whose file is missing, unreadable or altered, and every file without a record."""
    async for infohash, record in _all_pairs(blobs, records):
        packed = await blobs.get(infohash)
        what = await asyncio.to_thread(_problem, infohash, record, packed)
        if what:
            yield Problem(infohash, what)


def _problem(infohash: InfoHash, record: CacheRecord | None, packed: bytes | None) -> str:
    if packed is None:
        return "the file is missing"
    result = read_stored_file(infohash, packed)
    if isinstance(result, str):
        return result
    if record is None:
        return "the file has no record: the next start adds it"
    metainfo, digest = result
    if digest != record.digest:
        return "the file was altered: its digest is not the one recorded"
    if record.packed is not None and packed_digest(packed) != record.packed:
        return "the file was altered: its packed bytes are not those recorded"
    if len(packed) != record.stored:
        return f"the file has {len(packed)} bytes, the record says {record.stored}"
    if (metainfo.v1, metainfo.v2) != (record.v1, record.v2):
        return "the record names other hashes than the file"
    return ""


async def _mismatches(blobs: Blobs, records: Records) -> AsyncIterator[tuple[InfoHash, CacheRecord | None]]:
    """Yield files without a record, as (infohash, None), and records without a file."""
    files = _each_file(blobs)
    rows = _each_record(records)
    infohash, record = await anext(files, None), await anext(rows, None)
    while infohash is not None or record is not None:
        if record is None or (infohash is not None and infohash < record.infohash):
            assert infohash is not None
            yield infohash, None
            infohash = await anext(files, None)
        elif infohash is None or record.infohash < infohash:
            yield record.infohash, record
            record = await anext(rows, None)
        else:
            infohash, record = await anext(files, None), await anext(rows, None)


async def _all_pairs(blobs: Blobs, records: Records) -> AsyncIterator[tuple[InfoHash, CacheRecord | None]]:
    """Yield every record, then every file that has none."""
    async for record in _each_record(records):
        yield record.infohash, record
    async for infohash in _each_file(blobs):
        if await records.get(infohash) is None:
            yield infohash, None


async def _each_file(blobs: Blobs) -> AsyncIterator[InfoHash]:
    async for batch in blobs.walk():
        for infohash in batch:
            yield infohash


async def _each_record(records: Records) -> AsyncIterator[CacheRecord]:
    after: InfoHash | None = None
    while batch := await records.walk(after, _BATCH):
        for record in batch:
            yield record
        after = batch[-1].infohash
