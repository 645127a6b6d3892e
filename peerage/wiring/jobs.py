"""Makes the downloads of accounts, with libtorrent as the engine where it is installed and enabled."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from downloads.deferred_engine import DeferredEngine
from downloads.downloads import DownloadBackend, Downloads
from downloads.engine import Engine
from downloads.folder import ContentFolder, ResumeFiles
from downloads.limits import DownloadLimits
from downloads.outgoing_filter import OutgoingFilter
from peerage.config import Settings
from peerage.sections import DownloadsSection
from storage.jobs import SqlJobs

if TYPE_CHECKING:
    from downloads.store import JobHooks
    from peerage.wiring.application import Application

_RESUME = ".resume"

log = structlog.get_logger()


def make_jobs(application: "Application") -> Downloads:
    """Return the downloads of an application; without libtorrent, or switched off, they refuse everything."""
    settings, environment = application.settings, application.environment
    wanted = settings.downloads
    content = wanted.folder or application.stores.folder.downloads
    engine = environment.engine
    if engine is None and wanted.enabled:
        engine = _engine(settings, ResumeFiles(content / _RESUME))
    backend = None
    if engine is not None:
        jobs, hooks = SqlJobs(application.stores.records), _make_hooks(application)
        backend = DownloadBackend(engine, jobs, ContentFolder(content), hooks, environment.clock)
    downloads = Downloads(download_limits(wanted), backend, application.children)
    application.stack.push_async_callback(downloads.stop)
    return downloads


def _make_hooks(application: "Application") -> "JobHooks":
    """Return what jobs ask of blocklist and cache; a command lists and deletes jobs, for which nothing is asked."""
    if not application.serves:
        from downloads.store import UnaskedHooks  # noqa: PLC0415 - as below

        return UnaskedHooks()
    # What lets torrents in takes a command longer to import than what it does.
    from actions.download_hooks import DownloadHooks  # noqa: PLC0415

    return DownloadHooks(application.takedowns, application.uploads, application.webhooks.emit)


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
