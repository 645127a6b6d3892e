"""Makes the application of a service: every component over the stores of a data folder, in groups by subject.

Production, commands and tests make it here; they differ in settings, stores and environment.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from actions.catalogue_dump import CatalogueDump
from actions.catalogue_sync import CatalogueSync
from actions.curation import Curation
from actions.download_hooks import DownloadHooks
from actions.health import Health
from actions.list_moderation import ListModeration
from actions.release_parser import ImdbReleaseParser
from actions.swarm_stats_sync import SwarmStatsSync
from actions.takedowns import Takedowns
from actions.title_import import TitleImport
from actions.transfer import Transfer
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.quota import Quota
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.imdb_titles import ImdbTitles
from catalogue.search import Search
from lists.infohashes import Lists
from peerage.config import Settings
from peerage.wiring.accounts import AccountServices, make_accounts
from peerage.wiring.downloads import DownloadServices, make_downloads
from peerage.wiring.environment import SYSTEM, Environment
from peerage.wiring.lookups import make_auto_fetch, make_engine_announcer, make_lookups
from peerage.wiring.stores import Stores, open_stores
from peerage.wiring.tracker import TrackerServices, keep_swarms, make_census, make_tracker
from storage.accounts import SqlAccounts
from storage.cache_records import SqlCacheRecords
from storage.catalogue import catalogue_store
from storage.lists import SqlListEntries
from storage.sqlite.search.index import SqliteSearchIndex
from tracker.journal_row import JournalRow


@dataclass(frozen=True, slots=True)
class TorrentServices:
    """The `.torrent` files, and what may come in."""

    cache: TorrentCache
    takedowns: Takedowns
    list_moderation: ListModeration
    uploads: Uploads
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class CatalogueServices:
    """The records of torrents, and what changes and searches them."""

    catalogue: Catalogue
    search: Search
    curation: Curation
    sync: CatalogueSync
    dump: CatalogueDump
    titles: ImdbTitles
    title_import: TitleImport


@dataclass(frozen=True, slots=True)
class Application:
    """Every component of one service, over the stores of one data folder."""

    settings: Settings
    stores: Stores
    environment: Environment
    accounts: AccountServices
    tracker: TrackerServices
    torrents: TorrentServices
    catalogue: CatalogueServices
    downloads: DownloadServices
    health: Health


@asynccontextmanager
async def open_application(
    settings: Settings, environment: Environment = SYSTEM
) -> AsyncIterator[Application]:
    """Open a data folder for this process alone, and close it with everything written at the end.

    Files and records are reconciled, and the tracker knows the lists; the swarms come with
    `TrackerServices.restore`. Raises FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore.
    """
    async with AsyncExitStack() as stack:
        stores = await open_stores(settings, stack)
        application = await build_services(settings, stores, stack, environment)
        await start_services(application)
        yield application


async def start_services(application: Application) -> None:
    """Reconcile files and records, load the jobs, tell the tracker the lists, and open the census' day."""
    await application.torrents.cache.reconcile()
    await application.downloads.downloads.load()
    await application.torrents.takedowns.start()
    await application.tracker.start_census()


async def build_services(
    settings: Settings, stores: Stores, stack: AsyncExitStack, environment: Environment = SYSTEM
) -> Application:
    """Make every component; each registers its end on `stack`.

    What is made later ends earlier: lookups, downloads and uploads under way, then the last flush of the swarms, and
    at last the accounts. Raises FolderError, GeoError, NoNativeStore.
    """
    return await _Builder(settings, stores, stack, environment).build()


class _Builder:
    """Makes the groups one after the other; what is made first may call what is made last, by `_downloads`."""

    def __init__(
        self, settings: Settings, stores: Stores, stack: AsyncExitStack, environment: Environment
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._stack = stack
        self._environment = environment
        self._titles = environment.titles or stores.titles
        self._parser = environment.release_parser or ImdbReleaseParser(self._titles)
        self._account_store = SqlAccounts(stores.records)
        wanted = settings.catalogue
        self._index = SqliteSearchIndex(stores.records, wanted.search_candidates, wanted.search_timeout)
        store = catalogue_store(stores.records, self._index, environment.clock)
        self._catalogue = Catalogue.over(store, environment.clock)
        self._downloads: DownloadServices | None = None

    async def build(self) -> Application:
        """Make everything."""
        accounts = self._make_accounts()
        tracker = await self._make_tracker()
        torrents = self._make_torrents(tracker, accounts)
        self._downloads = self._make_downloads(tracker, torrents)
        return Application(
            settings=self._settings,
            stores=self._stores,
            environment=self._environment,
            accounts=accounts,
            tracker=tracker,
            torrents=torrents,
            catalogue=self._make_catalogue(torrents, accounts),
            downloads=self._downloads,
            health=self._make_health(torrents, tracker),
        )

    def _make_health(self, torrents: TorrentServices, tracker: TrackerServices) -> Health:
        health = Health(
            torrents.cache,
            tracker.journal,
            write=self._stores.folder.write_probe,
            timer=self._environment.timer,
        )
        self._stack.push_async_callback(health.close)
        return health

    def _make_accounts(self) -> AccountServices:
        folder = self._stores.folder
        accounts = make_accounts(
            self._settings, folder, self._account_store, self._catalogue.moderation, self._environment
        )
        self._stack.push_async_callback(accounts.accounts.close)
        return accounts

    async def _make_tracker(self) -> TrackerServices:
        tracker = make_tracker(self._settings, self._environment)
        stats = SwarmStatsSync(self._catalogue.store.statistics, tracker.store.scrape)
        services = keep_swarms(
            self._settings,
            self._stores,
            self._environment,
            tracker=tracker,
            census=await make_census(self._settings, self._stores, self._environment),
            observers=(stats.update, self._fetch_announced),
        )
        self._stack.push_async_callback(services.flusher.flush)
        return services

    def _make_torrents(self, tracker: TrackerServices, accounts: AccountServices) -> TorrentServices:
        settings, records, clock = self._settings.cache, self._stores.records, self._environment.clock
        quota = Quota(settings.max_files, settings.max_bytes, settings.min_free_disk)
        cache = TorrentCache(self._stores.blobs, SqlCacheRecords(records), quota, clock)
        self._stack.push_async_callback(cache.drain)
        lists, policy = Lists(SqlListEntries(records)), tracker.tracker.policy
        on_blocked = (tracker.census.forget, self._stop_fetching)
        takedowns = Takedowns(
            cache, self._catalogue.store.torrents, lists, policy, clock, on_blocked=on_blocked
        )
        self._stack.push_async_callback(takedowns.drain)
        limit = settings.max_torrent_size
        uploads = Uploads(cache, takedowns, self._catalogue, self._parser, clock, limit=limit)
        self._stack.push_async_callback(uploads.drain)
        return TorrentServices(
            cache=cache,
            takedowns=takedowns,
            list_moderation=ListModeration(takedowns, self._catalogue.moderation, accounts.rights),
            uploads=uploads,
            transfer=Transfer(uploads, cache),
        )

    def _make_downloads(self, tracker: TrackerServices, torrents: TorrentServices) -> DownloadServices:
        settings, store, uploads = self._settings, tracker.tracker.store, torrents.uploads
        hooks = DownloadHooks(torrents.takedowns, uploads)
        downloads = make_downloads(settings, self._stores, hooks, self._environment)
        self._stack.push_async_callback(downloads.stop)
        lookups = make_lookups(
            settings,
            downloads.engine,
            store,
            uploads=uploads,
            cache=torrents.cache,
            takedowns=torrents.takedowns,
            timer=self._environment.timer,
        )
        self._stack.push_async_callback(lookups.close)
        return DownloadServices(
            downloads=downloads,
            lookups=lookups,
            auto_fetch=make_auto_fetch(settings, lookups, self._catalogue.store.torrents, store),
            engine_announcer=make_engine_announcer(settings, downloads, store),
        )

    def _make_catalogue(self, torrents: TorrentServices, accounts: AccountServices) -> CatalogueServices:
        catalogue, uploads, takedowns = self._catalogue, torrents.uploads, torrents.takedowns
        return CatalogueServices(
            catalogue=catalogue,
            search=Search(self._index),
            curation=Curation(catalogue, uploads, takedowns, accounts.rights),
            sync=CatalogueSync(torrents.cache, catalogue, takedowns, self._parser),
            dump=CatalogueDump(catalogue, self._account_store, takedowns, self._environment.clock),
            titles=self._titles,
            title_import=TitleImport(self._stores.titles),
        )

    async def _fetch_announced(self, rows: Sequence[JournalRow]) -> None:
        if self._downloads is not None and self._downloads.auto_fetch is not None:
            await self._downloads.auto_fetch.observe(rows)

    async def _stop_fetching(self, infohashes: Sequence[InfoHash]) -> None:
        if self._downloads is not None:
            await self._downloads.downloads.forget(infohashes)
