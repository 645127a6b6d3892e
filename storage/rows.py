"""Inserts, reads, updates and deletes rows by id, for any table with an `id` column."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bittorrent.refusal import Refusal
from storage.database import Database, QuerySource, Transaction
from storage.parameters import bounded_id

if TYPE_CHECKING:
    from storage.statements.rows import RowStatements

ColumnValues = dict[str, Any]


class TableRows:
    """The rows of one table, by id."""

    def __init__(self, database: Database, table: str) -> None:
        """Make it for a table of `storage.tables`, by module and name."""
        self._sql: RowStatements = database.dialect.statements("storage.statements.rows.RowStatements", table)

    async def get(self, source: QuerySource, number: int) -> ColumnValues | None:
        """Return a row by column, or None."""
        found = await source.rows(self._sql.get, {"row": bounded_id(number)})
        return dict(zip(self._sql.names, found[0], strict=True)) if found else None

    async def require(self, source: QuerySource, number: int) -> ColumnValues:
        """Return a row by column. Refusal: `not-found`."""
        row = await self.get(source, number)
        if row is None:
            raise Refusal("not-found")
        return row

    async def insert(self, transaction: Transaction, values: Mapping[str, object]) -> int:
        """Insert a row, and return its id, which the database makes; every other column is given."""
        ((number,),) = await transaction.rows(self._sql.insert, values)
        return int(number)

    async def update(
        self, transaction: Transaction, number: int, changes: Mapping[str, object]
    ) -> ColumnValues:
        """Change columns of a row, and return it as it was. Refusal: `not-found`."""
        row = await self.require(transaction, number)
        if changes:
            values = {f"new_{name}": value for name, value in {**row, **changes}.items() if name != "id"}
            await transaction.run(self._sql.update, {**values, "row": number})
        return row

    async def delete(self, transaction: Transaction, number: int) -> ColumnValues:
        """Delete a row, and return it as it was. Refusal: `not-found`."""
        row = await self.require(transaction, number)
        await transaction.run(self._sql.delete, {"row": number})
        return row
