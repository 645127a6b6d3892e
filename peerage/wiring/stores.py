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
from storage.database import Database, DatabaseDamaged
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
    records = await open_database(folder.records, schema.PEERAGE, "FULL", settings.catalogue.readers)
    stack.push_async_callback(records.close)
    swarms = await _open_swarms(folder.swarms, open_database)
    stack.push_async_callback(swarms.close)
    await swarms.overwrite_deleted()  # of a closed day nothing but counts stays
    titles = await SqliteImdbTitles.open(folder.titles, settings.cache.min_free_disk)
    stack.push_async_callback(titles.close)
    blobs = await _open_blobs(settings, folder, stack)
    return Stores(folder, records, swarms, titles, blobs)


async def _open_blobs(
    settings: Settings, folder: DataFolder, stack: AsyncExitStack
) -> "FileBlobs | LocalCopies":
    """Open the .torrent files: a folder, or a bucket with copies in a folder. FolderError, DatabaseError.

    Beside a bucket the folder of files has to be empty. Its records would count as lost while the bucket has no file.
    """
    if settings.blobs is None:
        files = FileBlobs(folder.torrents)
        await files.open()
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


async def _open_swarms(path: Path, open_database: OpenDatabase) -> Database:
    """Open the journal; a damaged one is set aside, since clients announce again. DatabaseError."""
    try:
        return await open_database(path, schema.SWARMS, "NORMAL", 1)
    except DatabaseDamaged as error:
        aside = set_aside(path, time.time())
        log.warning("swarms.damaged_set_aside", aside=str(aside), error=str(error))
        return await open_database(path, schema.SWARMS, "NORMAL", 1)
