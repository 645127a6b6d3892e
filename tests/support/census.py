"""A census over a real file, with a manual clock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bittorrent.infohash import InfoHash
from storage import schema
from storage.census import FolderDayKeys, SqlCensus
from storage.data_folder import DataFolder
from storage.database import Database
from tests.support.clock import DAY, Clock
from tests.support.databases import open_database
from tests.support.swarm_stores import StoreFactory, python
from tracker.census import Census, CensusTerms
from tracker.geo import EmbeddedCountries
from tracker.model import Announce, AnnounceTerms, Event
from tracker.store import SwarmStore

TORRENT = InfoHash(bytes(range(20)))
OTHER = InfoHash(b"\xfe" * 20)

# By the registries, since long ago.
AMERICAN = (8, 8, 8, 8)
DUTCH = (193, 0, 6, 139)
GERMAN = (79, 192, 0, 1)

DEFAULTS = CensusTerms()


class Bytes:
    """A predictable source of random bytes: a new value each time, kept in `given`."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        self.given.append(
            bytes([len(self.given) + 1]) * 3 + b"KEY-OF-THE-DAY"[: size - 3].ljust(size - 3, b"!")
        )
        return self.given[-1]


@dataclass
class CensusDriver:
    """A census and the swarm store that it counts, at the time of a clock."""

    census: Census
    swarms: SwarmStore
    clock: Clock

    def announce(
        self,
        host: Sequence[int],
        infohash: InfoHash = TORRENT,
        *,
        port: int = 6881,
        event: Event = Event.NONE,
        seeder: bool = False,
    ) -> None:
        """Announce a peer now."""
        peer = bytes(host) + port.to_bytes(2, "big")
        self.swarms.announce(Announce(infohash, peer, event, seeder, 0), int(self.clock.now))

    async def flush(self) -> None:
        """Pass changed rows to the census, as the flusher does."""
        while batch := self.swarms.take_dirty():
            for row in batch:
                await self.census.observe([row], last=False)
        await self.census.observe([])

    async def pass_midnight(self) -> None:
        """Set the clock to the next day and flush."""
        self.clock.now = (self.clock.now // DAY + 1) * DAY + 5
        await self.flush()


@dataclass
class OpenedCensus(CensusDriver):
    """A census with the database and folder below."""

    store: SqlCensus
    database: Database
    folder: DataFolder
    random: Bytes


@asynccontextmanager
async def open_census(
    folder: Path,
    clock: Clock | None = None,
    *,
    make_store: StoreFactory = python,
    terms: CensusTerms = DEFAULTS,
    random: Bytes | None = None,
) -> AsyncIterator[OpenedCensus]:
    """Open a census over a folder; opened again, it is what a restart finds."""
    clock, random = clock or Clock(), random or Bytes()
    data = DataFolder(folder).acquire()
    database = await open_database(data.swarms, schema.SWARMS, "NORMAL", readers=1)
    try:
        await database.overwrite_deleted()
        store = SqlCensus(database)
        census = Census(store, FolderDayKeys(data, random), EmbeddedCountries(), clock, terms)
        await census.start()
        swarms = make_store(AnnounceTerms(), 1)
        yield OpenedCensus(census, swarms, clock, store, database, data, random)
    finally:
        await database.close()
        data.release()


def traces(folder: Path, needles: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Return which of the byte strings lie in which file of a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path.name, needle) for path in files for needle in needles if needle in path.read_bytes()]
