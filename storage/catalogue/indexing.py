"""Updates the search index with the torrents of changed groups."""

from collections.abc import Sequence

from sqlalchemy import select

from storage.database import Database, Transaction
from storage.search import SearchIndexWriter
from storage.tables.catalogue import torrent


class GroupReindexer:
    """Indexes the torrents of changed groups again."""

    def __init__(self, database: Database, index: SearchIndexWriter) -> None:
        self._index = index
        self._dialect = dialect = database.dialect
        self._torrents = dialect.compile(
            select(torrent.c.id).where(dialect.in_list(torrent.c.work_id, "ids"))
        )

    async def reindex(self, transaction: Transaction, groups: Sequence[int]) -> None:
        """Index the torrents of groups again."""
        found = await transaction.rows(self._torrents, {"ids": self._dialect.ids(groups)})
        await self._index.refresh(transaction, [number for (number,) in found])
