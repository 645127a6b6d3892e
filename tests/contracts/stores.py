"""Every store of the contract suites, opened on a fresh folder."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from storage.cache_records import SqlCacheRecords
from storage.database import Database
from storage.files import FileBlobs
from storage.journal import SqlJournal
from storage.lists import SqlListEntries
from storage.memory import MemoryBlobs, MemoryCacheRecords, MemoryJournal, MemoryListEntries
from storage.schema import PEERAGE, SWARMS
from tests.support.databases import open_database

Opener = Callable[[Path], AbstractAsyncContextManager[Any]]


def in_memory(make: Callable[[], Any]) -> Opener:
    """A store that lives in memory; the folder is not used."""

    @asynccontextmanager
    async def opened(_: Path) -> AsyncIterator[Any]:
        yield make()

    return opened


@asynccontextmanager
async def files(folder: Path) -> AsyncIterator[FileBlobs]:
    """Files on disk."""
    blobs = FileBlobs(folder / "torrents")
    await blobs.open()
    yield blobs


@asynccontextmanager
async def peerage_db(folder: Path) -> AsyncIterator[Database]:
    """The database of records and lists."""
    database = await open_database(folder / "peerage.db", PEERAGE, "FULL")
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def records(folder: Path) -> AsyncIterator[SqlCacheRecords]:
    """Records in SQLite."""
    async with peerage_db(folder) as database:
        yield SqlCacheRecords(database)


@asynccontextmanager
async def entries(folder: Path) -> AsyncIterator[SqlListEntries]:
    """Entries in SQLite."""
    async with peerage_db(folder) as database:
        yield SqlListEntries(database)


@asynccontextmanager
async def journal(folder: Path) -> AsyncIterator[SqlJournal]:
    """The journal in SQLite."""
    opened = SqlJournal(await open_database(folder / "swarms.db", SWARMS, "NORMAL"))
    try:
        yield opened
    finally:
        await opened.close()


BLOBS = {"memory": in_memory(MemoryBlobs), "files": files}
RECORDS = {"memory": in_memory(MemoryCacheRecords), "sqlite": records}
ENTRIES = {"memory": in_memory(MemoryListEntries), "sqlite": entries}
JOURNALS = {"memory": in_memory(MemoryJournal), "sqlite": journal}
