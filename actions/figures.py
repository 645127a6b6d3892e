"""Hides how the catalogue learns how many share a torrent: a bounded part of what changed, after each flush."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from bittorrent.infohash import InfoHash
from catalogue.catalogue import Catalogue
from catalogue.model import Figures
from tracker.model import Counts
from tracker.row import Row

MOST_PER_FLUSH = 20_000
"""Swarms whose numbers one flush brings; the others wait, the longest waiting first."""
MOST_WAITING = 1_000_000
"""Swarms that may wait; one beyond them is noted when it changes again."""

_BREATH = 2_000  # swarms between two looks at the event loop: a few milliseconds


class SwarmFigures:
    """Writes seeders, leechers and snatches of changed swarms into the catalogue, for lists to be sorted by.

    `scrape` gives a swarm's numbers as they are now, so a swarm that changed twice is written once.
    """

    def __init__(self, catalogue: Catalogue, scrape: Callable[[InfoHash], Counts]) -> None:
        self._catalogue = catalogue
        self._scrape = scrape
        self._waiting: dict[InfoHash, None] = {}

    @property
    def waiting(self) -> int:
        """How many swarms wait for their turn."""
        return len(self._waiting)

    async def note(self, rows: Sequence[Row]) -> None:
        """Remember the swarms of the rows, and write as many of those that wait as a flush may.

        What could not be written waits again, behind the others.
        """
        for start in range(0, len(rows), _BREATH):
            self._remember(rows[start : start + _BREATH])
            await asyncio.sleep(0)
        turn = list(islice(self._waiting, MOST_PER_FLUSH))
        for infohash in turn:
            del self._waiting[infohash]
        try:
            await self._catalogue.refresh(await self._figures(turn))
        except BaseException:
            self._waiting.update(dict.fromkeys(turn))
            raise

    def _remember(self, rows: Sequence[Row]) -> None:
        room = MOST_WAITING - len(self._waiting)
        changed = dict.fromkeys(row.infohash for row in rows if row.infohash not in self._waiting)
        self._waiting.update(islice(changed.items(), room))

    async def _figures(self, infohashes: Sequence[InfoHash]) -> dict[InfoHash, Figures]:
        figures = {}
        for start in range(0, len(infohashes), _BREATH):
            for infohash in infohashes[start : start + _BREATH]:
                counts = self._scrape(infohash)
                figures[infohash] = Figures(counts.complete, counts.incomplete, counts.downloaded)
            await asyncio.sleep(0)
        return figures
