"""Every store of the contract suites, opened on a fresh folder."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from storage.cache_records import SqlCacheRecords
from storage.database import Database
from storage.files import FileBlobs
from storage.journal import SqlJournal
from storage.lists import SqlListEntries
from storage.memory import MemoryBlobs, MemoryCacheRecords, MemoryJournal, MemoryListEntries
from storage.s3.local_copies import LocalCopies
from storage.s3.objects import ObjectBlobs
from storage.schema import PEERAGE, SWARMS, Schema
from tests.support.backends import BACKENDS, NEED_A_SERVER, Backend

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


def in_database(backend: Backend, schema: Schema, make: Callable[[Database], Any]) -> Opener:
    """A store over a database of an engine."""

    @asynccontextmanager
    async def opened(folder: Path) -> AsyncIterator[Any]:
        database = await backend.open(folder, schema)
        try:
            yield make(database)
        finally:
            await database.close()

    return opened


def everywhere(
    memory: Callable[[], Any], schema: Schema, make: Callable[[Database], Any]
) -> dict[str, Opener]:
    """A store in memory, and over a database of each engine."""
    openers = {"memory": in_memory(memory)}
    return openers | {name: in_database(backend, schema, make) for name, backend in BACKENDS.items()}


def openers(stores: Mapping[str, Opener]) -> list[Any]:
    """Return the parameters of a suite: one for each way to open the store."""
    return [
        pytest.param(opener, id=name, marks=pytest.mark.clients if name in NEED_A_SERVER else ())
        for name, opener in stores.items()
    ]


@asynccontextmanager
async def copies(folder: Path) -> AsyncIterator[LocalCopies]:
    """Copies on disk of objects that are far away."""
    opened = LocalCopies(ObjectBlobs(MemoryStore()), FileBlobs(folder / "copies", durable=False), 1 << 20)
    await opened.open()
    yield opened
    await opened.close()


BLOBS = {
    "memory": in_memory(MemoryBlobs),
    "files": files,
    "objects": in_memory(lambda: ObjectBlobs(MemoryStore())),
    "copies": copies,
}
RECORDS = everywhere(MemoryCacheRecords, PEERAGE, SqlCacheRecords)
ENTRIES = everywhere(MemoryListEntries, PEERAGE, SqlListEntries)
JOURNALS = everywhere(MemoryJournal, SWARMS, SqlJournal)
