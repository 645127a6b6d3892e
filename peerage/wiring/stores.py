"""Opens the databases and files of a data folder."""

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog

from peerage.config import Settings
from storage import schema
from storage.data_folder import DataFolder, FolderError
from storage.database import Database, DatabaseDamaged, DatabaseError
from storage.files import FileBlobs
from storage.schema import Schema
from storage.set_aside import set_aside
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.imdb_titles import SqliteImdbTitles

if TYPE_CHECKING:
    from storage.s3.local_copies import LocalCopies

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stores:
    """The open databases and files that everything else is made over."""

    folder: DataFolder
    records: Database
    swarms: Database
    titles: SqliteImdbTitles
    blobs: "FileBlobs | LocalCopies"


OpenDatabase = Callable[[Path, Schema, Literal["NORMAL", "FULL"], int], Awaitable[Database]]


async def open_stores(
    settings: Settings, stack: AsyncExitStack, open_database: OpenDatabase = SqliteDatabase.open
) -> Stores:
    """Open a data folder for this process alone until `stack` is closed.

    Raises FolderInUse, FolderError, DatabaseError.
    """
    folder = stack.enter_context(DataFolder(settings.data))
    records = await open_records(settings, folder, open_database)
    stack.push_async_callback(records.close)
    swarms = await _open_swarms(folder.swarms, open_database)
    stack.push_async_callback(swarms.close)
    await swarms.overwrite_deleted()  # of a closed day nothing but counts stays
    titles = await SqliteImdbTitles.open(folder.titles, settings.cache.min_free_disk)
    stack.push_async_callback(titles.close)
    blobs = await _open_blobs(settings, folder, records, stack)
    return Stores(folder, records, swarms, titles, blobs)


async def _require_files(records: Database, files: FileBlobs, folder: DataFolder) -> None:
    """Refuse a folder without a file to a database with records, which would count as lost. FolderError."""
    ((has_records,),) = await records.rows("SELECT CASE WHEN EXISTS (SELECT 1 FROM record) THEN 1 ELSE 0 END")
    if not has_records:
        return
    async for _ in files.walk():
        return
    raise FolderError(
        f"{folder.torrents} holds no file, and the database has records of some: copy them there, or set `blobs`"
    )


async def _open_blobs(
    settings: Settings, folder: DataFolder, records: Database, stack: AsyncExitStack
) -> "FileBlobs | LocalCopies":
    """Open the .torrent files: a folder, or a bucket with copies in a folder. FolderError, DatabaseError.

    Beside a bucket the folder of files has to be empty. Its records would count as lost while the bucket has no file.
    """
    if settings.blobs is None:
        files = FileBlobs(folder.torrents)
        await files.open()
        if settings.database is not None:
            await _require_files(records, files, folder)
        return files
    from storage.s3.local_copies import LocalCopies
    from storage.s3.objects import ObjectBlobs, open_bucket

    files = FileBlobs(folder.torrents)
    await files.open()
    if [names async for names in files.walk()]:
        raise FolderError(
            f"{folder.torrents} holds files, and `blobs` names a bucket: copy them there"
            " (docs/operations.md, Files in a bucket), then move the folder away"
        )
    copies = FileBlobs(folder.copies, durable=False)
    blobs = LocalCopies(
        ObjectBlobs(open_bucket(settings.blobs, os.environ)), copies, settings.cache.local_copies
    )
    await blobs.open()
    stack.push_async_callback(blobs.close)
    return blobs


async def open_records(
    settings: Settings, folder: DataFolder, open_database: OpenDatabase = SqliteDatabase.open
) -> Database:
    """Open the database of everything but swarms: the file in the folder, or where the settings say. DatabaseError."""
    if settings.database is None:
        return await open_database(folder.records, schema.PEERAGE, "FULL", settings.catalogue.readers)
    if folder.records.exists():
        log.warning("database.file_unused", file=str(folder.records))
    try:
        from storage.postgresql.database import PostgresqlDatabase
    except ModuleNotFoundError as error:
        raise DatabaseError(f"`database` needs {error.name}: install peerage[cluster]") from error
    return await PostgresqlDatabase.open(settings.database, schema.PEERAGE, settings.catalogue.readers)


async def _open_swarms(path: Path, open_database: OpenDatabase) -> Database:
    """Open the journal; a damaged one is set aside, since clients announce again. DatabaseError."""
    try:
        return await open_database(path, schema.SWARMS, "NORMAL", 1)
    except DatabaseDamaged as error:
        aside = set_aside(path, time.time())
        log.warning("swarms.damaged_set_aside", aside=str(aside), error=str(error))
        return await open_database(path, schema.SWARMS, "NORMAL", 1)
