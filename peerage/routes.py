"""What answers every HTTP request: the routes of all doors, and what stands before them."""

import asyncio
from collections.abc import Sequence
from functools import partial

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
from doors.access_log import AccessLog
from doors.admission import Admission
from doors.client_address import ClientAddress
from doors.client_work import FairRequests
from doors.error_pages import ErrorPages
from doors.files import isolate_files_host
from doors.held_requests import HeldRequests
from doors.lookup_on_miss import LookupOnMiss
from doors.metrics import (
    ClusterCollector,
    DoorsCollector,
    FiguresCollector,
    FilesCollector,
    KeptFilesCollector,
    LoopCollector,
    MetricsDoor,
    RoomCollector,
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
from peerage.app import App
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.live_settings import LiveSettings
from peerage.sections import LimitsSection
from peerage.wiring.application import Application
from peerage.wiring.services import make_admission, make_services, make_site, request_rates


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
    application.refusals = partial(_refusals, listeners, uploads)
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

    def around(app: ASGIApp) -> ASGIApp:
        fair = FairRequests(_held(app, finished), listeners.work, clients)
        return access.around(listeners.request_times.around(fair))

    return App(direct, routes, admission.root_path, around, ErrorPages(site).answer)


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


def _refusals(listeners: Listeners, uploads: UploadAdmission) -> dict[str, int]:
    """Return what was refused since the start, by the names of `Application.refusals`."""
    tracker = {f"refused.{code}": count for code, count in listeners.counters().refusals.items()}
    return tracker | {f"declined.{code}": count for code, count in uploads.counters.refusals.items()}


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
        lambda: application.tracker.census.countries,
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
        RoomCollector(application.cache_room),
        *([KeptFilesCollector(listeners.kept_files.counts)] if listeners.kept_files is not None else ()),
        *([ClusterCollector(application.replicator)] if application.replicator is not None else ()),
        *([WebSocketCollector(listeners.websocket)] if listeners.websocket is not None else ()),
    ]
    return MetricsDoor(collectors, clients, settings.networks, everyone=settings.open)
