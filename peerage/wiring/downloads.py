"""Makes what fetches metadata, and joins it with the downloads of accounts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.auto_fetch import AutoFetch
from actions.engine_announcer import EngineAnnouncer
from actions.lookups import Lookups
from downloads.downloads import Downloads
from peerage.wiring.lookups import make_auto_fetch, make_engine_announcer, make_lookups

if TYPE_CHECKING:
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class DownloadServices:
    """What fetches content and metadata."""

    downloads: Downloads
    lookups: Lookups
    auto_fetch: AutoFetch | None
    engine_announcer: EngineAnnouncer | None


def make_download_services(application: "Application") -> DownloadServices:
    """Return the downloads and lookups of an application."""
    settings, torrents = application.settings, application.torrents
    store, downloads = application.tracker.tracker.store, application.jobs
    lookups = make_lookups(
        settings,
        downloads.engine,
        store,
        uploads=torrents.uploads,
        cache=torrents.cache,
        takedowns=torrents.takedowns,
        timer=application.environment.timer,
    )
    application.stack.push_async_callback(lookups.close)
    return DownloadServices(
        downloads=downloads,
        lookups=lookups,
        auto_fetch=make_auto_fetch(settings, lookups, application.catalogue_records.store.torrents, store),
        engine_announcer=make_engine_announcer(settings, downloads, store),
    )
