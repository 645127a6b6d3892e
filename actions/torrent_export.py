"""Bulk export of .torrent files, each with its outcome."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.torrents import CacheRecord, TorrentCache


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The outcome of one torrent: `outcome` is "written", "same" or a refusal's code."""

    infohash: InfoHash
    outcome: str
    text: str


class TorrentExport:
    """Exports what the cache holds."""

    def __init__(self, cache: TorrentCache) -> None:
        self._cache = cache

    async def write(self, folder: Path) -> AsyncIterator[ExportResult]:
        """Write every held torrent to `folder` as HASH.torrent, the bytes as they were uploaded.

        Each file is written atomically; one with the same bytes is left, so an export can be resumed.
        OSError: the folder cannot be made or written.
        """
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        async with aclosing(self._cache.walk()) as batches:
            async for records in batches:
                for record in records:
                    yield await self._export(record, folder)
        await asyncio.to_thread(os.sync)

    async def _export(self, record: CacheRecord, folder: Path) -> ExportResult:
        target = folder / f"{record.infohash.upper}.torrent"
        if await asyncio.to_thread(_holds, target, record.digest):
            return ExportResult(record.infohash, "same", str(target))
        held = await self._cache.get(record.infohash, asked=False)
        if held is None:
            refusal = Refusal("not-found")
            return ExportResult(record.infohash, refusal.code, str(refusal))
        try:
            data = await asyncio.to_thread(held.plain)
        except Refusal as refusal:
            return ExportResult(record.infohash, refusal.code, str(refusal))
        await asyncio.to_thread(_write, target, data)
        return ExportResult(record.infohash, "written", str(target))


def _holds(target: Path, digest: bytes) -> bool:
    if target.is_symlink() or not target.is_file():
        return False
    with target.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).digest() == digest


def _write(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    with temporary.open("xb") as out:
        out.write(data)
    temporary.replace(target)
