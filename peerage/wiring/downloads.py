"""Makes the downloads of a data folder, with libtorrent as the engine where it is installed and enabled."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from actions.auto_fetch import AutoFetch
from actions.download_hooks import DownloadHooks
from actions.engine_announcer import EngineAnnouncer
from actions.lookups import Lookups
from downloads.deferred_engine import DeferredEngine
from downloads.downloads import DownloadBackend, Downloads
from downloads.engine import Engine
from downloads.folder import ContentFolder, ResumeFiles
from downloads.limits import DownloadLimits
from downloads.outgoing_filter import OutgoingFilter
from peerage.config import Settings
from peerage.sections import DownloadsSection
from peerage.wiring.environment import Environment
from peerage.wiring.lookups import make_auto_fetch, make_engine_announcer, make_lookups
from peerage.wiring.stores import Stores
from storage.jobs import SqlJobs
from tasks.child_process import ChildProcesses

if TYPE_CHECKING:
    from peerage.wiring.application import Application

_RESUME = ".resume"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DownloadServices:
    """What fetches content and metadata."""

    downloads: Downloads
    lookups: Lookups
    auto_fetch: AutoFetch | None
    engine_announcer: EngineAnnouncer | None


def make_download_services(application: "Application") -> DownloadServices:
    """Return the downloads and lookups of an application."""
    settings, environment, torrents = application.settings, application.environment, application.torrents
    store, uploads = application.tracker.tracker.store, torrents.uploads
    hooks = DownloadHooks(torrents.takedowns, uploads, application.webhooks.emit)
    downloads = make_downloads(settings, application.stores, hooks, environment, application.children)
    application.stack.push_async_callback(downloads.stop)
    lookups = make_lookups(
        settings,
        downloads.engine,
        store,
        uploads=uploads,
        cache=torrents.cache,
        takedowns=torrents.takedowns,
        timer=environment.timer,
    )
    application.stack.push_async_callback(lookups.close)
    return DownloadServices(
        downloads=downloads,
        lookups=lookups,
        auto_fetch=make_auto_fetch(settings, lookups, application.catalogue_records.store.torrents, store),
        engine_announcer=make_engine_announcer(settings, downloads, store),
    )


def make_downloads(
    settings: Settings,
    stores: Stores,
    hooks: DownloadHooks,
    environment: Environment,
    children: ChildProcesses,
) -> Downloads:
    """Make the downloads of a data folder; without libtorrent, or switched off, they refuse everything."""
    wanted = settings.downloads
    content = wanted.folder or stores.folder.downloads
    engine = environment.engine
    if engine is None and wanted.enabled:
        engine = _engine(settings, ResumeFiles(content / _RESUME))
    if engine is None:
        return Downloads(download_limits(wanted), None, children)
    jobs = SqlJobs(stores.records)
    backend = DownloadBackend(engine, jobs, ContentFolder(content), hooks, environment.clock)
    return Downloads(download_limits(wanted), backend, children)


def download_limits(wanted: DownloadsSection) -> DownloadLimits:
    """Return the limits that the settings name."""
    return DownloadLimits(
        active=wanted.active,
        slots=wanted.slots,
        queue=wanted.queue,
        held=wanted.held,
        max_size=wanted.max_size,
        quota=wanted.quota,
        account_quota=wanted.account_quota,
        min_free_disk=wanted.min_free_disk,
        seed=wanted.seed,
        seed_ratio=wanted.seed_ratio,
        seed_time=wanted.seed_time,
    )


def _engine(settings: Settings, resume: ResumeFiles) -> Engine | None:
    if find_spec("libtorrent") is None:
        log.info("downloads.not_installed", remedy="pip install 'peerage[downloads]'")
        return None
    return DeferredEngine(lambda: _make_engine(settings, resume))


def _make_engine(settings: Settings, resume: ResumeFiles) -> Engine:
    # Imported late: libtorrent takes time and memory that a service without downloads does not need.
    from downloads.libtorrent_engine import LibtorrentEngine  # noqa: PLC0415
    from downloads.libtorrent_session import EngineSettings  # noqa: PLC0415

    wanted = settings.downloads
    terms = EngineSettings(
        listen=tuple(str(each) for each in wanted.listen),
        dht=wanted.dht,
        lsd=wanted.lsd,
        utp=wanted.utp,
        encryption=wanted.encryption,
        down_rate=wanted.down_rate,
        up_rate=wanted.up_rate,
        connections=wanted.connections,
        one_address=settings.lookups.private_peers,
    )
    return LibtorrentEngine(terms, resume, OutgoingFilter(allow_private=settings.lookups.private_peers))
