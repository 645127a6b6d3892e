"""Opens the databases and files of a data folder."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from peerage.config import Settings
from storage import schema
from storage.data_folder import DataFolder
from storage.database import Database
from storage.files import FileBlobs
from storage.imdb_titles import SqliteImdbTitles


@dataclass(frozen=True, slots=True)
class Stores:
    """The open databases and files that everything else is made over."""

    folder: DataFolder
    records: Database
    swarms: Database
    titles: SqliteImdbTitles
    blobs: FileBlobs


async def open_stores(settings: Settings, stack: AsyncExitStack) -> Stores:
    """Open a data folder for this process alone until `stack` is closed.

    Raises FolderInUse, FolderError, DatabaseError.
    """
    folder = stack.enter_context(DataFolder(settings.data))
    records = await Database.open(folder.records, schema.PEERAGE, "FULL", settings.catalogue.readers)
    stack.push_async_callback(records.close)
    swarms = await Database.open(folder.swarms, schema.SWARMS, "NORMAL", readers=1)
    stack.push_async_callback(swarms.close)
    titles = await SqliteImdbTitles.open(folder.titles, settings.cache.min_free_disk)
    stack.push_async_callback(titles.close)
    blobs = FileBlobs(folder.torrents)
    await blobs.open()
    return Stores(folder, records, swarms, titles, blobs)
