"""Hides what happens to an uploaded file between its bytes and success: the one way into the cache."""

import asyncio
from dataclasses import dataclass

import structlog

from actions.takedowns import Takedowns
from bittorrent.bencode import Limits
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import unpack
from cache.torrents import Added, TorrentCache
from cache.unbroken import Unbroken

DEFAULT_LIMIT = 10 * 2**20
_PARSERS = 2
_UNDER_WAY = 16

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """An upload that succeeded: the hash that names it in the cache, the torrent, and whether it is new."""

    infohash: InfoHash
    metainfo: Metainfo
    new: bool


class Uploads:
    """Takes .torrent files from every door. `limit` is the most bytes that one may have, unpacked."""

    def __init__(
        self,
        cache: TorrentCache,
        takedowns: Takedowns,
        *,
        limit: int = DEFAULT_LIMIT,
        parsers: int = _PARSERS,
        under_way: int = _UNDER_WAY,
    ) -> None:
        self.limit = limit
        self._cache = cache
        self._takedowns = takedowns
        self._parsers = asyncio.Semaphore(parsers)
        self._places = under_way
        self._under_way = 0
        self._deeds = Unbroken()

    async def accept(self, data: bytes, actor: str, *, patient: bool = False) -> Accepted:
        """Keep a .torrent file, plain or packed by gzip or bzip2, durable before it returns.

        `actor` says in the log who sent it. With `patient`, a caller that bounds itself is never refused
        as one too many. Refusal: `empty`, `too-large`, `bad-compression`, those of `Metainfo.parse`, `blocked`,
        `cache-full`, `disk-full`, and `busy` when too many uploads are under way.
        """
        if not data:
            raise Refusal("empty")
        if len(data) > self.limit:
            raise Refusal("too-large", f"at most {self.limit} bytes")
        if self._under_way >= self._places and not patient:
            raise Refusal("busy")
        self._under_way += 1
        return await self._deeds.run(self._accept(data, actor))

    async def drain(self) -> None:
        """Wait for the uploads that were begun; call it before the stores are closed."""
        await self._deeds.drain()

    async def _accept(self, data: bytes, actor: str) -> Accepted:
        try:
            async with self._parsers:
                plain, metainfo = await asyncio.to_thread(_read, data, self.limit)
            added = await self._keep(metainfo, plain)
        finally:
            self._under_way -= 1
        log.info("upload.accepted", infohash=added.record.infohash.upper, actor=actor, new=added.new)
        return Accepted(added.record.infohash, metainfo, added.new)

    async def _keep(self, metainfo: Metainfo, plain: bytes) -> Added:
        await self._takedowns.refuse_blocked(metainfo)
        added = await self._cache.add(metainfo, plain)
        await self._takedowns.admit(metainfo)
        return added


def _read(data: bytes, limit: int) -> tuple[bytes, Metainfo]:
    plain = unpack(data, limit)
    if not plain:
        raise Refusal("empty")
    return plain, Metainfo.parse(plain, Limits(size=limit))
