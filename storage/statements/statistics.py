"""The statements of the catalogue's totals, top lists and swarm statistics."""

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

from storage.dialect import SqlDialect
from storage.tables.catalogue import author, authorship, torrent, work

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


_HAS_TITLES = select(exists(select(work.c.id).where(work.c.imdb.is_not(None))))


_SHOWN_IDS = (
    select(torrent.c.id, torrent.c.updated)
    .where(torrent.c.id >= bindparam("first"), torrent.c.id < bindparam("end"), torrent.c.hidden == 0)
    .order_by(torrent.c.id)
)


class StatisticsStatements:
    """The statements of `SqlStatistics`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.top_lists = {name: compiled(chart) for name, chart in _TOP_LISTS.items()}
        self.refresh = compiled(_refresh())
        self.has_titles, self.shown_ids = compiled(_HAS_TITLES), compiled(_SHOWN_IDS)
        # A sum of whole numbers that torrents claim may go beyond 64 bits, which SQLite takes for an error.
        size = func.coalesce(func.sum(cast(torrent.c.size, Float)), 0.0)
        self.all = compiled(select(func.count(), size).select_from(torrent))
        self.hidden = compiled(select(func.count(), size).select_from(torrent).where(torrent.c.hidden == 1))
        self.categories = compiled(
            select(work.c.category_id, func.count())
            .select_from(torrent.join(work, work.c.id == torrent.c.work_id))
            .where(torrent.c.hidden == 0)
            .group_by(work.c.category_id)
        )
        self.groups = compiled(select(func.count()).select_from(work))
        self.hidden_groups = compiled(
            select(func.count(torrent.c.work_id.distinct())).where(
                torrent.c.hidden == 1, ~_shown(torrent.c.work_id)
            )
        )
        written = select(authorship.c.work_id).where(authorship.c.author_id == author.c.id)
        self.authors = compiled(select(func.count()).select_from(author).where(exists(written)))
        of_hidden = torrent.join(authorship, authorship.c.work_id == torrent.c.work_id)
        other = authorship.alias("other")
        shown = select(other.c.work_id).where(
            other.c.author_id == authorship.c.author_id, _shown(other.c.work_id)
        )
        self.hidden_authors = compiled(
            select(func.count(authorship.c.author_id.distinct()))
            .select_from(of_hidden)
            .where(torrent.c.hidden == 1, ~exists(shown))
        )
        named = and_(torrent.c.anonymous == 0, torrent.c.hidden == 0)
        self.uploads = compiled(
            select(func.count(), func.count(torrent.c.work_id.distinct())).where(
                torrent.c.uploader_id == bindparam("user"), named
            )
        )
        self.uploaders = compiled(
            select(torrent.c.uploader_id, func.count())
            .where(torrent.c.uploader_id.is_not(None), named)
            .group_by(torrent.c.uploader_id)
            .order_by(func.count().desc(), torrent.c.uploader_id)
            .limit(bindparam("limit"))
        )


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
