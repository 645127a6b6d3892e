"""The databases that contract suites run over: another engine is one more entry of BACKENDS."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.postgresql.search.index import PostgresqlSearchIndex
from storage.schema import Schema
from storage.sqlite.search.index import SqliteSearchIndex
from tests.support.databases import open_database
from tests.support.postgresql import open_postgresql


@dataclass(frozen=True, slots=True)
class Backend:
    """An engine: `open` makes a migrated, empty database for a folder, `search` its search index."""

    open: Callable[[Path, Schema], Awaitable[Database]]
    search: Callable[[Database, int, float], Any]


async def _open_sqlite(folder: Path, schema: Schema) -> Database:
    return await open_database(folder / f"{schema.revisions.name}.db", schema)


async def _open_postgresql(_: Path, schema: Schema) -> Database:
    return await open_postgresql(schema)


BACKENDS = {
    "sqlite": Backend(_open_sqlite, SqliteSearchIndex),
    "postgresql": Backend(_open_postgresql, PostgresqlSearchIndex),
}


NEED_A_SERVER = frozenset({"postgresql"})


def parameters() -> list[Any]:
    """Return the engines as parameters of a fixture: what needs a server is run by `make clients`."""
    return [
        pytest.param(name, marks=pytest.mark.clients if name in NEED_A_SERVER else ()) for name in BACKENDS
    ]
