"""Hides how a change to very many groups is made in parts, so that others get their turn at the writer."""

from collections.abc import Sequence
from typing import Any, Protocol

import aiosqlite
from sqlalchemy import select

from catalogue.shelf import Values
from catalogue.spelling import folded
from storage.database import Database
from storage.dialect import among
from storage.rows import Writer, listed
from storage.tables import torrent

PART = 200
"""Groups that are changed in one transaction."""


class Indexing(Protocol):
    """What keeps the search index in step, inside the transaction of a change."""

    async def refresh(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        """Read torrents again, and what is found by them."""
        ...

    async def drop(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        """Find torrents no longer."""
        ...


class Reindexing:
    """Brings the search index into step with groups."""

    def __init__(self, database: Database, index: Indexing) -> None:
        self._index = index
        self._torrents = database.compile(select(torrent.c.id).where(among(torrent.c.work_id, "ids")))

    async def groups(self, writer: Writer, groups: Sequence[int]) -> None:
        """Read the torrents of groups again."""
        found = await writer.rows(self._torrents, {"ids": listed(groups)})
        await self._index.refresh(writer.connection, [number for (number,) in found])


def with_folded(values: Values) -> Values:
    """Return the columns of what is found by its name without regard to case."""
    return {**values, "folded": folded(str(values["name"]))} if "name" in values else values


async def numbers(writer: Writer, sql: str, parameters: dict[str, Any]) -> list[int]:
    """Return the ids that a query finds."""
    return [number for (number,) in await writer.rows(sql, parameters)]
