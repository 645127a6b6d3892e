"""Bonus points: what an hour of seeding is worth, by a formula whose parameters the operator sets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tracker.hourly import EVERY, repeat

MILLI = 1000
"""Points are kept in thousandths."""
GIB = 2**30
_HOUR, _DAY = 3600, 86_400
_YEAR_DAYS = 365
_ROWS_AT_ONCE = 1000


class SeededTorrent(NamedTuple):
    """What the formula asks of a torrent: its size in bytes, its age in seconds, and how many seed it."""

    size: int
    age: int
    seeders: int


@dataclass(frozen=True, slots=True)
class BonusFormula:
    """Points for an hour of seeding: (`per_hour` + `per_gib` * GiB) * (1 + `aged` * years) * (1 + `scarce` / seeders).

    At most `most_gib` and one year count. All zeros are no points.
    """

    per_hour: float = 0.0
    per_gib: float = 0.0
    most_gib: float = 0.0
    aged: float = 0.0
    scarce: float = 0.0

    def milli_points(self, torrent: SeededTorrent, seconds: int) -> int:
        """Return what seeding a torrent for so long is worth, in thousandths, rounded down."""
        sized = self.per_hour + self.per_gib * min(torrent.size / GIB, self.most_gib)
        years = min(max(torrent.age, 0) / _DAY / _YEAR_DAYS, 1.0)
        hourly = sized * (1 + self.aged * years) * (1 + self.scarce / max(torrent.seeders, 1))
        return int(hourly * MILLI * seconds / _HOUR)


@dataclass(frozen=True, slots=True)
class BonusPrices:
    """What is bought for points: a token, and a GiB of upload credit; 0 is not for sale."""

    token: int = 0
    gib: int = 0


class BonusStore(Protocol):
    """Points on disk."""

    async def reward(self, formula: BonusFormula, now: int, limit: int) -> int:
        """Give points for seeding that was not rewarded yet, of up to `limit` rows of traffic; return how many it were.

        What a row was rewarded for and the points commit together.
        """

    async def exchange(self, account: int, price: int, *, tokens: int, uploaded: int) -> bool:
        """Take `price` points for tokens and bytes of upload credit; False without so many."""


class Bonus:
    """Gives points for seeding, once an hour."""

    def __init__(
        self,
        store: BonusStore,
        formula: BonusFormula,
        clock: Callable[[], float],
        report: Callable[[Exception], None],
    ) -> None:
        self._store = store
        self._formula = formula
        self._clock = clock
        self._report = report

    async def run(self) -> None:
        """Reward for ever; after a failure, which is reported, the next hour tries again."""
        await repeat(self.reward, EVERY, self._report)

    async def reward(self) -> None:
        """Give points for all seeding that was not rewarded yet."""
        rewarded = _ROWS_AT_ONCE
        while rewarded == _ROWS_AT_ONCE:
            rewarded = await self._store.reward(self._formula, int(self._clock()), _ROWS_AT_ONCE)
