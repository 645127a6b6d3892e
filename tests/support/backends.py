"""The databases that contract suites run over: another engine is one more entry of BACKENDS."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.database import Database
from storage.schema import Schema
from storage.sqlite.search.index import SqliteSearchIndex
from tests.support.databases import open_database


@dataclass(frozen=True, slots=True)
class Backend:
    """An engine: `open` makes a migrated, empty database for a folder, `search` its search index."""

    open: Callable[[Path, Schema], Awaitable[Database]]
    search: Callable[[Database, int, float], Any]


async def _open_sqlite(folder: Path, schema: Schema) -> Database:
    return await open_database(folder / f"{schema.revisions.name}.db", schema)


BACKENDS = {"sqlite": Backend(_open_sqlite, SqliteSearchIndex)}
