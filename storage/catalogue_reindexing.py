"""Search-index updates for changed groups, and the batches in which very many groups are changed."""

from collections.abc import Sequence
from typing import Any, Protocol

import aiosqlite
from sqlalchemy import select

from storage.database import Database
from storage.dialect import in_list
from storage.rows import Writer, json_ids
from storage.tables import torrent

BATCH_SIZE = 200
"""Groups changed in one transaction, so that other writers get their turn."""


class SearchIndexWriter(Protocol):
    """Updates the search index inside the transaction of a change."""

    async def refresh(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        """Index torrents again, as their rows are now."""
        ...

    async def drop(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        """Remove torrents from the index."""
        ...


class GroupReindexer:
    """Indexes the torrents of changed groups again."""

    def __init__(self, database: Database, index: SearchIndexWriter) -> None:
        self._index = index
        self._torrents = database.compile(select(torrent.c.id).where(in_list(torrent.c.work_id, "ids")))

    async def reindex(self, writer: Writer, groups: Sequence[int]) -> None:
        """Index the torrents of groups again."""
        found = await writer.rows(self._torrents, {"ids": json_ids(groups)})
        await self._index.refresh(writer.connection, [number for (number,) in found])


async def fetch_ids(writer: Writer, sql: str, parameters: dict[str, Any]) -> list[int]:
    """Return the first column of a query's rows."""
    return [number for (number,) in await writer.rows(sql, parameters)]
