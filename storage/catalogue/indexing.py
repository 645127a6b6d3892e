"""Updates the search index with the torrents of changed groups."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.database import Database, Transaction
from storage.search import SearchIndexWriter

if TYPE_CHECKING:
    from storage.statements.indexing import GroupStatements


class GroupReindexer:
    """Indexes the torrents of changed groups again."""

    def __init__(self, database: Database, index: SearchIndexWriter) -> None:
        self._index = index
        self._dialect = database.dialect
        self._sql: GroupStatements = database.dialect.statements(
            "storage.statements.indexing.GroupStatements"
        )

    async def reindex(self, transaction: Transaction, groups: Sequence[int]) -> None:
        """Index the torrents of groups again."""
        found = await transaction.rows(self._sql.torrents, {"ids": self._dialect.ids(groups)})
        await self._index.refresh(transaction, [number for (number,) in found])
