"""SQLite's errors as those of `storage.database`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from storage.database import ConstraintViolated, DatabaseDamaged, DatabaseError
from storage.unavailable import StorageUnavailable

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_FAILING = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

log = structlog.get_logger()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors about a file as those of `storage.database`."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(path, error) from error


def translate(path: Path, error: sqlite3.Error) -> DatabaseError:
    """Return the error of a statement or a commit."""
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(f"{path}: {error}")
    return _damage(path, error) or _unavailable(path, error) or DatabaseError(f"{path}: {error}")


def _unavailable(path: Path, error: sqlite3.Error) -> StorageUnavailable | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code != sqlite3.SQLITE_FULL and code not in _BUSY + _FAILING:
        return None
    log.warning("database.unavailable", path=str(path), error=str(error))
    return StorageUnavailable("disk-full" if code == sqlite3.SQLITE_FULL else "busy")


def unusable(path: Path, error: sqlite3.Error) -> DatabaseError:
    """Return the error of a file that cannot be opened."""
    return _damage(path, error) or DatabaseError(f"{path} cannot be opened: {error}")


def _damage(path: Path, error: sqlite3.Error) -> DatabaseDamaged | None:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
        return None
    return DatabaseDamaged(f"{path} is damaged or no database ({error}): restore it, or move it away")
