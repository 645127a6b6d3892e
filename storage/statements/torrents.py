"""The statements of torrents and their groups."""

from sqlalchemy import Select, bindparam, exists, select, update

from storage.dialect import SqlDialect, Statement
from storage.tables.catalogue import category, contents, torrent, work


class TorrentStatements:
    """The statements of `SqlTorrents`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.put_contents = compiled(dialect.upsert(contents, "payload"))
        self.contents = compiled(select(contents.c.payload).where(contents.c.torrent_id == bindparam("row")))
        self.torrents_of_group = compiled(select(torrent.c.id).where(torrent.c.work_id == bindparam("work")))
        self.group_ids_after = compiled(
            select(work.c.id)
            .where(work.c.id > bindparam("after"))
            .order_by(work.c.id)
            .limit(bindparam("limit"))
        )
        self.category = compiled(select(category.c.id).where(category.c.id == bindparam("row")))
        self.held_with_contents = compiled(
            select(torrent.c.infohash).where(
                dialect.in_hashes(torrent.c.infohash, "hashes"),
                torrent.c.held == 1,
                exists(select(contents.c.torrent_id).where(contents.c.torrent_id == torrent.c.id)),
            )
        )
        self.of_work = compiled(_select_work(dialect))
        self.named, self.named_alias = _named_by(dialect)
        self.held = compiled(
            select(torrent.c.infohash)
            .where(torrent.c.infohash > bindparam("after"), torrent.c.held == 1)
            .order_by(torrent.c.infohash)
            .limit(bindparam("limit"))
        )
        self.unhold = compiled(
            update(torrent).where(dialect.in_hashes(torrent.c.infohash, "hashes")).values(held=0)
        )


def _named_by(dialect: SqlDialect) -> tuple[Statement, Statement]:
    """Return the queries of the names of torrents that have any of some infohashes first, or second."""
    names = select(torrent.c.infohash, torrent.c.alias)
    first, second = (dialect.in_hashes(column, "hashes") for column in (torrent.c.infohash, torrent.c.alias))
    return dialect.compile(names.where(first)), dialect.compile(names.where(second))


def _select_work(dialect: SqlDialect) -> Select[tuple[int]]:
    """Return the query of the oldest group of a work that is not locked."""
    return (
        select(work.c.id)
        .where(
            dialect.in_list(work.c.name, "names"),
            work.c.category_id == bindparam("category"),
            work.c.year.is_not_distinct_from(bindparam("year")),
            work.c.season.is_not_distinct_from(bindparam("season")),
            work.c.locked == 0,
        )
        .order_by(work.c.id)
        .limit(1)
    )
