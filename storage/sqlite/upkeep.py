"""Upkeep of SQLite files that no service has open: migrations tried on a copy, the way back, and vacuum."""

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.database import DatabaseError
from storage.fsync import fsync_directory
from storage.schema import Schema
from storage.sqlite.errors import translated
from storage.sqlite.snapshot import read_revision, require_sound, snapshot

_BEFORE = ".before-"
_ROOM = 2
"""How many times its size a file needs to be copied and rewritten."""


class NoRoom(DatabaseError):
    """The disk has too little room for what was asked; nothing was changed."""


@dataclass(frozen=True, slots=True)
class UpgradeTrial:
    """How a copy of a database was migrated: from and to which revision, the seconds, the bytes before and after."""

    name: str
    before: str | None
    after: str
    seconds: float
    bytes_before: int
    bytes_after: int


def try_upgrade(path: Path, schema: Schema) -> UpgradeTrial | None:
    """Migrate a copy of a database beside it, check it, and delete it; None where it is of this version.

    NoRoom, DatabaseError, OSError; the database itself is read alone, also beside a service.
    """
    before, size = read_revision(path), path.stat().st_size
    if before == schema.head:
        return None
    _require_room(path, _ROOM * size)
    with tempfile.TemporaryDirectory(prefix=".upgrade-", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        snapshot(path, copy)
        began = time.monotonic()
        _upgrade(copy, schema)
        seconds = time.monotonic() - began
        require_sound(copy)
        return UpgradeTrial(path.name, before, schema.head, seconds, size, copy.stat().st_size)


def keep_before(path: Path, revision: str) -> Path | None:
    """Keep a copy of a database of a revision that is about to be migrated, in place of older ones.

    None: there is no room for it. DatabaseError, OSError.
    """
    if shutil.disk_usage(path.parent).free < _ROOM * path.stat().st_size:
        return None
    kept = path.with_name(f"{path.name}{_BEFORE}{revision}")
    draft = path.with_name(f".{kept.name}.new")
    draft.unlink(missing_ok=True)
    snapshot(path, draft)
    for older in kept_before(path):
        older.unlink()
    draft.replace(kept)
    fsync_directory(path.parent)
    return kept


def kept_before(path: Path) -> list[Path]:
    """Return the copies of a database from before its last migration, one at most."""
    return sorted(path.parent.glob(f"{path.name}{_BEFORE}*"))


def go_back(path: Path, now: float) -> Path | None:
    """Put the copy from before the last migration in place of a database; return where that is now, None for none.

    DatabaseDamaged: the copy is. OSError.
    """
    copies = kept_before(path)
    if not copies:
        return None
    require_sound(copies[-1])
    aside = path.with_name(f"{path.name}.after-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    copies[-1].rename(path)
    fsync_directory(path.parent)
    return aside


def vacuum(path: Path) -> tuple[int, int]:
    """Rewrite a database without what is free in it; return its bytes before and after. NoRoom, DatabaseError."""
    size = path.stat().st_size
    _require_room(path, _ROOM * size)
    with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA optimize")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return size, path.stat().st_size


def _upgrade(path: Path, schema: Schema) -> None:
    """Migrate a file. DatabaseError."""
    from storage.sqlite.upgrade import UnknownRevision, upgrade_file  # noqa: PLC0415 - it loads Alembic

    with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        try:
            upgrade_file(connection, schema)
        except UnknownRevision as error:
            raise DatabaseError(
                f"{path.name} is of revision {error.version}, of a newer program: install that one again"
            ) from error


def _require_room(path: Path, wanted: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < wanted:
        raise NoRoom(f"{path.parent} has {free:,} bytes free, and {wanted:,} are needed: make room first")
