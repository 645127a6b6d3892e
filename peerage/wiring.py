"""Hides which class stands behind each protocol: the only place that names them, opens them and closes them."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from accounts.accounts import Accounts
from actions.health import Health
from actions.takedowns import Takedowns
from actions.transfer import Transfer
from actions.uploads import Uploads
from cache.quota import Quota
from cache.torrents import TorrentCache
from lists.infohashes import Lists
from peerage.config import Settings
from peerage.members import make_accounts
from peerage.sections import TrackerSection
from peerage.stores import make_store, terms_of
from peerage.welcome import Welcome
from storage import schema
from storage.database import Database
from storage.files import FileBlobs
from storage.folder import DataFolder
from storage.journal import SqliteJournal
from storage.lists import SqliteEntries
from storage.records import SqliteRecords
from tracker.flusher import Flusher, Journal
from tracker.native_swarms import NativeSwarms
from tracker.policy import Policy
from tracker.sweeper import sweep_once
from tracker.tracker import Tracker

if TYPE_CHECKING:
    from tracker._native import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that one data folder holds, opened and joined."""

    settings: Settings
    folder: DataFolder
    cache: TorrentCache
    lists: Lists
    journal: Journal
    tracker: Tracker
    flusher: Flusher
    uploads: Uploads
    takedowns: Takedowns
    transfer: Transfer
    health: Health
    accounts: Accounts
    welcome: Welcome

    @property
    def native_store(self) -> "Store | None":
        """The store in C, where it is in use."""
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

    Files and records are brought into step, and the tracker knows the lists; the swarms come with
    `Rooms.restore`. Raises FolderInUse, FolderError, DatabaseError, NoNativeStore.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(settings.data))
        records = await Database.open(folder.records, schema.PEERAGE, "FULL")
        stack.push_async_callback(records.close)
        journal = await SqliteJournal.open(folder.swarms)
        stack.push_async_callback(journal.close)
        rooms = await _join(settings, folder, records, journal)
        stack.push_async_callback(_finish, rooms)
        await rooms.cache.reconcile()
        await rooms.takedowns.start()
        yield rooms


async def _join(settings: Settings, folder: DataFolder, records: Database, journal: Journal) -> Rooms:
    blobs = FileBlobs(folder.torrents)
    await blobs.open()
    keep = settings.cache
    quota = Quota(keep.max_files, keep.max_bytes, keep.min_free_disk)
    cache = TorrentCache(blobs, SqliteRecords(records), quota, time.time)
    lists = Lists(SqliteEntries(records))
    tracker = _tracker(settings.tracker)
    flusher = Flusher(tracker.store, journal, settings.tracker.flush_every, time.monotonic, _flush_failed)
    accounts = make_accounts(settings, folder, records)
    takedowns = Takedowns(cache, lists, tracker.policy, time.time)
    uploads = Uploads(cache, takedowns, limit=keep.max_torrent_size)
    return Rooms(
        settings=settings,
        folder=folder,
        cache=cache,
        lists=lists,
        journal=journal,
        tracker=tracker,
        flusher=flusher,
        uploads=uploads,
        takedowns=takedowns,
        transfer=Transfer(uploads, cache),
        health=Health(cache, journal),
        accounts=accounts,
        welcome=Welcome(accounts, folder.path, settings.public_url, settings.listen),
    )


def _tracker(settings: TrackerSection) -> Tracker:
    store = make_store(settings)
    policy = Policy(store, listed=settings.policy == "listed")
    return Tracker(store, policy, terms_of(settings), time.time)


async def _finish(rooms: Rooms) -> None:
    """Let what was begun end, then write the last changes."""
    await rooms.uploads.drain()
    await rooms.takedowns.drain()
    await rooms.cache.drain()
    await rooms.flusher.flush()
    await rooms.accounts.close()


def _flush_failed(error: Exception) -> None:
    log.error("swarms.flush_failed", error=str(error), cause=str(error.__cause__))
