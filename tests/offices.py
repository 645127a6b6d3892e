"""The services of a dialect over real stores in a folder, in this process."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from argon2 import PasswordHasher

from accounts.accounts import Accounts
from accounts.attempts import Attempts
from accounts.passwords import Passwords
from accounts.rights import Right, Rights
from accounts.secrets import Secrets
from actions.curation import Curation
from actions.membership import Membership
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from actions.verdicts import Verdicts
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.model import Reading, Sheet
from catalogue.search import Search
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.identity import Identity
from doors.limits import BodyMemory
from doors.office import Office
from doors.transfers import Transfers
from downloads.downloads import Downloads
from downloads.limits import Limits
from downloads.links import KEY_BYTES, Links
from lists.infohashes import Lists
from storage import schema
from storage.accounts import SqliteAccounts
from storage.catalogue import catalogue_shelf
from storage.census import FolderDayKeys, SqliteCensus
from storage.database import Database
from storage.files import FileBlobs
from storage.folder import DataFolder
from storage.lists import SqliteEntries
from storage.records import SqliteRecords
from storage.search import SearchIndex
from tests.cache_service import NoPolicy
from tests.databases import open_database
from tests.places import lookups_over
from tracker.census import Census
from tracker.geo import EmbeddedCountries
from tracker.model import NOTHING, Counts, Totals

ANYONE = frozenset({Right.READ, Right.DOWNLOAD})
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Unread:
    """A parser of release names that finds nothing but the name."""

    async def describe(self, sheet: Sheet) -> Reading:
        """Return the name as the title."""
        return Reading(sheet.name, "Unsorted")


@dataclass
class Opened:
    """Services, and the databases and folder to close after them."""

    office: Office
    databases: tuple[Database, ...]
    folder: DataFolder

    async def close(self) -> None:
        """Close the stores."""
        await self.office.uploads.drain()
        await self.office.takedowns.drain()
        await self.office.accounts.close()
        for database in self.databases:
            await database.close()
        self.folder.__exit__(None, None, None)


async def open_office(
    folder: Path,
    clock: Callable[[], float],
    swarms: Mapping[InfoHash, Counts],
    *,
    rates: Mapping[str, str],
    anonymous: frozenset[Right] = ANYONE,
    registration: bool = False,
    keys_per_user: int = 100,
    limit: int = 10 << 20,
) -> Opened:
    """Open everything in a folder; `swarms` are the live numbers, `clock` gives unix seconds."""
    data = DataFolder(folder / "data").__enter__()
    database = await open_database(data.records, schema.PEERAGE, "FULL")
    journal = await open_database(data.swarms, schema.SWARMS, "NORMAL")
    blobs = FileBlobs(data.torrents)
    await blobs.open()
    cache = TorrentCache(blobs, SqliteRecords(database), Quota(1000, 1 << 40, 0), clock)
    accounts = _accounts(database, clock, keys_per_user)
    rights = Rights(anonymous)
    index = SearchIndex(database, 10_000, 5.0)
    catalogue = Catalogue(catalogue_shelf(database, index, clock), clock)
    takedowns = Takedowns(cache, catalogue, Lists(SqliteEntries(database)), NoPolicy(), clock)
    uploads = Uploads(cache, takedowns, catalogue, Unread(), clock, limit=limit)
    census = Census(await SqliteCensus.open(journal), FolderDayKeys(data, bytes), EmbeddedCountries(), clock)
    office = Office(
        catalogue=catalogue,
        search=Search(index),
        curation=Curation(catalogue, uploads, takedowns, rights),
        membership=Membership(accounts, catalogue, rights, registration=registration),
        accounts=accounts,
        rights=rights,
        uploads=uploads,
        takedowns=takedowns,
        verdicts=Verdicts(takedowns, catalogue, rights),
        cache=cache,
        lookups=lookups_over(uploads, cache, takedowns),
        downloads=Downloads(Limits(), None),
        links=Links(bytes(KEY_BYTES), 3600, clock),
        transfers=Transfers(8, 8),
        files_url=None,
        census=census,
        scrape=lambda infohash: swarms.get(infohash, NOTHING),
        swarms=lambda: Totals(3, 9, 5, 4),
        identity=Identity(accounts, secure=False),
        allowances=Allowances(rates, clock),
        clients=ClientAddress([], "x-forwarded-for"),
        memory=BodyMemory(64 << 20),
        public_url=None,
        site_name="Peerage",
        token_lifetime=86_400,
        clock=clock,
    )
    return Opened(office, (database, journal), data)


def _accounts(database: Database, clock: Callable[[], float], keys_per_user: int) -> Accounts:
    random = _random()
    return Accounts(
        SqliteAccounts(database),
        Secrets(bytes(32), random),
        Passwords(2, random, hasher=QUICK),
        Attempts("1000/minute", clock),
        clock,
        session_lifetime=86_400,
        keys_per_user=keys_per_user,
    )


def _random() -> Callable[[int], bytes]:
    numbers = count()
    return lambda size: hashlib.shake_128(str(next(numbers)).encode()).digest(size)
