"""Copies seeders, leechers and snatches of changed swarms into the catalogue, a bounded number after each flush."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from bittorrent.infohash import InfoHash
from catalogue.model import SwarmStats
from catalogue.store import StatisticsStore
from tracker.journal_row import JournalRow
from tracker.model import Counts

_YIELD_EVERY = 2_000  # swarms between two yields to the event loop: a few milliseconds


@dataclass(frozen=True, slots=True)
class SwarmStatsLimits:
    """Numbers of swarms.

    A flush writes `per_flush`, and the others wait, first in, first out. Of those that wait, any beyond `waiting` are
    dropped until they change again. `at_once` are written in one transaction: what is collected for it is garbage
    collection's work meanwhile.
    """

    per_flush: int = 20_000
    waiting: int = 200_000
    at_once: int = 5_000


class SwarmStatsSync:
    """Writes seeders, leechers and snatches of changed swarms into the catalogue, for sorting.

    `scrape` gives a swarm's current counts, so a swarm that changed twice is written once.
    """

    def __init__(
        self,
        statistics: StatisticsStore,
        scrape: Callable[[InfoHash], Counts],
        limits: SwarmStatsLimits = SwarmStatsLimits(),
    ) -> None:
        self._statistics = statistics
        self._scrape = scrape
        self._limits = limits
        # Plain bytes: garbage collections do not look at them, and very many may wait.
        self._waiting: dict[bytes, None] = {}

    @property
    def waiting(self) -> int:
        """How many swarms wait to be written."""
        return len(self._waiting)

    async def update(self, rows: Sequence[JournalRow], last: bool = True) -> None:
        """Queue the swarms of journal rows, and after a flush's `last` write as many of the queue as one flush may.

        What could not be written is queued again, at the end.
        """
        for start in range(0, len(rows), _YIELD_EVERY):
            self._enqueue(rows[start : start + _YIELD_EVERY])
            await asyncio.sleep(0)
        if not last:
            return
        batch = list(islice(self._waiting, self._limits.per_flush))
        for infohash in batch:
            del self._waiting[infohash]
        for start in range(0, len(batch), self._limits.at_once):
            try:
                stats = await self._stats(batch[start : start + self._limits.at_once])
                await self._statistics.update_swarm_stats(stats)
            except BaseException:
                self._waiting.update(dict.fromkeys(batch[start:]))
                raise

    def _enqueue(self, rows: Sequence[JournalRow]) -> None:
        space = self._limits.waiting - len(self._waiting)
        changed = dict.fromkeys(bytes(row.infohash) for row in rows if row.infohash not in self._waiting)
        self._waiting.update(islice(changed.items(), space))

    async def _stats(self, infohashes: Sequence[bytes]) -> dict[InfoHash, SwarmStats]:
        stats = {}
        for start in range(0, len(infohashes), _YIELD_EVERY):
            for infohash in map(InfoHash, infohashes[start : start + _YIELD_EVERY]):
                counts = self._scrape(infohash)
                stats[infohash] = SwarmStats(counts.complete, counts.incomplete, counts.downloaded)
            await asyncio.sleep(0)
        return stats
