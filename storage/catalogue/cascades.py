"""Cascades that foreign keys cannot do: reports, bookmarks and collage entries of what is deleted or merged."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from storage.database import Database, Transaction

if TYPE_CHECKING:
    from storage.statements.cascades import CascadeStatements


REMOVED_RESOLUTION = "It was removed."


class Cascades:
    """Deletes or moves rows together with those that refer to them without a foreign key. `clock`: unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sql: CascadeStatements = database.dialect.statements(
            "storage.statements.cascades.CascadeStatements"
        )

    async def drop_torrent(self, transaction: Transaction, number: int) -> None:
        """Delete a torrent."""
        await self._drop(transaction, "torrent", "torrent", number)

    async def drop_group(self, transaction: Transaction, number: int) -> None:
        """Delete a group and its comments."""
        for (each,) in await transaction.rows(self._sql.comments, {"target": number}):
            await self._close_reports(transaction, "comment", each)
        await self._drop(transaction, "work", "group", number)

    async def drop_comment(self, transaction: Transaction, number: int) -> None:
        """Delete a comment."""
        await self._drop(transaction, "comment", "comment", number)

    async def drop_collage(self, transaction: Transaction, number: int) -> None:
        """Delete a collage."""
        await self._drop(transaction, "collage", "collage", number)

    async def move(self, transaction: Transaction, group: int, into: int) -> None:
        """Move torrents, comments, bookmarks and collage entries to another group."""
        for statement in self._sql.moves:
            await transaction.run(statement, {"old": group, "new": into})

    async def _drop(self, transaction: Transaction, table: str, subject: str, number: int) -> None:
        await self._close_reports(transaction, subject, number)
        await transaction.run(self._sql.unbookmark, {"subject": subject, "target": number})
        await transaction.run(self._sql.delete[table], {"target": number})

    async def _close_reports(self, transaction: Transaction, subject: str, number: int) -> None:
        closing = {
            "subject": subject,
            "target": number,
            "now": int(self._clock()),
            "said": REMOVED_RESOLUTION,
        }
        await transaction.run(self._sql.close, closing)
