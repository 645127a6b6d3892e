"""The running service: sockets, routes and timers of one process, from start to the last flush."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
import uvloop
from starlette.types import ASGIApp

import doors.cache
import doors.files
import doors.gazelle.door
import doors.rest.door
import doors.torbox.door
import doors.torrent_api
import soap.door
import web.pages
from doors.client import ClientAddress
from doors.control import ControlServer
from doors.errand import Errands
from doors.files import apart
from doors.intake import Intake, Members, Tally
from doors.limits import BodyMemory, Rates
from doors.metrics import DoorsCollector, MetricsDoor, TrackerCollector, health_route
from peerage.app import App
from peerage.config import Settings
from peerage.deeds import deeds
from peerage.dialects import make_identity, make_office
from peerage.entrance import Entrance, Server
from peerage.quantities import Listen
from peerage.sockets import Bound, bind
from peerage.upkeep import keep_up
from peerage.wiring import Rooms, open_rooms
from tracker.sweeper import sweep

_BODIES = 16  # uploads of the largest size whose bodies are in memory at once

Ready = Callable[[Rooms, Sequence[Bound]], None]

log = structlog.get_logger()


def run(settings: Settings, ready: Ready) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything is written and closed.

    Raises NoSocket, FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore, NoNativeDoor.
    """
    uvloop.run(serve(settings, ready))


async def serve(settings: Settings, ready: Ready) -> None:
    """Serve one data folder over every door until a signal; `ready` is called when all are open."""
    async with open_rooms(settings) as rooms, AsyncExitStack() as stack:
        log.info("swarms.store", store=rooms.tracker.store.name, asked=settings.tracker.store)
        bound = bind(settings.listen, lenient=settings.listen_is_default)
        for each in bound:
            stack.callback(each.close)
        await rooms.welcome.open([Listen(each.host, each.port) for each in bound])
        entrance = Entrance(rooms)
        await stack.enter_async_context(entrance.datagrams(bound))
        control = ControlServer(deeds(rooms), rooms.folder.control_socket)
        await control.start()
        stack.push_async_callback(control.close)
        await rooms.downloads.begin()
        app = apart(make_app(rooms, entrance), settings.downloads.files_url, settings.public_url)
        server = entrance.server(app, bound, lambda: ready(rooms, bound))
        await stack.enter_async_context(_timers(rooms, server.stop))
        await _until_signal(server, entrance.listened(bound))
        log.info("service.stopping")


def make_app(rooms: Rooms, entrance: Entrance) -> App:
    """Make the application of every HTTP route."""
    settings = rooms.settings
    clients = ClientAddress(settings.trusted_proxies, settings.forwarded_header)
    intake = Intake(
        rooms.uploads,
        clients,
        Rates(settings.cache.upload_rate),
        BodyMemory(_BODIES * rooms.uploads.limit),
        Tally(),
        settings.public_url,
        None if settings.cache.anonymous_upload else Members(make_identity(rooms), rooms.rights),
    )
    direct: dict[str, ASGIApp] = {"/announce": entrance.announce, "/scrape": entrance.scrape}
    collectors = [
        TrackerCollector(rooms.tracker, rooms.flusher, entrance.tally),
        DoorsCollector(entrance.name, entrance.connections, intake.tally),
    ]
    metrics = MetricsDoor(collectors, clients, settings.metrics.networks, everyone=settings.metrics.open)
    office = make_office(rooms, clients, intake.memory)
    routes = [
        *soap.door.routes(intake),
        *doors.rest.door.routes(office),
        *doors.gazelle.door.routes(office),
        *doors.torrent_api.routes(
            office, rooms.titles, documented_errors=settings.torrent_api.error_status == "documented"
        ),
        *doors.torbox.door.routes(office),
        *doors.files.routes(office),
        *web.pages.routes(office),
        *doors.cache.routes(
            rooms.cache,
            intake,
            settings.catalogue.site_name,
            Errands(rooms.lookups, office.identity, intake),
        ),
    ]
    return App(direct, [*routes, metrics.route(), health_route(rooms.health)])


async def _until_signal(server: Server, sockets: list[socket.socket]) -> None:
    """Serve HTTP; the first signal stops it gracefully, the second at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve(sockets=sockets)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _timers(rooms: Rooms, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Restore the swarms, then flush and sweep them until the end; a failure stops the service."""

    async def run_timers() -> None:
        try:
            await rooms.restore()
            await asyncio.gather(
                rooms.flusher.run(),
                sweep(rooms.tracker.store, time.time),
                keep_up(rooms.accounts, rooms.welcome),
                rooms.enrichment.run(),
                *(each.run() for each in (rooms.filling, rooms.announcing) if each is not None),
            )
        except Exception as error:
            log.critical("service.failed", error=str(error), kind=type(error).__name__)
            stop()
            raise

    rooms.tracker.restoring = True
    task = asyncio.create_task(run_timers())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
