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
from actions.announcing import Announcing
from actions.cataloguing import Cataloguer
from actions.curation import Curation
from actions.enrichment import Enrichment
from actions.fetched import Fetched
from actions.figures import SwarmFigures
from actions.filling import Filling
from actions.health import Health
from actions.lookups import Lookups
from actions.membership import Membership
from actions.takedowns import Takedowns
from actions.title_import import TitleImport
from actions.transcript import Transcript
from actions.transfer import Transfer
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.quota import Quota
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.search import Search
from catalogue.shelf import Shelf
from downloads.downloads import Downloads
from lists.infohashes import Lists
from peerage.config import Settings
from peerage.downloading import make_downloads
from peerage.looking import make_announcing, make_filling, make_lookups
from peerage.members import make_accounts
from peerage.sections import TrackerSection
from peerage.stores import make_store, terms_of
from peerage.welcome import Welcome
from storage import schema
from storage.accounts import SqliteAccounts
from storage.catalogue import catalogue_shelf
from storage.census import FolderDayKeys, SqliteCensus
from storage.database import Database
from storage.files import FileBlobs
from storage.folder import DataFolder
from storage.journal import SqliteJournal
from storage.lists import SqliteEntries
from storage.records import SqliteRecords
from storage.search import SearchIndex
from storage.titles import SqliteTitles
from tracker.census import Census, CensusTerms
from tracker.flusher import Flusher, Journal, Observer
from tracker.geo import countries
from tracker.native_swarms import NativeSwarms
from tracker.policy import Policy
from tracker.sweeper import sweep_once
from tracker.tracker import Tracker

if TYPE_CHECKING:
    from tracker._native import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rooms:
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
    membership: Membership
    rights: Rights
    census: Census
    enrichment: Enrichment
    transfer: Transfer
    transcript: Transcript
    titles: SqliteTitles
    title_import: TitleImport
    health: Health
    accounts: Accounts
    lookups: Lookups
    filling: Filling | None
    downloads: Downloads
    announcing: Announcing | None
    welcome: Welcome

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
        self.tracker.policy.enforce()
        expired = sweep_once(self.tracker.store, int(time.time()))
        self.tracker.restoring = False
        totals = self.tracker.store.totals()
        seconds = round(time.monotonic() - began, 3)
        log.info("swarms.restored", rows=rows, peers=totals.peers, expired=expired, seconds=seconds)


@asynccontextmanager
async def open_rooms(settings: Settings) -> AsyncIterator[Rooms]:
    """Open a data folder for this process alone, and close it with everything written at the end.

    Files and records are reconciled, and the tracker knows the lists; the swarms come with
    `Rooms.restore`. Raises FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(settings.data))
        records = await Database.open(folder.records, schema.PEERAGE, "FULL", settings.catalogue.readers)
        stack.push_async_callback(records.close)
        swarms = await Database.open(folder.swarms, schema.SWARMS, "NORMAL", readers=1)
        stack.push_async_callback(swarms.close)
        titles = await SqliteTitles.open(folder.titles, settings.cache.min_free_disk)
        stack.push_async_callback(titles.close)
        stores = _Stores(settings, folder, records, swarms, titles)
        rooms = await _make_application(stores)
        stack.push_async_callback(_shut_down, rooms)
        await rooms.cache.reconcile()
        await rooms.downloads.load()
        await rooms.takedowns.start()
        await rooms.census.start()
        yield rooms


@dataclass(frozen=True, slots=True)
class _Stores:
    """The settings, and the databases and files that everything else is made over."""

    settings: Settings
    folder: DataFolder
    records: Database
    swarms: Database
    titles: SqliteTitles


@dataclass(frozen=True, slots=True)
class _Core:
    """The components that need the stores alone."""

    cache: TorrentCache
    shelf: Shelf
    index: SearchIndex
    catalogue: Catalogue
    tracker: Tracker
    census: Census
    journal: Journal
    lists: Lists


async def _make_core(stores: _Stores) -> _Core:
    settings, records = stores.settings.catalogue, stores.records
    index = SearchIndex(records, settings.search_candidates, settings.search_timeout)
    shelf = catalogue_shelf(records, index, time.time)
    return _Core(
        cache=await _make_cache(stores),
        shelf=shelf,
        index=index,
        catalogue=Catalogue(shelf, time.time),
        tracker=_make_tracker(stores.settings.tracker),
        census=await _make_census(stores),
        journal=SqliteJournal(stores.swarms),
        lists=Lists(SqliteEntries(records)),
    )


async def _make_application(stores: _Stores) -> Rooms:
    settings, folder, records = stores.settings, stores.folder, stores.records
    core = await _make_core(stores)
    cache, catalogue, tracker = core.cache, core.catalogue, core.tracker

    async def stop_fetching(names: Sequence[InfoHash]) -> None:
        await downloads.forget(names)

    blocked = (core.census.forget, stop_fetching)
    takedowns = Takedowns(cache, catalogue, core.lists, tracker.policy, time.time, blocked=blocked)
    cataloguer = Cataloguer(stores.titles)
    limit = settings.cache.max_torrent_size
    uploads = Uploads(cache, takedowns, catalogue, cataloguer, time.time, limit=limit)
    downloads = make_downloads(settings, folder, records, Fetched(takedowns, uploads))
    lookups = make_lookups(
        settings, downloads.engine, tracker.store, uploads=uploads, cache=cache, takedowns=takedowns
    )
    filling = make_filling(settings, lookups, catalogue, tracker.store)
    rights = Rights(frozenset(Right(name) for name in settings.accounts.anonymous))
    accounts = make_accounts(settings, folder, records)
    return Rooms(
        settings=settings,
        folder=folder,
        cache=cache,
        lists=core.lists,
        journal=core.journal,
        tracker=tracker,
        flusher=_make_flusher(settings.tracker, core, filling),
        uploads=uploads,
        takedowns=takedowns,
        catalogue=catalogue,
        search=Search(core.index),
        curation=Curation(catalogue, uploads, takedowns, rights),
        membership=Membership(accounts, catalogue, rights, registration=settings.accounts.registration),
        rights=rights,
        census=core.census,
        enrichment=Enrichment(cache, catalogue, takedowns, cataloguer),
        transfer=Transfer(uploads, cache),
        transcript=Transcript(core.shelf, SqliteAccounts(records), takedowns, time.time),
        titles=stores.titles,
        title_import=TitleImport(stores.titles),
        health=Health(cache, core.journal),
        accounts=accounts,
        lookups=lookups,
        filling=filling,
        downloads=downloads,
        announcing=make_announcing(settings, downloads, tracker.store),
        welcome=Welcome(accounts, folder.path, settings.public_url, settings.listen),
    )


async def _make_cache(stores: _Stores) -> TorrentCache:
    blobs = FileBlobs(stores.folder.torrents)
    await blobs.open()
    limits = stores.settings.cache
    quota = Quota(limits.max_files, limits.max_bytes, limits.min_free_disk)
    return TorrentCache(blobs, SqliteRecords(stores.records), quota, time.time)


def _make_flusher(settings: TrackerSection, core: _Core, filling: Filling | None) -> Flusher:
    """Make the flusher, which writes changed swarms and then calls the observers."""
    store = core.tracker.store
    observers: list[Observer] = [core.census.observe, SwarmFigures(core.catalogue, store.scrape).note]
    if filling is not None:
        observers.append(filling.observe)
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
    store = make_store(settings)
    policy = Policy(store, listed=settings.policy == "listed")
    return Tracker(store, policy, terms_of(settings), time.time)


async def _shut_down(rooms: Rooms) -> None:
    """Wait for operations under way, then write the last changes."""
    await rooms.lookups.close()
    await rooms.downloads.stop()
    await rooms.uploads.drain()
    await rooms.takedowns.drain()
    await rooms.cache.drain()
    try:
        await rooms.flusher.flush()
    finally:
        await rooms.accounts.close()


def _flush_failed(error: Exception) -> None:
    log.error("swarms.flush_failed", error=str(error), cause=str(error.__cause__))
