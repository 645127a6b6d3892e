"""Reads .torrent files of strangers: small ones in a thread, large ones in a process of their own."""

import asyncio
from dataclasses import dataclass, replace

from actions.metainfo_summary import summarize_metainfo
from bittorrent.bencode import LIGHT_ITEMS, BencodeLimits
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import unpack
from catalogue.contents_encoding import encode_contents
from catalogue.model import Contents, MetainfoSummary
from catalogue.release_names import parse_release
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting
from tasks.fair_turns import FairSlots

FILES_KEPT = 1000
"""Files that the metainfo of a large torrent keeps."""


@dataclass(frozen=True, slots=True)
class ReadMetainfo:
    """A .torrent that was read: its bytes, decompressed, its metainfo, and its summary for the catalogue.

    Of a large one the metainfo has the first FILES_KEPT files alone, and the summary's contents are packed.
    """

    plain: bytes
    metainfo: Metainfo
    summary: MetainfoSummary


class MetainfoReader:
    """Reads .torrent files, plain or compressed, `parsers` at once; `limit` is the most bytes that one may have.

    Large ones, which wait for a child, keep nobody from the parsers.
    """

    def __init__(self, children: ChildProcesses, limit: int, parsers: int) -> None:
        self._children = children
        self._limit = limit
        self._parsers = FairSlots(parsers)

    async def read(self, data: bytes, added: int = 0) -> ReadMetainfo:
        """Read a file; `added` is in unix seconds. Refusal: `empty`, those of `unpack` and `read_plain`."""
        async with self._parsers.slot():
            plain = await asyncio.to_thread(unpack, data, self._limit)
        if not plain:
            raise Refusal("empty")
        metainfo, summary = await self.read_plain(plain, self._limit, added)
        return ReadMetainfo(plain, metainfo, summary)

    async def read_plain(self, plain: bytes, limit: int, added: int = 0) -> tuple[Metainfo, MetainfoSummary]:
        """Read bytes that are not compressed, at most `limit`. Refusal: those of `Metainfo.parse`, `busy`."""
        try:
            async with self._parsers.slot():
                return await asyncio.to_thread(_read, plain, limit, LIGHT_ITEMS, added)
        except Refusal as refusal:
            if refusal.code != "too-many-items":
                raise
            return await self._read_apart(plain, limit, added)

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
    contents = summary.contents
    release = parse_release(summary.name, contents.files)
    packed = Contents((), (), (), len(contents.files), encode_contents(contents))
    return (
        replace(metainfo, info=b"", files=metainfo.files[:FILES_KEPT]),
        replace(summary, contents=packed, release=release),
    )


def _read(plain: bytes, limit: int, items: int, added: int) -> tuple[Metainfo, MetainfoSummary]:
    metainfo = Metainfo.parse(plain, BencodeLimits(size=limit, items=items))
    return metainfo, summarize_metainfo(metainfo, added)
