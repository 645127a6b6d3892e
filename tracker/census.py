"""Hides how distinct peers are counted per torrent, UTC day and country without remembering who they were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bittorrent.infohash import InfoHash


@dataclass(frozen=True, slots=True)
class DayReport:
    """The distinct peers of a torrent on a closed day; `countries` by peers descending, `ZZ` where unknown."""

    day: date
    countries: tuple[tuple[str, int], ...] = ()

    @property
    def total(self) -> int:
        """The sum over the countries."""
        return sum(peers for _, peers in self.countries)


class Census:
    """Counts of closed days, and whether torrents are alive."""

    async def report(self, infohash: InfoHash, day: date | None = None) -> DayReport:
        """Return the counts of a day, the last closed one if none is given; days not closed have none."""
        raise NotImplementedError

    async def alive(self, infohashes: Sequence[InfoHash]) -> frozenset[InfoHash]:
        """Return those that had a peer within the days that the settings name, today included."""
        raise NotImplementedError
