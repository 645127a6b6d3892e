"""The statement that finds the torrents of groups."""

from sqlalchemy import select

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent


class GroupStatements:
    """The statements of `GroupReindexer`."""

    def __init__(self, dialect: SqlDialect) -> None:
        self.torrents = dialect.compile(select(torrent.c.id).where(dialect.in_list(torrent.c.work_id, "ids")))
