"""The services of a dialect over real stores in a folder, in this process."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from argon2 import PasswordHasher

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.passwords import Passwords
from accounts.rights import Right, Rights
from accounts.secrets import Secrets
from actions.account_management import AccountManagement
from actions.curation import Curation
from actions.list_moderation import ListModeration
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.model import MetainfoSummary, ParsedRelease
from catalogue.search import Search
from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.rate_limits import RateLimits
from doors.request_limits import BodyMemory
from doors.services import Services
from doors.transfers import Transfers
from downloads.downloads import Downloads
from downloads.limits import DownloadLimits
from downloads.links import KEY_BYTES, DownloadLinks
from lists.infohashes import Lists
from storage import schema
from storage.accounts import SqlAccounts
from storage.cache_records import SqlCacheRecords
from storage.catalogue import catalogue_store
from storage.census import FolderDayKeys, SqlCensus
from storage.data_folder import DataFolder
from storage.database import Database
from storage.files import FileBlobs
from storage.lists import SqlListEntries
from storage.sqlite.search.index import SqliteSearchIndex
from tests.support.cache_server import NoPolicy
from tests.support.databases import open_database
from tests.support.lookups import make_lookups
from tracker.census import Census
from tracker.geo import EmbeddedCountries
from tracker.model import ZERO_COUNTS, Counts, SwarmTotals

ANYONE = frozenset({Right.READ, Right.DOWNLOAD})
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class NameAsTitle:
    """A parser of release names that finds nothing but the name."""

    async def parse(self, sheet: MetainfoSummary) -> ParsedRelease:
        """Return the name as the title."""
        return ParsedRelease(sheet.name, "Unsorted")


@dataclass
class OpenedServices:
    """Services, and the databases and folder to close after them."""

    services: Services
    databases: tuple[Database, ...]
    folder: DataFolder

    async def close(self) -> None:
        """Close the stores."""
        await self.services.uploads.drain()
        await self.services.takedowns.drain()
        await self.services.accounts.close()
        for database in self.databases:
            await database.close()
        self.folder.__exit__(None, None, None)


async def open_services(
    folder: Path,
    clock: Callable[[], float],
    swarms: Mapping[InfoHash, Counts],
    *,
    rates: Mapping[str, str],
    anonymous: frozenset[Right] = ANYONE,
    registration: bool = False,
    keys_per_user: int = 100,
    limit: int = 10 << 20,
) -> OpenedServices:
    """Open everything in a folder; `swarms` are the live numbers, `clock` gives unix seconds."""
    data = DataFolder(folder / "data").__enter__()
    database = await open_database(data.records, schema.PEERAGE, "FULL")
    journal = await open_database(data.swarms, schema.SWARMS, "NORMAL")
    blobs = FileBlobs(data.torrents)
    await blobs.open()
    cache = TorrentCache(blobs, SqlCacheRecords(database), Quota(1000, 1 << 40, 0), clock)
    accounts = _accounts(database, clock, keys_per_user)
    rights = Rights(anonymous)
    index = SqliteSearchIndex(database, 10_000, 5.0)
    catalogue = Catalogue.over(catalogue_store(database, index, clock), clock)
    takedowns = Takedowns(cache, catalogue.store.torrents, Lists(SqlListEntries(database)), NoPolicy(), clock)
    uploads = Uploads(cache, takedowns, catalogue, NameAsTitle(), clock, limit=limit)
    census = Census(await SqlCensus.open(journal), FolderDayKeys(data, bytes), EmbeddedCountries(), clock)
    services = Services(
        catalogue=catalogue.store,
        search=Search(index),
        curation=Curation(catalogue, uploads, takedowns, rights),
        account_management=AccountManagement(
            accounts, catalogue.moderation, rights, registration=registration
        ),
        accounts=accounts,
        rights=rights,
        uploads=uploads,
        takedowns=takedowns,
        list_moderation=ListModeration(takedowns, catalogue.moderation, rights),
        cache=cache,
        lookups=make_lookups(uploads, cache, takedowns),
        downloads=Downloads(DownloadLimits(), None),
        links=DownloadLinks(bytes(KEY_BYTES), 3600, clock),
        transfers=Transfers(8, 8),
        files_url=None,
        census=census,
        scrape=lambda infohash: swarms.get(infohash, ZERO_COUNTS),
        swarms=lambda: SwarmTotals(3, 9, 5, 4),
        authenticator=Authenticator(accounts, secure=False),
        rate_limits=RateLimits(rates, clock),
        clients=ClientAddress([], "x-forwarded-for"),
        memory=BodyMemory(64 << 20),
        public_url=None,
        site_name="Peerage",
        token_lifetime=86_400,
        clock=clock,
    )
    return OpenedServices(services, (database, journal), data)


def _accounts(database: Database, clock: Callable[[], float], keys_per_user: int) -> Accounts:
    random = _random()
    return Accounts(
        SqlAccounts(database),
        Secrets(bytes(32), random),
        Passwords(2, random, hasher=QUICK),
        LoginThrottle("1000/minute", clock),
        clock,
        session_lifetime=86_400,
        keys_per_user=keys_per_user,
    )


def _random() -> Callable[[int], bytes]:
    numbers = count()
    return lambda size: hashlib.shake_128(str(next(numbers)).encode()).digest(size)
