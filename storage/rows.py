"""Insert, read, update and delete by id, for any table with an `id` column; and checked query parameters."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import aiosqlite
from sqlalchemy import Table, bindparam, delete, insert, select, update

from bittorrent.refusal import Refusal
from storage.database import Database

MAX_INTEGER = 2**63 - 1
MAX_PAGE_ROWS = 10_000

ColumnValues = dict[str, Any]


class QuerySource(Protocol):
    """Runs queries: the readers, or the writer inside a transaction."""

    async def rows(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows."""
        ...


class Writer:
    """The writer connection inside a transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection

    async def rows(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run a query or a statement that returns rows."""
        return [tuple(row) for row in await self.connection.execute_fetchall(sql, parameters)]

    async def run(self, sql: str, parameters: dict[str, Any]) -> int:
        """Run a statement, and return how many rows changed."""
        return (await self.connection.execute(sql, parameters)).rowcount

    async def run_many(self, sql: str, parameters: list[dict[str, Any]]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed."""
        if not parameters:
            return 0
        return (await self.connection.executemany(sql, parameters)).rowcount


def bounded_id(number: int) -> int:
    """Return the id, or 0, which no row has, where SQLite could not take it (beyond 64 bits)."""
    return number if 0 < number <= MAX_INTEGER else 0


def json_ids(numbers: Iterable[int]) -> str:
    """Return ids as the JSON parameter of `storage.dialect.in_list`."""
    return json.dumps([bounded_id(number) for number in numbers])


def json_texts(names: Iterable[str]) -> str:
    """Return texts as the JSON parameter of `storage.dialect.in_list`."""
    return json.dumps(list(names))


def page_parameters(offset: int, limit: int) -> dict[str, int]:
    """Return the parameters of a page, of at most LARGEST_PART rows."""
    return {"offset": min(max(offset, 0), MAX_INTEGER), "limit": min(max(limit, 0), MAX_PAGE_ROWS)}


class TableRows:
    """The rows of one table, by id."""

    def __init__(self, database: Database, table: Table) -> None:
        self._names = [column.name for column in table.columns]
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in self._names if name != "id"}
        same = table.c.id == bindparam("row")
        self._get = database.compile(select(table).where(same))
        self._insert = database.compile(insert(table).returning(table.c.id))
        self._update = database.compile(update(table).where(same).values(values))
        self._delete = database.compile(delete(table).where(same))

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

    async def insert(self, writer: Writer, values: Mapping[str, object]) -> int:
        """Insert a row, and return its id; every column but the id is given."""
        ((number,),) = await writer.rows(self._insert, {"id": None, **values})
        return int(number)

    async def update(self, writer: Writer, number: int, changes: Mapping[str, object]) -> ColumnValues:
        """Change columns of a row, and return it as it was. Refusal: `not-found`."""
        row = await self.require(writer, number)
        if changes:
            values = {f"new_{name}": value for name, value in {**row, **changes}.items() if name != "id"}
            await writer.run(self._update, {**values, "row": number})
        return row

    async def delete(self, writer: Writer, number: int) -> ColumnValues:
        """Delete a row, and return it as it was. Refusal: `not-found`."""
        row = await self.require(writer, number)
        await writer.run(self._delete, {"row": number})
        return row
