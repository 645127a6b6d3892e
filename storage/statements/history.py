"""The statements of the history."""

from sqlalchemy import bindparam, delete, func, select

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent
from storage.tables.history import history, history_thinned


class HistoryStatements:
    """The statements of `SqlHistory`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        node, subject = history.c.node == bindparam("node"), history.c.subject == bindparam("subject")
        self.torrents = compiled(
            select(torrent.c.infohash, torrent.c.hidden).where(dialect.in_list(torrent.c.id, "ids"))
        )
        self.newest = compiled(select(history.c.node, func.max(history.c.number)).group_by(history.c.node))
        self.last = compiled(select(func.max(history.c.number)).where(node))
        self.known = compiled(
            select(history.c.infohash, history.c.first, history.c.seen, history.c.gone).where(
                node, subject, dialect.in_hashes(history.c.infohash, "hashes")
            )
        )
        self.put = compiled(dialect.upsert(history, "first", "number", "gone", "seen", "time"))
        self.page = compiled(
            select(history)
            .where(node, history.c.number > bindparam("after"))
            .order_by(history.c.number)
            .limit(bindparam("limit"))
        )
        gone = history.c.gone == 1
        self.last_thinned = compiled(
            select(history.c.node, func.max(history.c.number))
            .where(gone, history.c.time < bindparam("before"))
            .group_by(history.c.node)
        )
        self.thin = compiled(delete(history).where(gone, history.c.time < bindparam("before")))
        self.thinned = compiled(select(history_thinned.c.node, history_thinned.c.number))
        self.put_thinned = compiled(dialect.upsert(history_thinned, "number"))
