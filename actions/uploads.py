"""Hides what happens to an uploaded file between its bytes and success: the one way into the cache."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from actions.sheets import sheet_of
from actions.takedowns import Takedowns
from bittorrent.bencode import Limits
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import unpack
from cache.torrents import Added, TorrentCache
from cache.unbroken import Unbroken
from catalogue.catalogue import Catalogue
from catalogue.model import NO_DETAILS, Details, Reading, Sheet, Torrent
from catalogue.shelf import ALL

DEFAULT_LIMIT = 10 * 2**20
_PARSERS = 2
_UNDER_WAY = 16

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """An upload that succeeded: the hash that names it in the cache, its file, whether that is new, its record."""

    infohash: InfoHash
    metainfo: Metainfo
    new: bool
    torrent: Torrent


class Describes(Protocol):
    """Reads what a torrent's name and files tell."""

    async def describe(self, sheet: Sheet) -> Reading:
        """Return what they tell."""
        ...


@dataclass(frozen=True, slots=True)
class _Upload:
    """What was sent, and by whom."""

    data: bytes
    actor: str
    uploader: int | None
    details: Details


class Uploads:
    """Takes .torrent files from every door. `limit` is the most bytes that one may have, unpacked.

    `clock` gives unix seconds.
    """

    def __init__(
        self,
        cache: TorrentCache,
        takedowns: Takedowns,
        catalogue: Catalogue,
        cataloguer: Describes,
        clock: Callable[[], float],
        *,
        limit: int = DEFAULT_LIMIT,
        parsers: int = _PARSERS,
        under_way: int = _UNDER_WAY,
    ) -> None:
        self.limit = limit
        self._cache = cache
        self._takedowns = takedowns
        self._catalogue = catalogue
        self._cataloguer = cataloguer
        self._clock = clock
        self._parsers = asyncio.Semaphore(parsers)
        self._places = under_way
        self._under_way = 0
        self._deeds = Unbroken()

    async def accept(
        self,
        data: bytes,
        actor: str,
        *,
        patient: bool = False,
        uploader: int | None = None,
        details: Details = NO_DETAILS,
    ) -> Accepted:
        """Keep a .torrent file, plain or packed by gzip or bzip2, and its record, durable before it returns.

        `actor` says in the log who sent it; `uploader` is the account that owns it, with what it says of it.
        With `patient`, a caller that bounds itself is never refused as one too many. Refusal: `empty`,
        `too-large`, `bad-compression`, those of `Metainfo.parse`, `blocked`, `cache-full`, `disk-full`, those of
        `Catalogue.enter`, and `busy` when too many uploads are under way.
        """
        if not data:
            raise Refusal("empty")
        if len(data) > self.limit:
            raise Refusal("too-large", f"at most {self.limit} bytes")
        if self._under_way >= self._places and not patient:
            raise Refusal("busy")
        self._under_way += 1
        return await self._deeds.run(self._accept(_Upload(data, actor, uploader, details)))

    async def drain(self) -> None:
        """Wait for the uploads that were begun; call it before the stores are closed."""
        await self._deeds.drain()

    async def _accept(self, upload: _Upload) -> Accepted:
        try:
            async with self._parsers:
                plain, metainfo, sheet = await asyncio.to_thread(
                    _read, upload.data, self.limit, int(self._clock())
                )
            added, torrent = await self._keep(upload, metainfo, plain, sheet)
        finally:
            self._under_way -= 1
        infohash = added.record.infohash
        log.info("upload.accepted", infohash=infohash.upper, actor=upload.actor, new=added.new)
        return Accepted(infohash, metainfo, added.new, torrent)

    async def _keep(
        self, upload: _Upload, metainfo: Metainfo, plain: bytes, sheet: Sheet
    ) -> tuple[Added, Torrent]:
        await self._takedowns.refuse_blocked(metainfo)
        if upload.uploader is not None or upload.details:
            await self._catalogue.foresee(sheet, upload.details, upload.uploader)
        added = await self._cache.add(metainfo, plain)
        torrent = await self._enter(upload, sheet)
        await self._takedowns.admit(metainfo)
        return added, torrent

    async def _enter(self, upload: _Upload, sheet: Sheet) -> Torrent:
        if upload.uploader is None:
            known = await self._catalogue.torrent(sheet.infohash, ALL)
            if known is not None and known.held:
                return known  # nothing would change, and nothing has to be read from its name
        reading = await self._cataloguer.describe(sheet)
        torrent, _ = await self._catalogue.enter(sheet, reading, upload.details, upload.uploader)
        return torrent


def _read(data: bytes, limit: int, added: int) -> tuple[bytes, Metainfo, Sheet]:
    plain = unpack(data, limit)
    if not plain:
        raise Refusal("empty")
    metainfo = Metainfo.parse(plain, Limits(size=limit))
    return plain, metainfo, sheet_of(metainfo, added)
