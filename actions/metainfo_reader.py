"""Reads .torrent files of strangers: small ones in a thread, large ones and many at once in processes of their own."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actions.metainfo_summary import summarize_metainfo
from bittorrent.bencode import LIGHT_ITEMS, BencodeLimits
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import is_compressed, unpack
from cache.record import PackedFile
from catalogue.contents_encoding import encode_contents
from catalogue.model import Contents, MetainfoSummary
from catalogue.release_names import parse_release
from tasks.child_process import ChildFailure, ChildLimits, ChildProcesses, TooManyWaiting
from tasks.fair_turns import FairSlots

FILES_KEPT = 1000
"""Files that the metainfo of a large torrent keeps."""
PREPARING = max(1, min(3, len(os.sched_getaffinity(0)) - 1))
"""Processes that prepare many torrents, beside the one that stores them."""
_WORTH_A_CHILD = 16  # files below which a process takes longer to start than to read


@dataclass(frozen=True, slots=True)
class ReadMetainfo:
    """A .torrent that was read: its bytes, decompressed, its metainfo, and its summary for the catalogue.

    Of a large one the metainfo has the first FILES_KEPT files alone, and the summary's contents are packed.
    """

    plain: bytes
    metainfo: Metainfo
    summary: MetainfoSummary


@dataclass(frozen=True, slots=True)
class PreparedTorrent:
    """A .torrent that was read to be stored: packed, its metainfo without files, and its summary with all of them."""

    file: PackedFile
    metainfo: Metainfo
    summary: MetainfoSummary


class MetainfoReader:
    """Reads .torrent files, plain or compressed, `parsers` at once; `limit` is the most bytes that one may have.

    One of more than `light_items` values is large: those wait for a child, and keep nobody from the parsers. Many are
    prepared by the processes of `preparing`.
    """

    def __init__(
        self,
        children: ChildProcesses,
        limit: int,
        parsers: int,
        *,
        light_items: int = LIGHT_ITEMS,
        preparing: ChildProcesses | None = None,
    ) -> None:
        self._children = children
        self._light_items = light_items
        self._preparing = preparing or ChildProcesses(ChildLimits(at_once=PREPARING))
        self._limit = limit
        self._parsers = FairSlots(parsers)

    async def read(self, data: bytes, added: int = 0) -> ReadMetainfo:
        """Read a file; `added` is in unix seconds. Refusal: `empty`, those of `unpack` and `read_plain`."""
        if is_compressed(data):
            async with self._parsers.slot():
                plain = await asyncio.to_thread(unpack, data, self._limit)
        else:
            plain = unpack(data, self._limit)  # at once
        if not plain:
            raise Refusal("empty")
        metainfo, summary = await self.read_plain(plain, self._limit, added)
        return ReadMetainfo(plain, metainfo, summary)

    async def read_plain(self, plain: bytes, limit: int, added: int = 0) -> tuple[Metainfo, MetainfoSummary]:
        """Read bytes that are not compressed, at most `limit`. Refusal: those of `Metainfo.parse`, `busy`."""
        try:
            async with self._parsers.slot():
                return await asyncio.to_thread(_read, plain, limit, self._light_items, added)
        except Refusal as refusal:
            if refusal.code != "too-many-items":
                raise
            return await self._read_apart(plain, limit, added)

    async def prepare(self, files: Sequence[bytes], added: int = 0) -> list[PreparedTorrent | Refusal]:
        """Read many files in another process, each as `read` does, up to what is stored of it; or why not."""
        if len(files) < _WORTH_A_CHILD:
            return [await self._prepare_here(data, added) for data in files]
        try:
            return await self._preparing.run(prepare_many, list(files), self._limit, added)
        except (ChildFailure, TooManyWaiting):
            # One of them takes too much: each is read by itself, and that one is refused.
            return [await self._prepare_here(data, added) for data in files]

    async def _prepare_here(self, data: bytes, added: int) -> PreparedTorrent | Refusal:
        try:
            read = await self.read(data, added)
        except Refusal as refusal:
            return refusal
        file = await asyncio.to_thread(PackedFile.of, read.plain)
        return PreparedTorrent(file, read.metainfo, read.summary)

    async def _read_apart(self, plain: bytes, limit: int, added: int) -> tuple[Metainfo, MetainfoSummary]:
        try:
            return await self._children.run(read_large, plain, limit, added)
        except TooManyWaiting:
            raise Refusal("busy") from None
        except ChildFailure as failure:
            raise Refusal("too-many-items", str(failure)) from None


def read_large(plain: bytes, limit: int, added: int) -> tuple[Metainfo, MetainfoSummary]:
    """Read a large torrent, in the child; of its files only what is needed comes back."""
    metainfo, summary = _read(plain, limit, BencodeLimits().items, added)
    return replace(metainfo, info=b"", files=metainfo.files[:FILES_KEPT]), _packed(summary)


def prepare_many(files: Sequence[bytes], limit: int, added: int) -> list[PreparedTorrent | Refusal]:
    """Read files to be stored, in the child."""
    return [_prepare(data, limit, added) for data in files]


def _prepare(data: bytes, limit: int, added: int) -> PreparedTorrent | Refusal:
    try:
        plain = unpack(data, limit)
        if not plain:
            raise Refusal("empty")
        metainfo, summary = _read(plain, limit, BencodeLimits().items, added)
    except Refusal as refusal:
        return refusal
    return PreparedTorrent(PackedFile.of(plain), replace(metainfo, info=b"", files=()), _packed(summary))


def _packed(summary: MetainfoSummary) -> MetainfoSummary:
    """Return a summary that has its contents as they are stored, and its release."""
    contents = summary.contents
    release = parse_release(summary.name, contents.files)
    packed = Contents((), (), (), len(contents.files), encode_contents(contents))
    return replace(summary, contents=packed, release=release)


def _read(plain: bytes, limit: int, items: int, added: int) -> tuple[Metainfo, MetainfoSummary]:
    metainfo = Metainfo.parse(plain, BencodeLimits(size=limit, items=items))
    return metainfo, summarize_metainfo(metainfo, added)
