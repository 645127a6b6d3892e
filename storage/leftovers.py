"""What is still stored of blocked torrents, in a SQL database."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from bittorrent.infohash import HashPage, InfoHash
from storage.database import Database
from storage.dialect import Statement
from storage.hash_pages import hash_page

if TYPE_CHECKING:
    from storage.statements.leftovers import LeftoverStatements


class SqlLeftovers:
    """The infohashes that the lists deny and records of cache, catalogue or downloads have."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: LeftoverStatements = database.dialect.statements(
            "storage.statements.leftovers.LeftoverStatements"
        )

    async def names(self, limit: int) -> AsyncIterator[list[InfoHash]]:
        """Yield them, of 20 bytes each, at most `limit` at a time; some may come twice."""
        for statement in (self._sql.named, self._sql.entries):
            after = b""
            while (page := await self._page(statement, after, limit)).packed:
                yield page.infohashes()
                after = page.last

    async def _page(self, statement: Statement, after: bytes, limit: int) -> HashPage:
        return hash_page(await self._database.rows(statement, {"after": after, "limit": limit}, short=False))
