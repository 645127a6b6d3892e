"""Opens a new database for a test as a copy of a migrated template, since migrating is slow."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from storage.database import Database
from storage.schema import Schema
from storage.sqlite.database import SqliteDatabase


async def open_database(path: Path, schema: Schema, synchronous: str = "FULL", readers: int = 1) -> Database:
    """Open a database; a missing one begins as a copy of a template, migrated once in this process."""
    template = _folder() / f"{schema.revisions.name}.db"
    if not _is_there(template):
        await (await SqliteDatabase.open(template, schema, "NORMAL", 1)).close()
    if not _is_there(path):
        shutil.copyfile(template, path)
    return await SqliteDatabase.open(path, schema, synchronous, readers)


def _is_there(path: Path) -> bool:
    return path.exists()


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="peerage-databases-"))
