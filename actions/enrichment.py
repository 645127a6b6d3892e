"""Hides how the catalogue comes into step with the cache: a record for every file, no file claimed that is gone."""

import asyncio
from dataclasses import dataclass

import structlog

from actions.sheets import sheet_of
from actions.takedowns import Takedowns
from actions.uploads import Describes
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Limits, Metainfo
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT
from cache.torrents import Held, TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.model import Sheet

_BATCH = 100
_EVERY = 86_400.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Enriched:
    """What a pass found: records that were made or filled, records whose file is gone, files that no one can read."""

    entered: int
    gone: int
    unreadable: int


class Enrichment:
    """Goes through cache and catalogue beside everything else: one file at a time, read in a thread.

    Where a pass was cut short the next one goes on, since it looks for what is missing. `every` is the seconds
    between passes.
    """

    def __init__(
        self,
        cache: TorrentCache,
        catalogue: Catalogue,
        takedowns: Takedowns,
        cataloguer: Describes,
        every: float = _EVERY,
    ) -> None:
        self._cache = cache
        self._catalogue = catalogue
        self._takedowns = takedowns
        self._cataloguer = cataloguer
        self._every = every

    async def run(self) -> None:
        """Make a pass now and one every day; what fails is logged, and tried again in the next."""
        while True:
            try:
                await self.catch_up()
            except Exception:
                log.exception("catalogue.pass_failed")
            await asyncio.sleep(self._every)

    async def catch_up(self) -> Enriched:
        """Make one pass over everything."""
        entered = unreadable = 0
        async for records in self._cache.walk(_BATCH):
            for infohash in await self._catalogue.lacking([record.infohash for record in records]):
                made = await self._enter(infohash)
                entered += made
                unreadable += not made
        outcome = Enriched(entered, await self._release(), unreadable)
        log.info(
            "catalogue.caught_up", entered=outcome.entered, gone=outcome.gone, unreadable=outcome.unreadable
        )
        return outcome

    async def _enter(self, infohash: InfoHash) -> bool:
        held = await self._cache.get(infohash)
        if held is None:
            return False
        try:
            metainfo, sheet = await asyncio.to_thread(_read, held)
        except Refusal as refusal:
            log.warning("catalogue.unreadable", infohash=infohash.upper, code=refusal.code)
            return False
        torrent, new = await self._catalogue.enter(sheet, await self._cataloguer.describe(sheet))
        try:
            await self._takedowns.admit(metainfo)
        except Refusal:
            return False  # it was blocked while it was read, and is gone again
        if new and not await self._cache.has(infohash):
            await self._catalogue.forget((torrent.infohash,))  # it was removed while it was read
            await self._takedowns.withdraw(metainfo.infohashes)
            return False
        return True

    async def _release(self) -> int:
        """Mark the torrents whose file is gone, and return how many there are."""
        count, after = 0, None
        while batch := await self._catalogue.held(after, _BATCH):
            gone = [infohash for infohash in batch if not await self._cache.has(infohash)]
            if gone:
                await self._catalogue.unhold(gone)
            count += len(gone)
            after = batch[-1]
        return count


def _read(held: Held) -> tuple[Metainfo, Sheet]:
    metainfo = Metainfo.parse(held.plain(), Limits(size=INFLATED_LIMIT))
    return metainfo, sheet_of(metainfo, held.record.added)
