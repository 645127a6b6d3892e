"""Inserts, reads, updates and deletes rows by id, for any table with an `id` column."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, delete, insert, select, update

from bittorrent.refusal import Refusal
from storage.database import Database, QuerySource, Transaction
from storage.parameters import bounded_id

ColumnValues = dict[str, Any]


def new_row(table: Table) -> dict[str, BindParameter[Any]]:
    """Return a parameter for each column of a row to insert but `id`, which the database makes."""
    return {column.name: bindparam(column.name) for column in table.columns if column.name != "id"}


def _new_values(table: Table) -> dict[str, BindParameter[Any]]:
    return {column.name: bindparam(f"new_{column.name}") for column in table.columns if column.name != "id"}


class TableRows:
    """The rows of one table, by id."""

    def __init__(self, database: Database, table: Table) -> None:
        dialect = database.dialect
        self._names = [column.name for column in table.columns]
        same = table.c.id == bindparam("row")
        # Most tables are only read: what is not run is never made.
        self._get = dialect.compile(lambda: select(table).where(same))
        self._insert = dialect.compile(lambda: insert(table).values(**new_row(table)).returning(table.c.id))
        self._update = dialect.compile(lambda: update(table).where(same).values(_new_values(table)))
        self._delete = dialect.compile(lambda: delete(table).where(same))

    async def get(self, source: QuerySource, number: int) -> ColumnValues | None:
        """Return a row by column, or None."""
        found = await source.rows(self._get, {"row": bounded_id(number)})
        return dict(zip(self._names, found[0], strict=True)) if found else None

    async def require(self, source: QuerySource, number: int) -> ColumnValues:
        """Return a row by column. Refusal: `not-found`."""
        row = await self.get(source, number)
        if row is None:
            raise Refusal("not-found")
        return row

    async def insert(self, transaction: Transaction, values: Mapping[str, object]) -> int:
        """Insert a row, and return its id, which the database makes; every other column is given."""
        ((number,),) = await transaction.rows(self._insert, values)
        return int(number)

    async def update(
        self, transaction: Transaction, number: int, changes: Mapping[str, object]
    ) -> ColumnValues:
        """Change columns of a row, and return it as it was. Refusal: `not-found`."""
        row = await self.require(transaction, number)
        if changes:
            values = {f"new_{name}": value for name, value in {**row, **changes}.items() if name != "id"}
            await transaction.run(self._update, {**values, "row": number})
        return row

    async def delete(self, transaction: Transaction, number: int) -> ColumnValues:
        """Delete a row, and return it as it was. Refusal: `not-found`."""
        row = await self.require(transaction, number)
        await transaction.run(self._delete, {"row": number})
        return row
