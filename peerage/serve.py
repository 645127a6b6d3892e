"""The running service: sockets, routes and timers of one process, from start to the last flush."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
import uvloop
from starlette.types import ASGIApp

import doors.cache
import doors.feeds.door
import doors.feeds.torznab
import doors.files
import doors.gazelle.door
import doors.rest.door
import doors.torbox.door
import doors.torrent_api
import soap.door
import web.pages
from doors.admission import Admission
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
from doors.request_limits import RateLimiter
from doors.root_path import root_path, strip_root
from doors.tracker_stats import StatsDoor
from doors.upload_admission import CacheCounters, UploadAdmission
from peerage import __version__
from peerage.account_maintenance import maintain_accounts
from peerage.allocator import freeze_objects, tune_allocator, tune_interpreter
from peerage.app import App
from peerage.commands.handlers import control_commands
from peerage.commands.registry import every_command
from peerage.config import Settings
from peerage.descriptors import prepare_descriptors, report_pauses
from peerage.listeners import Listeners, Server
from peerage.live_settings import LiveSettings
from peerage.logs import configure_logs
from peerage.sections import LimitsSection
from peerage.setting_values import ListenAddress
from peerage.signal_requests import REQUESTS, STOP, SignalRequests
from peerage.sockets import BoundAddress, bind, inherited
from peerage.wiring.application import Application, open_application
from peerage.wiring.services import make_admission, make_services, request_rates
from tasks.fair_executor import FairExecutor
from tracker.sweeper import sweep

Ready = Callable[[Application, Sequence[BoundAddress]], None]

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Threads for what would stop the event loop: as many as asyncio has by itself."""
_UMASK = 0o077  # what the service writes is its user's alone

log = structlog.get_logger()


def run(settings: Settings, ready: Ready, read: Callable[[], Settings]) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything is written and closed. `read` reads the settings again.

    Raises BindError, FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore, NoNativeDoor.
    """
    os.umask(_UMASK)
    for number in REQUESTS:  # none ends the process before it is ready
        signal.signal(number, signal.SIG_IGN)
    tune_allocator()
    tune_interpreter()
    prepare_descriptors(settings)
    uvloop.run(serve(settings, ready, read))


async def serve(settings: Settings, ready: Ready, read: Callable[[], Settings]) -> None:
    """Serve one data folder over every door until a signal; `ready` is called when all are open."""
    asyncio.get_running_loop().set_default_executor(FairExecutor(_THREADS, "work"))
    async with open_application(settings) as application, AsyncExitStack() as stack:
        log.info("swarms.store", store=application.tracker.tracker.store.name, asked=settings.tracker.store)
        bound = inherited(os.environ, os.getpid())
        if bound:
            log.info("sockets.inherited", addresses=[each.authority for each in bound])
        else:
            bound = bind(settings.listen, lenient=settings.listen_is_default)
        for each in bound:
            stack.callback(each.close)
        await application.accounts.one_time_links.open(
            [ListenAddress(each.host, each.port) for each in bound]
        )
        listeners = Listeners(application)
        live = LiveSettings(settings, read)
        live.on_change(dict.fromkeys(("log.level", "log.format"), lambda given: configure_logs(given.log)))
        await stack.enter_async_context(listeners.serve_udp(bound))
        commands = control_commands(application, every_command().values())
        control = ControlServer(commands, application.stores.folder.control_socket)
        await control.start()
        stack.push_async_callback(control.close)
        await application.downloads.downloads.begin()
        server = listeners.server(
            make_served(application, listeners, live), bound, lambda: ready(application, bound)
        )
        await stack.enter_async_context(_timers(application, listeners, server.stop))
        await _until_signal(application, server, live)
        log.info("service.stopping")


def make_served(application: Application, listeners: Listeners, live: LiveSettings | None = None) -> ASGIApp:
    """Make what answers every request: the application, below the root path and beside the host of files."""
    public_url, files_url = application.settings.public_url, application.settings.downloads.files_url
    app = isolate_files_host(make_app(application, listeners, live), files_url, public_url)
    return strip_root(app, (root_path(public_url), root_path(files_url)))


def make_app(application: Application, listeners: Listeners, live: LiveSettings | None = None) -> App:
    """Make the application of every HTTP route; rates change with `live`."""
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
    if live is not None:
        _follow_rates(live, admission, uploads)
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


def _follow_rates(live: LiveSettings, admission: Admission, uploads: UploadAdmission) -> None:
    """Let rates of requests change while the service runs; that of log-ins counts failures and stays."""

    def set_rates(settings: Settings) -> None:
        admission.rate_limits.set_rates(request_rates(settings))

    rates = [f"limits.{name}" for name in LimitsSection.model_fields if name != "login"]
    live.on_change(dict.fromkeys((*rates, "downloads.create_rate"), set_rates))
    live.on_change(
        {"cache.upload_rate": lambda settings: uploads.rate_limiter.set_rate(settings.cache.upload_rate)}
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


async def _until_signal(application: Application, server: Server, live: LiveSettings) -> None:
    """Serve HTTP until a signal; the first one to stop does so gracefully, the second at once.

    After that none has an effect: the last flush is under way.
    """
    loop = asyncio.get_running_loop()
    requests = SignalRequests(application, live)
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
                *(
                    each.run()
                    for each in (
                        application.ledger if application.private else None,
                        application.downloads.auto_fetch,
                        application.downloads.engine_announcer,
                        application.torrents.scrubber,
                        _renewal(application, listeners),
                        listeners.websocket,
                        listeners.udp_keys,
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
