"""Verifies stored .torrent files and their records, on demand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bittorrent.bencode import DEFAULT_LIMITS, LIGHT_ITEMS, BencodeLimits
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT, unpack
from cache.reconciliation import mismatches
from cache.record import Blobs, CacheRecord, Records, digest_of, packed_digest
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting

_BATCH = 500
_SHORT = 2**16  # bytes whose digest takes less than a thread's turn


@dataclass(frozen=True, slots=True)
class Problem:
    """An inconsistency of a torrent's file and record, described in words, and what was done about it."""

    infohash: InfoHash
    what: str
    repaired: str = ""


class StoredFileReader:
    """Reads stored files; those of more than `light_items` values in a process of its own."""

    def __init__(self, children: ChildProcesses, *, light_items: int = LIGHT_ITEMS) -> None:
        self._children = children
        self._light_items = light_items

    async def read(self, infohash: InfoHash, packed: bytes) -> tuple[Metainfo, bytes] | str:
        """Return a file's metainfo, without `info` and files, and digest, or what is wrong with it, in words."""
        found = await asyncio.to_thread(parse_stored_file, infohash, packed, self._light_items)
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


async def problems(blobs: Blobs, records: Records, reader: StoredFileReader) -> AsyncIterator[Problem]:
    """Yield every record whose file is missing, unreadable or altered, and every file without a record."""
    async for infohash, record in _all_pairs(blobs, records):
        if what := await what_is_wrong(infohash, record, await blobs.get(infohash), reader):
            yield Problem(infohash, what)


async def what_is_wrong(
    infohash: InfoHash, record: CacheRecord | None, packed: bytes | None, reader: StoredFileReader
) -> str:
    """Return in words what is wrong with a torrent's record and file, "" for nothing."""
    found = await reader.read(infohash, packed) if packed is not None else "the file is missing"
    return found if isinstance(found, str) else await _compared(record, packed, *found)


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


async def _all_pairs(blobs: Blobs, records: Records) -> AsyncIterator[tuple[InfoHash, CacheRecord | None]]:
    """Yield every record, then every file that has none."""
    async for record in _each_record(records):
        yield record.infohash, record
    async for _, alone in mismatches(blobs, records):
        for infohash, is_file in alone:
            if is_file:
                yield infohash, None


async def _each_record(records: Records) -> AsyncIterator[CacheRecord]:
    after: InfoHash | None = None
    while batch := await records.walk(after, _BATCH):
        for record in batch:
            yield record
        after = batch[-1].infohash
