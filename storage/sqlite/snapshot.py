"""Snapshots of SQLite files beside the process that writes them, and what a backup asks of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from storage.database import DatabaseDamaged, DatabaseError
from storage.sqlite.errors import translated

_BATCH = 1000


def snapshot(source: Path, target: Path) -> None:
    """Write what a database holds at one moment into a new file, checkpointed. DatabaseError, OSError."""
    target.touch(0o600)
    with translated(source), closing(_read_only(source)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)
        ((mode,),) = copy.execute("PRAGMA journal_mode = DELETE")
    if (
        mode != "delete"
    ):  # it tells of a failing disk by staying as it was, and would make files when it is read
        raise DatabaseError(f"{target} cannot be written whole")


def require_sound(path: Path) -> None:
    """Check every page and index of a database. DatabaseDamaged."""
    try:
        with closing(_read_only(path)) as connection:
            ((found,),) = connection.execute("PRAGMA integrity_check(1)")
    except sqlite3.Error as error:
        raise DatabaseDamaged(f"{path}: {error}") from error
    if found != "ok":
        raise DatabaseDamaged(f"{path}: {found}")


def read_revision(path: Path) -> str | None:
    """Return the revision of a database's schema, None for one that has none. DatabaseError."""
    with translated(path), closing(_read_only(path)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchall()
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if found else []
    return str(rows[0][0]) if rows else None


def stored_files(path: Path) -> Iterator[tuple[bytes, int, bytes | None]]:
    """Yield each record of the cache in ascending order: infohash, bytes of its stored file, and their digest.

    DatabaseError.
    """
    with translated(path), closing(_read_only(path)) as connection:
        after = b""
        while rows := connection.execute(
            "SELECT infohash, stored, packed FROM record WHERE infohash > ? ORDER BY infohash LIMIT ?",
            (after, _BATCH),
        ).fetchall():
            yield from rows
            after = rows[-1][0]


def has_record(path: Path, infohash: bytes) -> bool:
    """Return whether the cache has a record of an infohash now. DatabaseError."""
    with translated(path), closing(_read_only(path)) as connection:
        return (
            connection.execute("SELECT 1 FROM record WHERE infohash = ?", (infohash,)).fetchone() is not None
        )


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30, isolation_level=None)
