"""The schema version of a database file, read without Alembic, which is slow to load and only needed to upgrade."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema: the folder of its Alembic revisions, and the newest of them."""

    revisions: Path
    head: str


PEERAGE: Final = Schema(_MIGRATIONS / "peerage", "0004")
SWARMS: Final = Schema(_MIGRATIONS / "swarms", "0002")


def read_version(connection: sqlite3.Connection) -> str | None:
    """Return the Alembic revision that a file has, None where it has none.

    sqlite3.DatabaseError: the file cannot be read, or is no database.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'")
        if cursor.fetchone() == (0,):
            return None
        found = cursor.execute("SELECT version_num FROM alembic_version").fetchone()
        return found[0] if found is not None else None
