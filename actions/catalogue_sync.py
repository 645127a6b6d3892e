"""Synchronises the catalogue with the cache: a record for every file, and none marked held without its file."""

import asyncio
from dataclasses import dataclass

import structlog

from actions.metainfo_reader import MetainfoReader
from actions.takedowns import Takedowns
from actions.uploads import ReleaseParser
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue

_BATCH = 100
_INTERVAL = 86_400.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CatalogueSyncResult:
    """The result of a pass: records added or completed, records whose file is missing, files that are unreadable."""

    added: int
    missing: int
    unreadable: int


class CatalogueSync:
    """Goes through cache and catalogue in the background: one file at a time, read in a thread.

    A pass looks for what is missing, so it continues one that was interrupted. `every` is the seconds between passes.
    """

    def __init__(
        self,
        cache: TorrentCache,
        catalogue: Catalogue,
        takedowns: Takedowns,
        release_parser: ReleaseParser,
        *,
        reader: MetainfoReader,
        every: float = _INTERVAL,
    ) -> None:
        self._cache = cache
        self._torrents = catalogue.torrents
        self._store = catalogue.store.torrents
        self._takedowns = takedowns
        self._release_parser = release_parser
        self._reader = reader
        self._interval = every

    async def run(self) -> None:
        """Make a pass now and then at every interval; an error is logged, and retried by the next pass."""
        while True:
            try:
                await self.run_once()
            except Exception:
                log.exception("catalogue.pass_failed")
            await asyncio.sleep(self._interval)

    async def run_once(self) -> CatalogueSyncResult:
        """Make one pass over everything."""
        entered = unreadable = 0
        async for records in self._cache.walk(_BATCH):
            for infohash in await self._store.missing_contents([record.infohash for record in records]):
                made = await self._add_record(infohash)
                entered += made
                unreadable += not made
        outcome = CatalogueSyncResult(entered, await self._mark_missing(), unreadable)
        log.info(
            "catalogue.caught_up", entered=outcome.added, gone=outcome.missing, unreadable=outcome.unreadable
        )
        return outcome

    async def _add_record(self, infohash: InfoHash) -> bool:
        held = await self._cache.get(infohash, asked=False)
        if held is None:
            return False
        try:
            plain = await asyncio.to_thread(held.plain)
            metainfo, summary = await self._reader.read_plain(plain, INFLATED_LIMIT, held.record.added)
        except Refusal as refusal:
            log.warning("catalogue.unreadable", infohash=infohash.upper, code=refusal.code)
            return False
        try:
            async with self._takedowns.entering(metainfo):
                torrent, new = await self._torrents.add(summary, await self._release_parser.parse(summary))
        except Refusal:
            return False  # blocked, and removed again
        if new and not await self._cache.has(infohash):
            await self._store.remove((torrent.infohash,))  # removed meanwhile
            await self._takedowns.remove_file(metainfo.infohashes)
            return False
        return True

    async def _mark_missing(self) -> int:
        """Mark torrents whose file is missing as not held, and return how many there are."""
        count, after = 0, None
        while batch := await self._store.held(after, _BATCH):
            gone = [infohash for infohash in batch if not await self._cache.has(infohash)]
            if gone:
                await self._store.mark_not_held(gone)
            count += len(gone)
            after = batch[-1]
        return count
