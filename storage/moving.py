"""Copies every record from one database into an empty one of any engine, and compares both afterwards."""

import pkgutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from typing import Any

from sqlalchemy import Column, Table, bindparam, delete, func, insert, select, tuple_, update

from storage import tables
from storage.database import Database, DatabaseError, QuerySource, Row, Transaction
from storage.search import SearchIndexWriter
from storage.tables.catalogue import category, torrent
from storage.tables.databases import PEERAGE

_PAGE = 1000
_INDEX_OF_SQLITE = frozenset({"search_entry", "search_key"})


class MoveFailed(DatabaseError):
    """The databases are not the same afterwards, or the second was not empty; it is left as it was."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows of a table that were copied, or compared, or torrents that were indexed, since the last."""

    what: str
    rows: int


async def count_rows(source: QuerySource) -> dict[str, int]:
    """Return the number of rows of every table that is moved."""
    counted = {}
    for table in _tables():
        count = source.dialect.compile(select(func.count()).select_from(table))
        ((counted[table.name],),) = await source.rows(count)
    return counted


async def move(source: Database, target: Database, index: SearchIndexWriter) -> AsyncIterator[Moved]:
    """Copy all rows, index the torrents, and compare, in one transaction of the target; `index` is the target's.

    Nobody may write to the source meanwhile. MoveFailed, DatabaseError: the target is left as it was.
    """
    async with target.transaction() as transaction:
        await _require_empty(transaction)
        await transaction.run(
            target.dialect.compile(delete(category))
        )  # those that a new database begins with
        digests = {}
        for table in _tables():
            digest = digests[table.name] = blake2b()
            own = _own_reference(table)
            async for rows in _pages(source, table):
                digest.update(repr(rows).encode())
                await _insert(transaction, table, rows, without=own)
                yield Moved(table.name, len(rows))
            if own is not None:
                await _refer(source, transaction, table, own)
        async for rows in _pages(source, torrent):
            await index.refresh(transaction, [row[0] for row in rows])
            yield Moved("index", len(rows))
        for table in _tables():
            digest = blake2b()
            async for rows in _pages(transaction, table):
                digest.update(repr(rows).encode())
                yield Moved(table.name, len(rows))
            if digest.digest() != digests[table.name].digest():
                raise MoveFailed(f"{table.name} is not the same afterwards")


def _tables() -> list[Table]:
    """Return the tables so that each comes after those that it refers to."""
    for module in pkgutil.iter_modules(tables.__path__):
        import_module(f"{tables.__name__}.{module.name}")
    return [table for table in PEERAGE.sorted_tables if table.name not in _INDEX_OF_SQLITE]


async def _require_empty(transaction: Transaction) -> None:
    full = [
        name for name, count in (await count_rows(transaction)).items() if count and name != category.name
    ]
    if full:
        raise MoveFailed(f"the database is not empty: it has rows in {', '.join(full)}")


async def _pages(source: QuerySource, table: Table) -> AsyncIterator[list[Row]]:
    """Yield all rows in the order of the primary key, a page at a time."""
    keys = list(table.primary_key.columns)
    ordered = select(table).order_by(*keys).limit(bindparam("limit"))
    after = tuple_(*(bindparam(f"after_{key.name}", type_=key.type) for key in keys))
    first = source.dialect.compile(ordered)
    following = source.dialect.compile(ordered.where(tuple_(*keys) > after))
    places = [list(table.columns).index(key) for key in keys]
    rows = await source.rows(first, {"limit": _PAGE})
    while rows:
        yield rows
        last = {f"after_{key.name}": rows[-1][at] for key, at in zip(keys, places, strict=True)}
        rows = await source.rows(following, {**last, "limit": _PAGE})


async def _insert(
    transaction: Transaction, table: Table, rows: Sequence[Row], *, without: Column[Any] | None
) -> None:
    names = [column.name for column in table.columns]
    added = transaction.dialect.compile(insert(table).values({name: bindparam(name) for name in names}))
    values = [dict(zip(names, row, strict=True)) for row in rows]
    if without is not None:
        values = [{**each, without.name: None} for each in values]
    await transaction.run_many(added, values)


def _own_reference(table: Table) -> Column[Any] | None:
    """Return the column by which rows of a table refer to others of it, whichever comes first."""
    return next((key.parent for key in table.foreign_keys if key.column.table is table), None)


async def _refer(source: Database, transaction: Transaction, table: Table, own: Column[Any]) -> None:
    dialect = transaction.dialect
    found = await source.rows(source.dialect.compile(select(table.c.id, own).where(own.is_not(None))))
    change = (
        update(table).where(table.c.id == bindparam("row")).values({own.name: bindparam("new_reference")})
    )
    rows = [{"row": number, "new_reference": other} for number, other in found]
    await transaction.run_many(dialect.compile(change), rows)
