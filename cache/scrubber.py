"""The scrubber: reads every stored file again over a period, so that a damaged one is found before it is asked for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bittorrent.infohash import InfoHash
from cache.record import CacheRecord
from cache.torrents import TorrentCache

_SLOTS = 65_536
_BATCH = 100
_MOST_SLOTS = 64  # slots that are made up for after a pause

log = structlog.get_logger()


@dataclass(slots=True)
class ScrubCounts:
    """Files that the scrubber read since the start, and how many of them were missing or not right."""

    read: int = 0
    bad: int = 0


class Scrubber:
    """Reads the files of every infohash once in `period` seconds, evenly; `clock` gives unix seconds.

    What is read when follows from the time alone: the first two bytes of an infohash are its place in the period. So a
    restart goes on where the clock is, and keeps no state.
    """

    def __init__(self, cache: TorrentCache, clock: Callable[[], float], period: float) -> None:
        self._cache = cache
        self._clock = clock
        self._period = period
        self.counts = ScrubCounts()

    async def run(self) -> None:
        """Scrub for ever; a failure to read is reported, and the next slot goes on."""
        slot = self._slot()
        while True:
            await asyncio.sleep(self._period / _SLOTS)
            now = self._slot()
            behind = (now - slot) % _SLOTS
            for each in range(now - min(behind, _MOST_SLOTS) + 1, now + 1):
                try:
                    await self.scrub(each % _SLOTS)
                except Exception:
                    log.exception("cache.scrub_failed", slot=each % _SLOTS)
            slot = now

    async def scrub(self, slot: int) -> None:
        """Read the files whose infohash begins with a slot's two bytes."""
        after = None if slot == 0 else InfoHash((slot << 144).to_bytes(20, "big"))
        while records := await self._cache.page(after, _BATCH):
            for record in records:
                if int.from_bytes(record.infohash[:2], "big") != slot:
                    return
                await self._verify(record)
            after = records[-1].infohash

    async def _verify(self, record: CacheRecord) -> None:
        self.counts.read += 1
        right = await self._cache.verify(record)
        if not right and await self._cache.has(record.infohash):
            self.counts.bad += 1
            log.error("cache.file_lost", infohash=record.infohash.upper, name=record.name)

    def _slot(self) -> int:
        return int(self._clock() * _SLOTS / self._period) % _SLOTS
