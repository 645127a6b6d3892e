"""The running service: sockets, routes and timers of one process, from start to the last flush."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
import uvloop
from starlette.types import ASGIApp

import doors.cache
import doors.feeds.door
import doors.feeds.torznab
import doors.files
import doors.gazelle.door
import doors.qbittorrent.door
import doors.rest.door
import doors.torbox.door
import doors.torrent_api
import soap.door
import web.pages
from actions.mirroring import Mirroring
from actions.retention import Retention, RetentionTerms
from doors.client_address import ClientAddress
from doors.client_work import FairRequests
from doors.control import ControlServer
from doors.files import isolate_files_host
from doors.kept_files import KeptFileRenewal
from doors.lookup_on_miss import LookupOnMiss
from doors.metrics import (
    DoorsCollector,
    FilesCollector,
    KeptFilesCollector,
    LoopCollector,
    MetricsDoor,
    TrackerCollector,
    WebSocketCollector,
    health_routes,
)
from doors.page_layout import PageSite
from doors.qbittorrent.own_address import serve_alone
from doors.request_limits import RateLimiter
from doors.root_path import root_path, strip_root
from doors.tracker_stats import StatsDoor
from doors.upload_admission import CacheCounters, UploadAdmission
from peerage import __version__
from peerage.account_maintenance import maintain_accounts
from peerage.allocator import freeze_objects, tune_allocator
from peerage.app import App
from peerage.commands.handlers import control_commands
from peerage.commands.registry import every_command
from peerage.config import Settings
from peerage.descriptors import prepare_descriptors, report_pauses
from peerage.listeners import Listeners, Server
from peerage.setting_values import ListenAddress
from peerage.signal_requests import REQUESTS, STOP, SignalRequests
from peerage.sockets import BoundAddress, bind
from peerage.wiring.application import Application, open_application
from peerage.wiring.mirror import make_configured_mirroring
from peerage.wiring.services import make_admission, make_services
from storage.retention import SqlRetention
from tasks.fair_executor import FairExecutor
from tracker.sweeper import sweep

Ready = Callable[[Application, Sequence[BoundAddress]], None]

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Threads for what would stop the event loop: as many as asyncio has by itself."""
_UMASK = 0o077  # what the service writes is its user's alone

log = structlog.get_logger()


def run(settings: Settings, ready: Ready) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything is written and closed.

    Raises BindError, FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore, NoNativeDoor.
    """
    os.umask(_UMASK)
    for number in REQUESTS:  # none ends the process before it is ready
        signal.signal(number, signal.SIG_IGN)
    tune_allocator()
    prepare_descriptors(settings)
    uvloop.run(serve(settings, ready))


async def serve(settings: Settings, ready: Ready) -> None:
    """Serve one data folder over every door until a signal; `ready` is called when all are open."""
    asyncio.get_running_loop().set_default_executor(FairExecutor(_THREADS, "work"))
    async with open_application(settings) as application, AsyncExitStack() as stack:
        log.info("swarms.store", store=application.tracker.tracker.store.name, asked=settings.tracker.store)
        bound = bind(settings.listen, lenient=settings.listen_is_default)
        alone = bind(settings.qbittorrent.listen, lenient=False) if settings.qbittorrent.listen else []
        for each in (*bound, *alone):
            stack.callback(each.close)
        await application.accounts.one_time_links.open(
            [ListenAddress(each.host, each.port) for each in bound]
        )
        listeners = Listeners(application)
        await stack.enter_async_context(listeners.serve_udp([*bound, *alone]))
        commands = control_commands(application, every_command().values())
        control = ControlServer(commands, application.stores.folder.control_socket)
        await control.start()
        stack.push_async_callback(control.close)
        await application.downloads.downloads.begin()
        app = make_served(application, listeners, frozenset(each.port for each in alone))
        server = listeners.server(app, [*bound, *alone], lambda: ready(application, bound))
        for each in alone:
            log.info("qbittorrent.open", address=each.authority)
        await stack.enter_async_context(_timers(application, listeners, server.stop))
        await _until_signal(application, server)
        log.info("service.stopping")


def make_served(
    application: Application, listeners: Listeners, alone: frozenset[int] = frozenset()
) -> ASGIApp:
    """Make what answers every request: the application, below the root path and beside the host of files.

    On the ports `alone` qBittorrent's API is served at the root.
    """
    public_url, files_url = application.settings.public_url, application.settings.downloads.files_url
    app = isolate_files_host(make_app(application, listeners), files_url, public_url)
    app = strip_root(app, (root_path(public_url), root_path(files_url)))
    return serve_alone(app, application.settings.qbittorrent.url, alone)


def make_app(application: Application, listeners: Listeners) -> App:
    """Make the application of every HTTP route."""
    settings = application.settings
    clients = ClientAddress(settings.trusted_proxies, settings.forwarded_header)
    admission = make_admission(application, clients)
    uploads = UploadAdmission(
        application.torrents.uploads,
        admission,
        RateLimiter(settings.cache.upload_rate),
        CacheCounters(),
        anonymous=settings.cache.anonymous_upload,
    )
    direct: dict[str, ASGIApp] = {"/announce": listeners.announce, "/scrape": listeners.scrape}
    metrics = _make_metrics(application, listeners, uploads, clients)
    stats = StatsDoor(
        listeners.counters,
        application.tracker.tracker.store.totals,
        metrics.allows,
        __version__,
        application.environment.timer,
    )
    services = make_services(application, admission)
    documented = settings.torrent_api.error_status == "documented"
    routes = [
        *soap.door.routes(uploads),
        *doors.rest.door.routes(services.rest),
        *doors.gazelle.door.routes(services.gazelle),
        *doors.torrent_api.routes(services.torrent_api, documented_errors=documented),
        *doors.torbox.door.routes(services.torbox),
        *doors.qbittorrent.door.routes(services.qbittorrent),
        *doors.files.routes(services.files),
        *doors.feeds.door.routes(services.feeds),
        *doors.feeds.torznab.routes(services.feeds),
        *web.pages.routes(services.pages),
        *doors.cache.routes(
            application.torrents.cache,
            uploads,
            application.torrents.files,
            PageSite(settings.catalogue.site_name, admission.root_path),
            LookupOnMiss(application.downloads.lookups, uploads),
            kept=listeners.kept_files,
        ),
    ]
    return App(
        direct,
        [*routes, metrics.route(), *stats.routes(), *health_routes(application.health)],
        admission.root_path,
        lambda app: FairRequests(app, listeners.work, clients),
    )


def _make_metrics(
    application: Application, listeners: Listeners, uploads: UploadAdmission, clients: ClientAddress
) -> MetricsDoor:
    settings = application.settings.metrics
    collectors = [
        TrackerCollector(application.tracker.tracker, application.tracker.flusher, listeners.counters),
        LoopCollector(listeners.loop_stalls, listeners.work.turns),
        DoorsCollector(
            listeners.name,
            listeners.connections,
            uploads.counters,
            listeners.memory,
            lambda: uploads.uploads.accepted,
            native_files=listeners.file_counts,
        ),
        FilesCollector(application.stores.blobs, application.torrents.scrubber),
        *([KeptFilesCollector(listeners.kept_files.counts)] if listeners.kept_files is not None else ()),
        *([WebSocketCollector(listeners.websocket)] if listeners.websocket is not None else ()),
    ]
    return MetricsDoor(collectors, clients, settings.networks, everyone=settings.open)


async def _until_signal(application: Application, server: Server) -> None:
    """Serve HTTP until a signal; the first one to stop does so gracefully, the second at once.

    After that none has an effect: the last flush is under way.
    """
    loop = asyncio.get_running_loop()
    requests = SignalRequests(application)
    handlers = {**dict.fromkeys(STOP, server.stop), **requests.handlers()}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        await server.serve(sockets=[])
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        await requests.close()


def _renewal(application: Application, listeners: Listeners) -> KeptFileRenewal | None:
    kept, torrents = listeners.kept_files, application.torrents
    return KeptFileRenewal(kept, torrents.cache, torrents.files) if kept is not None else None


def _retention(application: Application) -> Retention:
    wanted = application.settings.retention
    return Retention(
        SqlRetention(application.stores.records),
        application.accounts.accounts.log,
        RetentionTerms(wanted.addresses, wanted.logins, wanted.log, wanted.reports, wanted.deliveries),
        application.environment.clock,
    )


def _mirror(application: Application) -> "RunningMirror | None":
    mirroring = make_configured_mirroring(application)
    return None if mirroring is None else RunningMirror(mirroring, application.settings.mirror.interval)


@dataclass(frozen=True, slots=True)
class RunningMirror:
    """What follows another service as long as this one runs."""

    mirroring: Mirroring
    interval: float

    async def run(self) -> None:
        """Catch up again and again; never returns."""
        await self.mirroring.run(self.interval)


@asynccontextmanager
async def _timers(
    application: Application, listeners: Listeners, stop: Callable[[], None]
) -> AsyncIterator[None]:
    """Restore the swarms, then flush and sweep them until the end; a failure stops the service."""

    async def run_timers() -> None:
        try:
            await application.tracker.restore()
            freeze_objects()
            await asyncio.gather(
                application.tracker.flusher.run(),
                sweep(application.tracker.tracker.store, time.time),
                listeners.loop_stalls.run(),
                report_pauses(lambda: listeners.connections().accepting_paused),
                maintain_accounts(application.accounts.accounts, application.accounts.one_time_links),
                application.catalogue.sync.run(),
                application.catalogue.changes.run(),
                application.webhooks.run(),
                _retention(application).run(),
                *(
                    each.run()
                    for each in (
                        application.ledger if application.private else None,
                        application.downloads.auto_fetch,
                        application.downloads.engine_announcer,
                        application.torrents.scrubber,
                        _renewal(application, listeners),
                        listeners.websocket,
                        _mirror(application),
                    )
                    if each is not None
                ),
            )
        except Exception as error:
            log.critical("service.failed", error=str(error), kind=type(error).__name__)
            stop()
            raise

    application.tracker.tracker.restoring = True
    task = asyncio.create_task(run_timers())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
