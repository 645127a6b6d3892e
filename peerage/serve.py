"""The running service: sockets, routes and timers of one process, from start to the last flush."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import structlog
import uvloop
from starlette.routing import BaseRoute
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
from doors.access_log import AccessLog
from doors.admission import Admission
from doors.client_address import ClientAddress
from doors.client_work import FairRequests
from doors.control import ControlServer
from doors.error_pages import ErrorPages
from doors.files import isolate_files_host
from doors.held_requests import HeldRequests
from doors.kept_files import KeptFileRenewal
from doors.lookup_on_miss import LookupOnMiss
from doors.metrics import (
    DoorsCollector,
    FiguresCollector,
    FilesCollector,
    KeptFilesCollector,
    LoopCollector,
    MetricsDoor,
    TrackerCollector,
    WebSocketCollector,
    health_routes,
)
from doors.qbittorrent.own_address import serve_alone
from doors.request_limits import RateLimiter
from doors.root_path import root_path, strip_root
from doors.service_figures import LargestSwarms, ServiceFigures
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
from peerage.wiring.mirror import make_configured_mirroring
from peerage.wiring.services import make_admission, make_services, make_site, request_rates
from storage.retention import SqlRetention
from storage.unavailable import until_available
from tasks.fair_executor import FairExecutor
from tracker.sweeper import patient, sweep

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
    async with open_application(settings, started=False) as application, AsyncExitStack() as stack:
        await application.prepare()
        log.info("swarms.store", store=application.tracker.tracker.store.name, asked=settings.tracker.store)
        bound = inherited(os.environ, os.getpid())
        if bound:
            log.info("sockets.inherited", addresses=[each.authority for each in bound])
        else:
            bound = bind(settings.listen, lenient=settings.listen_is_default)
        alone = bind(settings.qbittorrent.listen, lenient=False) if settings.qbittorrent.listen else []
        for each in (*bound, *alone):
            stack.callback(each.close)
        application.listening = tuple(ListenAddress(each.host, each.port) for each in bound)
        await application.accounts.one_time_links.open(application.listening)
        listeners = Listeners(application)
        application.take_sample = listeners.take_sample
        live = LiveSettings(settings, read)
        live.on_change(dict.fromkeys(("log.level", "log.format"), lambda given: configure_logs(given.log)))
        await stack.enter_async_context(listeners.serve_udp([*bound, *alone]))
        commands = control_commands(application, every_command().values())
        control = ControlServer(commands, application.stores.folder.control_socket)
        await control.start()
        stack.push_async_callback(control.close)
        finished = asyncio.Event()
        app = make_served(application, listeners, finished, frozenset(each.port for each in alone), live)
        server = listeners.server(app, [*bound, *alone], lambda: ready(application, bound))
        for each in alone:
            log.info("qbittorrent.open", address=each.authority)
        await stack.enter_async_context(_timers(application, listeners, finished, server.stop))
        await _until_signal(application, server, live)
        log.info("service.stopping")


def make_served(
    application: Application,
    listeners: Listeners,
    finished: asyncio.Event | None = None,
    alone: frozenset[int] = frozenset(),
    live: LiveSettings | None = None,
) -> ASGIApp:
    """Make what answers every request: the application, below the root path and beside the host of files.

    Until interrupted takedowns are `finished` it answers announces and what asks after the service. On the ports
    `alone` qBittorrent's API is served at the root. Rates change with `live`.
    """
    public_url, files_url = application.settings.public_url, application.settings.downloads.files_url
    app = isolate_files_host(make_app(application, listeners, finished, live), files_url, public_url)
    app = strip_root(app, (root_path(public_url), root_path(files_url)))
    return serve_alone(app, application.settings.qbittorrent.url, alone)


def make_app(
    application: Application,
    listeners: Listeners,
    finished: asyncio.Event | None = None,
    live: LiveSettings | None = None,
) -> App:
    """Make the application of every HTTP route; rates change with `live`."""
    settings = application.settings
    clients = ClientAddress(settings.trusted_proxies, settings.forwarded_header)
    admission = make_admission(application, clients)
    uploads = _make_uploads(application, admission)
    if live is not None:
        _follow_rates(live, admission, uploads)
    direct: dict[str, ASGIApp] = {"/announce": listeners.announce, "/scrape": listeners.scrape}
    figures = _make_figures(application, listeners)
    metrics = _make_metrics(application, listeners, uploads, clients, figures)
    stats = _make_stats(application, listeners, metrics, figures)
    site = make_site(application, admission)
    services = make_services(application, admission, site)
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
            site,
            LookupOnMiss(application.downloads.lookups, uploads),
            kept=listeners.kept_files,
        ),
    ]
    health = health_routes(application.health, application.arrivals)
    routes = [*routes, metrics.route(), *stats.routes(), *health]
    access = _make_access_log(application, routes, clients, live)
    return App(
        direct,
        routes,
        admission.root_path,
        lambda app: access.around(
            listeners.request_times.around(FairRequests(_held(app, finished), listeners.work, clients))
        ),
        ErrorPages(site).answer,
    )


def _make_access_log(
    application: Application, routes: Sequence[BaseRoute], clients: ClientAddress, live: LiveSettings | None
) -> AccessLog:
    access = AccessLog(routes, clients, application.settings.log.access, application.environment.timer)

    def set_lines(settings: Settings) -> None:
        access.lines = settings.log.access

    if live is not None:
        live.on_change({"log.access": set_lines})
    return access


def _make_uploads(application: Application, admission: Admission) -> UploadAdmission:
    cache = application.settings.cache
    return UploadAdmission(
        application.torrents.uploads,
        admission,
        RateLimiter(cache.upload_rate),
        CacheCounters(),
        anonymous=cache.anonymous_upload,
    )


def _held(app: ASGIApp, finished: asyncio.Event | None) -> ASGIApp:
    return HeldRequests(app, finished) if finished is not None else app


def _make_stats(
    application: Application, listeners: Listeners, metrics: MetricsDoor, figures: ServiceFigures
) -> StatsDoor:
    totals, timer = application.tracker.tracker.store.totals, application.environment.timer
    return StatsDoor(listeners.counters, totals, metrics.allows, figures, timer)


def _make_figures(application: Application, listeners: Listeners) -> ServiceFigures:
    lookups, sampler = application.downloads.lookups, listeners.sampler
    return ServiceFigures(
        __version__,
        sampler.rates,
        sampler.mix,
        LargestSwarms(application.tracker.tracker.store.largest, application.environment.timer),
        listeners.request_times,
        listeners.announce_times,
        application.accounts.accounts.log.counts,
        lookups.counts,
        lambda: lookups.under_way,
        lambda: len(application.downloads.downloads.running()),
    )


def _follow_rates(live: LiveSettings, admission: Admission, uploads: UploadAdmission) -> None:
    """Let rates of requests change while the service runs; that of log-ins counts failures and stays."""

    def set_rates(settings: Settings) -> None:
        admission.rate_limits.set_rates(request_rates(settings))

    rates = [f"limits.{name}" for name in LimitsSection.__struct_fields__ if name != "login"]
    live.on_change(dict.fromkeys((*rates, "downloads.create_rate"), set_rates))
    live.on_change(
        {"cache.upload_rate": lambda settings: uploads.rate_limiter.set_rate(settings.cache.upload_rate)}
    )


def _make_metrics(
    application: Application,
    listeners: Listeners,
    uploads: UploadAdmission,
    clients: ClientAddress,
    figures: ServiceFigures,
) -> MetricsDoor:
    settings = application.settings.metrics
    collectors = [
        TrackerCollector(application.tracker.tracker, application.tracker.flusher, listeners.counters),
        FiguresCollector(figures),
        LoopCollector(listeners.loop_stalls, listeners.work.turns),
        DoorsCollector(
            listeners.name,
            listeners.connections,
            uploads.counters,
            listeners.memory,
            lambda: uploads.uploads.accepted,
            native_files=listeners.file_counts,
        ),
        FilesCollector(
            application.stores.blobs, application.torrents.scrubber, application.reconciliation.progress
        ),
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


async def _reconcile(application: Application) -> None:
    """Reconcile files with records, then the catalogue with both."""
    await application.reconciliation.run()
    await application.catalogue.sync.run()


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


class BackgroundTask(Protocol):
    """What runs beside the requests until the end."""

    async def run(self) -> None:
        """Do its work again and again."""


def _optional_tasks(application: Application, listeners: Listeners) -> Sequence[BackgroundTask | None]:
    """Return what runs where the settings ask for it, None for what they do not."""
    private = application.private
    return (
        application.ledger if private else None,
        application.bonus if private else None,
        application.standings if private else None,
        application.downloads.auto_fetch,
        application.downloads.engine_announcer,
        application.torrents.scrubber,
        _renewal(application, listeners),
        listeners.websocket,
        listeners.udp_keys,
        application.list_files if application.settings.lists.paths else None,
        _mirror(application),
    )


@asynccontextmanager
async def _timers(
    application: Application, listeners: Listeners, finished: asyncio.Event, stop: Callable[[], None]
) -> AsyncIterator[None]:
    """Finish what was interrupted, restore the swarms, then flush and sweep them; a failure stops the service."""
    settings = application.settings.tracker

    async def run_timers() -> None:
        try:
            await until_available(application.takedowns.finish)
            await application.downloads.downloads.begin()
            finished.set()
            await until_available(application.take_up)
            await until_available(application.tracker.restore)
            freeze_objects()
            await asyncio.gather(
                application.tracker.flusher.run(),
                sweep(application.tracker.tracker.store, patient(time.time, settings.interval)),
                listeners.loop_stalls.run(),
                listeners.sampler.run(),
                report_pauses(lambda: listeners.connections().accepting_paused),
                maintain_accounts(application.accounts.accounts, application.accounts.one_time_links),
                _reconcile(application),
                application.history.run(),
                application.catalogue.changes.run(),
                application.webhooks.run(),
                _retention(application).run(),
                *(each.run() for each in _optional_tasks(application, listeners) if each is not None),
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
