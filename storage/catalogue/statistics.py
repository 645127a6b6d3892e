"""Totals, top lists and swarm statistics of the catalogue in `peerage.db`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Float,
    Select,
    Update,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)

from bittorrent.infohash import InfoHash
from catalogue.model import CatalogueTotals, SwarmStats
from storage.database import Database
from storage.dialect import Statement
from storage.parameters import MAX_INTEGER, bounded_id
from storage.table_versions import changes_of
from storage.tables.catalogue import author, authorship, torrent, work

_CHUNK = 500
_DAY = 86_400
_ACTIVE = or_(torrent.c.seeders > 0, torrent.c.leechers > 0)
_PEERS = torrent.c.seeders + torrent.c.leechers
_TRAFFIC = (
    cast(torrent.c.size, Float) * torrent.c.snatched + 0.5 * cast(torrent.c.size, Float) * torrent.c.leechers
)
_RECENT = torrent.c.added > bindparam("since")


def _ranked(by: ColumnElement[Any], *where: ColumnElement[bool]) -> Select[Any]:
    shown = torrent.c.hidden == 0
    return (
        select(torrent.c.id, torrent.c.added)
        .where(shown, *where)
        .order_by(by.desc(), torrent.c.id.desc())
        .limit(bindparam("limit"))
    )


_TOP_LISTS = {
    "day": _ranked(_PEERS, _RECENT, torrent.c.seeders > 0),
    "week": _ranked(_PEERS, _RECENT, _ACTIVE),
    "overall": _ranked(_PEERS, _ACTIVE),
    "snatched": _ranked(torrent.c.snatched, torrent.c.snatched > 0),
    "data": _ranked(_TRAFFIC, or_(torrent.c.snatched > 0, torrent.c.leechers > 0)),
    "seeded": _ranked(torrent.c.seeders, torrent.c.seeders > 0),
}

_RECENT_LISTS = frozenset({"day", "week"})
_RANKED_BY = changes_of(("torrent",))
_TOPS = 64  # lists that are kept

_HAS_TITLES = select(exists(select(work.c.id).where(work.c.imdb.is_not(None))))
_SHOWN_IDS = (
    select(torrent.c.id, torrent.c.updated)
    .where(torrent.c.id >= bindparam("first"), torrent.c.id < bindparam("end"), torrent.c.hidden == 0)
    .order_by(torrent.c.id)
)


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
        dialect = database.dialect
        compiled = dialect.compile
        self._database = database
        self._tops: dict[tuple[str, int], _KeptTop] = {}
        self._top_lists = {name: compiled(chart) for name, chart in _TOP_LISTS.items()}
        self._refresh = compiled(_refresh())
        self._has_titles, self._shown_ids = compiled(_HAS_TITLES), compiled(_SHOWN_IDS)
        # A sum of whole numbers that torrents claim may go beyond 64 bits, which SQLite takes for an error.
        size = func.coalesce(func.sum(cast(torrent.c.size, Float)), 0.0)
        self._all = compiled(select(func.count(), size).select_from(torrent))
        self._hidden = compiled(select(func.count(), size).select_from(torrent).where(torrent.c.hidden == 1))
        self._categories = compiled(
            select(work.c.category_id, func.count())
            .select_from(torrent.join(work, work.c.id == torrent.c.work_id))
            .where(torrent.c.hidden == 0)
            .group_by(work.c.category_id)
        )
        self._groups = compiled(select(func.count()).select_from(work))
        self._hidden_groups = compiled(
            select(func.count(torrent.c.work_id.distinct())).where(
                torrent.c.hidden == 1, ~_shown(torrent.c.work_id)
            )
        )
        written = select(authorship.c.work_id).where(authorship.c.author_id == author.c.id)
        self._authors = compiled(select(func.count()).select_from(author).where(exists(written)))
        of_hidden = torrent.join(authorship, authorship.c.work_id == torrent.c.work_id)
        other = authorship.alias("other")
        shown = select(other.c.work_id).where(
            other.c.author_id == authorship.c.author_id, _shown(other.c.work_id)
        )
        self._hidden_authors = compiled(
            select(func.count(authorship.c.author_id.distinct()))
            .select_from(of_hidden)
            .where(torrent.c.hidden == 1, ~exists(shown))
        )
        named = and_(torrent.c.anonymous == 0, torrent.c.hidden == 0)
        self._uploads = compiled(
            select(func.count(), func.count(torrent.c.work_id.distinct())).where(
                torrent.c.uploader_id == bindparam("user"), named
            )
        )
        self._uploaders = compiled(
            select(torrent.c.uploader_id, func.count())
            .where(torrent.c.uploader_id.is_not(None), named)
            .group_by(torrent.c.uploader_id)
            .order_by(func.count().desc(), torrent.c.uploader_id)
            .limit(bindparam("limit"))
        )

    async def update_swarm_stats(self, figures: Mapping[InfoHash, SwarmStats]) -> int:
        """Write seeders, leechers and snatches in batches, a transaction each; return how many rows changed."""
        changed = 0
        left = iter(figures.items())
        while rows := [_row(infohash, each) for infohash, each in islice(left, _CHUNK)]:
            async with self._database.transaction() as transaction:
                changed += await transaction.run_many(self._refresh, rows)
        return changed

    async def totals(self) -> CatalogueTotals:
        """Count torrents, groups and authors, and add up the bytes."""
        # Few torrents are hidden: count everything on an index, and subtract the hidden ones.
        ((torrents, size),) = await self._database.rows(self._all)
        ((hidden, of_hidden),) = await self._database.rows(self._hidden)
        groups = await self._count(self._groups) - await self._count(self._hidden_groups)
        authors = await self._count(self._authors) - await self._count(self._hidden_authors)
        return CatalogueTotals(torrents - hidden, groups, authors, int(size - of_hidden))

    async def category_counts(self) -> dict[int, int]:
        """Count the torrents of each category by its id; those of subcategories count there alone."""
        return dict(await self._database.rows(self._categories))

    async def shown_ids(self, first: int, count: int) -> list[tuple[int, int]]:
        """Return the torrents among `count` ids from `first` on, ascending, and when each was updated."""
        bounds = {"first": bounded_id(first), "end": bounded_id(first + count)}
        return [(number, updated) for number, updated in await self._database.rows(self._shown_ids, bounds)]

    async def has_titles(self) -> bool:
        """Return whether any group names a title at IMDb."""
        return bool((await self._database.rows(self._has_titles))[0][0])

    async def top(self, chart: str, now: int, limit: int) -> tuple[int, ...]:
        """Return the torrent ids of a top list; none for one that does not exist."""
        statement = self._top_lists.get(chart)
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
        ((torrents, groups),) = await self._database.rows(self._uploads, {"user": bounded_id(user)})
        return torrents, groups

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return pairs of account id and count of torrents uploaded, anonymous ones left out; most first."""
        rows = await self._database.rows(self._uploaders, {"limit": limit})
        return tuple((user, count) for user, count in rows)

    async def _count(self, statement: Statement) -> int:
        ((number,),) = await self._database.rows(statement)
        return int(number)


def _refresh() -> Update:
    seeding: BindParameter[Any] = bindparam("seeding")
    leeching: BindParameter[Any] = bindparam("leeching")
    # A swarm forgets its completed downloads when it is lost or idle for long; a record never does.
    snatches: BindParameter[Any] = bindparam("snatches")
    grows = torrent.c.snatched < snatches
    differs = or_(torrent.c.seeders != seeding, torrent.c.leechers != leeching, grows)
    return (
        update(torrent)
        .where(torrent.c.infohash == bindparam("hash"), differs)
        .values(
            seeders=seeding, leechers=leeching, snatched=case((grows, snatches), else_=torrent.c.snatched)
        )
    )


def _shown(number: ColumnElement[Any]) -> ColumnElement[bool]:
    other = torrent.alias("shown")
    return exists(select(other.c.id).where(other.c.work_id == number, other.c.hidden == 0))


def _row(infohash: InfoHash, figures: SwarmStats) -> dict[str, object]:
    return {
        "hash": infohash,
        "seeding": min(figures.seeders, MAX_INTEGER),
        "leeching": min(figures.leechers, MAX_INTEGER),
        "snatches": min(figures.snatched, MAX_INTEGER),
    }
