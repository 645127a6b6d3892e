"""Makes the cache of `.torrent` files, the lists over it, and what brings torrents in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.list_moderation import ListModeration
from actions.release_parser import ImdbReleaseParser
from actions.takedowns import Takedowns
from actions.torrent_files import TorrentFiles
from actions.transfer import Transfer
from actions.uploads import ReleaseParser, Uploads
from bittorrent.infohash import InfoHash
from cache.file_changes import ObservedBlobs, ObservedRecords
from cache.quota import Quota
from cache.scrubber import Scrubber
from cache.storage_shares import StorageShares
from cache.torrents import TorrentCache
from storage.cache_records import SqlCacheRecords

if TYPE_CHECKING:
    from peerage.wiring.application import Application
    from peerage.wiring.tracker import TrackerServices

_SHARES_KEY_BYTES = 16

OnBlocked = Callable[[Sequence[InfoHash]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TorrentServices:
    """The `.torrent` files, and what may come in."""

    cache: TorrentCache
    files: TorrentFiles
    takedowns: Takedowns
    list_moderation: ListModeration
    release_parser: ReleaseParser
    uploads: Uploads
    transfer: Transfer
    scrubber: Scrubber | None


def make_torrents(application: "Application", on_blocked: Sequence[OnBlocked]) -> TorrentServices:
    """Return the torrents of an application; the census and `on_blocked` are told of each that is blocked."""
    rights, tracker = application.accounts.rights, application.tracker
    cache = _make_cache(application)
    takedowns = _make_takedowns(application, tracker, cache, on_blocked)
    environment, records = application.environment, application.catalogue_records
    parser = environment.release_parser or ImdbReleaseParser(environment.titles or application.stores.titles)
    limit = application.settings.cache.max_torrent_size
    uploads = Uploads(cache, takedowns, records, parser, environment.clock, limit=limit)
    application.stack.push_async_callback(uploads.drain)
    return TorrentServices(
        cache=cache,
        files=_make_files(application),
        takedowns=takedowns,
        list_moderation=ListModeration(takedowns, records.moderation, rights),
        release_parser=parser,
        uploads=uploads,
        transfer=Transfer(uploads, cache),
        scrubber=_make_scrubber(application, cache),
    )


def _make_scrubber(application: "Application", cache: TorrentCache) -> Scrubber | None:
    days = application.settings.cache.scrub_days
    return Scrubber(cache, application.environment.clock, days * 86_400) if days else None


def _make_cache(application: "Application") -> TorrentCache:
    settings, stores, environment = application.settings.cache, application.stores, application.environment
    quota = Quota(settings.max_files, settings.max_bytes, settings.min_free_disk)
    key = environment.random(_SHARES_KEY_BYTES)
    shares = StorageShares(application.settings.fairness.terms, key, environment.clock)
    changes = application.file_changes
    blobs = ObservedBlobs(stores.blobs, changes)
    records = ObservedRecords(SqlCacheRecords(stores.records), changes)
    cache = TorrentCache(blobs, records, quota, environment.clock, shares)
    application.stack.push_async_callback(cache.drain)
    return cache


def _make_files(application: "Application") -> TorrentFiles:
    return TorrentFiles(
        application.accounts.rights,
        application.accounts.accounts.passkeys.passkey if application.private else None,
        restricted=not application.settings.cache.anonymous_private,
    )


def _make_takedowns(
    application: "Application",
    tracker: "TrackerServices",
    cache: TorrentCache,
    on_blocked: Sequence[OnBlocked],
) -> Takedowns:
    takedowns = Takedowns(
        cache,
        application.catalogue_records.store.torrents,
        application.lists,
        tracker.tracker.policy,
        application.environment.clock,
        on_blocked=(tracker.census.forget, *on_blocked),
    )
    application.stack.push_async_callback(takedowns.drain)
    return takedowns
