"""The application container: opens a data folder's stores, makes every component over them, closes them."""

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from accounts.accounts import Accounts
from accounts.rights import Right, Rights
from actions.account_management import AccountManagement
from actions.auto_fetch import AutoFetch
from actions.catalogue_dump import CatalogueDump
from actions.catalogue_sync import CatalogueSync
from actions.curation import Curation
from actions.download_hooks import DownloadHooks
from actions.engine_announcer import EngineAnnouncer
from actions.health import Health
from actions.list_moderation import ListModeration
from actions.lookups import Lookups
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
from catalogue.search import Search
from catalogue.store import CatalogueStore
from downloads.downloads import Downloads
from lists.infohashes import Lists
from peerage.config import Settings
from peerage.one_time_links import OneTimeLinks
from peerage.sections import TrackerSection
from peerage.wiring.accounts import make_accounts
from peerage.wiring.downloads import make_downloads
from peerage.wiring.lookups import make_auto_fetch, make_engine_announcer, make_lookups
from peerage.wiring.swarm_store import announce_terms, make_swarm_store
from storage import schema
from storage.accounts import SqliteAccounts
from storage.cache_records import SqliteCacheRecords
from storage.catalogue import catalogue_store
from storage.census import FolderDayKeys, SqliteCensus
from storage.data_folder import DataFolder
from storage.database import Database
from storage.files import FileBlobs
from storage.imdb_titles import SqliteImdbTitles
from storage.journal import SqliteJournal
from storage.lists import SqliteListEntries
from storage.search import SqliteSearchIndex
from tracker.census import Census, CensusTerms
from tracker.flusher import Flusher, FlushObserver, Journal
from tracker.geo import countries
from tracker.native_swarms import NativeSwarms
from tracker.policy import Policy
from tracker.sweeper import sweep_once
from tracker.tracker import Tracker

if TYPE_CHECKING:
    from tracker._native import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Application:
    """Every component of one service, opened over one data folder."""

    settings: Settings
    folder: DataFolder
    cache: TorrentCache
    lists: Lists
    journal: Journal
    tracker: Tracker
    flusher: Flusher
    uploads: Uploads
    takedowns: Takedowns
    catalogue: Catalogue
    search: Search
    curation: Curation
    account_management: AccountManagement
    list_moderation: ListModeration
    rights: Rights
    census: Census
    catalogue_sync: CatalogueSync
    transfer: Transfer
    catalogue_dump: CatalogueDump
    titles: SqliteImdbTitles
    title_import: TitleImport
    health: Health
    accounts: Accounts
    lookups: Lookups
    auto_fetch: AutoFetch | None
    downloads: Downloads
    engine_announcer: EngineAnnouncer | None
    one_time_links: OneTimeLinks

    @property
    def native_store(self) -> "Store | None":
        """The C swarm store, where it is in use."""
        store = self.tracker.store
        return store.handle if isinstance(store, NativeSwarms) else None

    async def restore(self) -> None:
        """Bring the swarms back from the journal; until that is done the tracker answers with a warning."""
        began = time.monotonic()
        self.tracker.restoring = True
        rows = await self.flusher.restore()
        self.tracker.policy.remove_denied()
        expired = sweep_once(self.tracker.store, int(time.time()))
        self.tracker.restoring = False
        totals = self.tracker.store.totals()
        seconds = round(time.monotonic() - began, 3)
        log.info("swarms.restored", rows=rows, peers=totals.peers, expired=expired, seconds=seconds)


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncIterator[Application]:
    """Open a data folder for this process alone, and close it with everything written at the end.

    Files and records are reconciled, and the tracker knows the lists; the swarms come with
    `Application.restore`. Raises FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(settings.data))
        records = await Database.open(folder.records, schema.PEERAGE, "FULL", settings.catalogue.readers)
        stack.push_async_callback(records.close)
        swarms = await Database.open(folder.swarms, schema.SWARMS, "NORMAL", readers=1)
        stack.push_async_callback(swarms.close)
        titles = await SqliteImdbTitles.open(folder.titles, settings.cache.min_free_disk)
        stack.push_async_callback(titles.close)
        stores = _Stores(settings, folder, records, swarms, titles)
        application = await _make_application(stores)
        stack.push_async_callback(_shut_down, application)
        await application.cache.reconcile()
        await application.downloads.load()
        await application.takedowns.start()
        await application.census.start()
        yield application


@dataclass(frozen=True, slots=True)
class _Stores:
    """The settings, and the databases and files that everything else is made over."""

    settings: Settings
    folder: DataFolder
    records: Database
    swarms: Database
    titles: SqliteImdbTitles


@dataclass(frozen=True, slots=True)
class _Core:
    """The components that need the stores alone."""

    cache: TorrentCache
    catalogue_stores: CatalogueStore
    index: SqliteSearchIndex
    catalogue: Catalogue
    tracker: Tracker
    census: Census
    journal: Journal
    lists: Lists


async def _make_core(stores: _Stores) -> _Core:
    settings, records = stores.settings.catalogue, stores.records
    index = SqliteSearchIndex(records, settings.search_candidates, settings.search_timeout)
    catalogue_stores = catalogue_store(records, index, time.time)
    return _Core(
        cache=await _make_cache(stores),
        catalogue_stores=catalogue_stores,
        index=index,
        catalogue=Catalogue(catalogue_stores, time.time),
        tracker=_make_tracker(stores.settings.tracker),
        census=await _make_census(stores),
        journal=SqliteJournal(stores.swarms),
        lists=Lists(SqliteListEntries(records)),
    )


async def _make_application(stores: _Stores) -> Application:
    settings, folder, records, core = stores.settings, stores.folder, stores.records, await _make_core(stores)
    cache, catalogue, tracker = core.cache, core.catalogue, core.tracker

    async def stop_fetching(names: Sequence[InfoHash]) -> None:
        await downloads.forget(names)

    blocked = (core.census.forget, stop_fetching)
    takedowns = Takedowns(cache, catalogue, core.lists, tracker.policy, time.time, on_blocked=blocked)
    cataloguer = ImdbReleaseParser(stores.titles)
    limit = settings.cache.max_torrent_size
    uploads = Uploads(cache, takedowns, catalogue, cataloguer, time.time, limit=limit)
    downloads = make_downloads(settings, folder, records, DownloadHooks(takedowns, uploads))
    lookups = make_lookups(
        settings, downloads.engine, tracker.store, uploads=uploads, cache=cache, takedowns=takedowns
    )
    auto_fetch = make_auto_fetch(settings, lookups, catalogue, tracker.store)
    rights = Rights(frozenset(Right(name) for name in settings.accounts.anonymous))
    accounts = make_accounts(settings, folder, records)
    return Application(
        settings=settings,
        folder=folder,
        cache=cache,
        lists=core.lists,
        journal=core.journal,
        tracker=tracker,
        flusher=_make_flusher(settings.tracker, core, auto_fetch),
        uploads=uploads,
        takedowns=takedowns,
        catalogue=catalogue,
        search=Search(core.index),
        curation=Curation(catalogue, uploads, takedowns, rights),
        account_management=AccountManagement(
            accounts, catalogue, rights, registration=settings.accounts.registration
        ),
        list_moderation=ListModeration(takedowns, catalogue, rights),
        rights=rights,
        census=core.census,
        catalogue_sync=CatalogueSync(cache, catalogue, takedowns, cataloguer),
        transfer=Transfer(uploads, cache),
        catalogue_dump=CatalogueDump(core.catalogue_stores, SqliteAccounts(records), takedowns, time.time),
        titles=stores.titles,
        title_import=TitleImport(stores.titles),
        health=Health(cache, core.journal),
        accounts=accounts,
        lookups=lookups,
        auto_fetch=auto_fetch,
        downloads=downloads,
        engine_announcer=make_engine_announcer(settings, downloads, tracker.store),
        one_time_links=OneTimeLinks(accounts, folder.path, settings.public_url, settings.listen),
    )


async def _make_cache(stores: _Stores) -> TorrentCache:
    blobs = FileBlobs(stores.folder.torrents)
    await blobs.open()
    limits = stores.settings.cache
    quota = Quota(limits.max_files, limits.max_bytes, limits.min_free_disk)
    return TorrentCache(blobs, SqliteCacheRecords(stores.records), quota, time.time)


def _make_flusher(settings: TrackerSection, core: _Core, auto_fetch: AutoFetch | None) -> Flusher:
    """Make the flusher, which writes changed swarms and then calls the observers."""
    store = core.tracker.store
    observers: list[FlushObserver] = [
        core.census.observe,
        SwarmStatsSync(core.catalogue, store.scrape).update,
    ]
    if auto_fetch is not None:
        observers.append(auto_fetch.observe)
    return Flusher(
        store, core.journal, settings.flush_every, time.monotonic, _flush_failed, observers=observers
    )


async def _make_census(stores: _Stores) -> Census:
    settings = stores.settings.census
    return Census(
        await SqliteCensus.open(stores.swarms),
        FolderDayKeys(stores.folder, os.urandom),
        countries(settings.database),
        time.time,
        CensusTerms(settings.enabled, settings.alive_days, settings.keep_days),
    )


def _make_tracker(settings: TrackerSection) -> Tracker:
    store = make_swarm_store(settings)
    policy = Policy(store, listed=settings.policy == "listed")
    return Tracker(store, policy, announce_terms(settings), time.time)


async def _shut_down(application: Application) -> None:
    """Wait for operations under way, then write the last changes."""
    await application.lookups.close()
    await application.downloads.stop()
    await application.uploads.drain()
    await application.takedowns.drain()
    await application.cache.drain()
    try:
        await application.flusher.flush()
    finally:
        await application.accounts.close()


def _flush_failed(error: Exception) -> None:
    log.error("swarms.flush_failed", error=str(error), cause=str(error.__cause__))
