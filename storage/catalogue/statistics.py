"""Totals, top lists and swarm statistics of the catalogue in `peerage.db`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from bittorrent.infohash import InfoHash
from catalogue.model import CatalogueTotals, SwarmStats
from storage.database import Database
from storage.dialect import Statement
from storage.parameters import MAX_INTEGER, bounded_id
from storage.table_versions import changes_of

if TYPE_CHECKING:
    from storage.statements.statistics import StatisticsStatements


_CHUNK = 500
_DAY = 86_400


_RECENT_LISTS = frozenset({"day", "week"})
_RANKED_BY = changes_of(("torrent",))
_TOPS = 64  # lists that are kept


@dataclass(frozen=True, slots=True)
class _KeptTop:
    """A top list as of a version, for what was added after times from `since` on and below `until`."""

    version: int
    since: int
    until: float
    ids: tuple[int, ...]


class SqlStatistics:
    """Totals, top lists and swarm statistics in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tops: dict[tuple[str, int], _KeptTop] = {}
        self._sql: StatisticsStatements = database.dialect.statements(
            "storage.statements.statistics.StatisticsStatements"
        )

    async def update_swarm_stats(self, figures: Mapping[InfoHash, SwarmStats]) -> int:
        """Write seeders, leechers and snatches in batches, a transaction each; return how many rows changed."""
        changed = 0
        left = iter(figures.items())
        while rows := [_row(infohash, each) for infohash, each in islice(left, _CHUNK)]:
            async with self._database.transaction() as transaction:
                changed += await transaction.run_many(self._sql.refresh, rows)
        return changed

    async def totals(self) -> CatalogueTotals:
        """Count torrents, groups and authors, and add up the bytes."""
        # Few torrents are hidden: count everything on an index, and subtract the hidden ones.
        ((torrents, size),) = await self._database.rows(self._sql.all)
        ((hidden, of_hidden),) = await self._database.rows(self._sql.hidden)
        groups = await self._count(self._sql.groups) - await self._count(self._sql.hidden_groups)
        authors = await self._count(self._sql.authors) - await self._count(self._sql.hidden_authors)
        return CatalogueTotals(torrents - hidden, groups, authors, int(size - of_hidden))

    async def category_counts(self) -> dict[int, int]:
        """Count the torrents of each category by its id; those of subcategories count there alone."""
        return dict(await self._database.rows(self._sql.categories))

    async def shown_ids(self, first: int, count: int) -> list[tuple[int, int]]:
        """Return the torrents among `count` ids from `first` on, ascending, and when each was updated."""
        bounds = {"first": bounded_id(first), "end": bounded_id(first + count)}
        return [
            (number, updated) for number, updated in await self._database.rows(self._sql.shown_ids, bounds)
        ]

    async def has_titles(self) -> bool:
        """Return whether any group names a title at IMDb."""
        return bool((await self._database.rows(self._sql.has_titles))[0][0])

    async def top(self, chart: str, now: int, limit: int) -> tuple[int, ...]:
        """Return the torrent ids of a top list; none for one that does not exist."""
        statement = self._sql.top_lists.get(chart)
        if statement is None:
            return ()
        since = now - (_DAY if chart == "day" else 7 * _DAY)
        version, kept = self._database.version(_RANKED_BY), self._tops.get((chart, limit))
        if kept is not None and kept.version == version and kept.since <= since < kept.until:
            return kept.ids
        rows = await self._database.rows(statement, {"since": since, "limit": limit})
        ids = tuple(number for number, _ in rows)
        ends = min((added for _, added in rows), default=math.inf) if chart in _RECENT_LISTS else math.inf
        if kept is not None or len(self._tops) < _TOPS:
            self._tops[chart, limit] = _KeptTop(version, since, ends, ids)
        return ids

    async def upload_counts(self, user: int) -> tuple[int, int]:
        """Return how many torrents an account uploaded, and to how many groups; anonymous ones do not count."""
        ((torrents, groups),) = await self._database.rows(self._sql.uploads, {"user": bounded_id(user)})
        return torrents, groups

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return pairs of account id and count of torrents uploaded, anonymous ones left out; most first."""
        rows = await self._database.rows(self._sql.uploaders, {"limit": limit})
        return tuple((user, count) for user, count in rows)

    async def _count(self, statement: Statement) -> int:
        ((number,),) = await self._database.rows(statement)
        return int(number)


def _row(infohash: InfoHash, figures: SwarmStats) -> dict[str, object]:
    return {
        "hash": infohash,
        "seeding": min(figures.seeders, MAX_INTEGER),
        "leeching": min(figures.leechers, MAX_INTEGER),
        "snatches": min(figures.snatched, MAX_INTEGER),
    }
