"""Hides which versions a database can have, and whether a file has the newest: Alembic is only loaded if it has not."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STEPS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Schema:
    """The steps to a schema: the folder of their files, and the newest of them."""

    steps: Path
    newest: str


PEERAGE: Final = Schema(_STEPS / "peerage", "0004")
SWARMS: Final = Schema(_STEPS / "swarms", "0002")


def version_of(connection: sqlite3.Connection) -> str | None:
    """Return the version that a file says it has, None where it says nothing.

    sqlite3.DatabaseError: the file cannot be read, or is no database.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'")
        if cursor.fetchone() == (0,):
            return None
        found = cursor.execute("SELECT version_num FROM alembic_version").fetchone()
        return found[0] if found is not None else None
