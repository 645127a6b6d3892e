"""Hides how the service runs: sockets, doors and timers of one process, from its start to its last flush."""

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

import doors.cache
import soap.door
from doors.announce import AnnounceDoor, ScrapeDoor, too_long
from doors.client import ClientAddress
from doors.control import ControlServer
from doors.guard import Guard, guarded
from doors.intake import Intake, Tally
from doors.limits import BodyMemory, Rates
from doors.metrics import DoorsCollector, MetricsDoor, TrackerCollector, health_route
from doors.udp import UdpDoor
from peerage.app import App
from peerage.config import Settings
from peerage.deeds import deeds
from peerage.sockets import Bound, bind
from peerage.wiring import Rooms, open_rooms
from tracker.sweeper import sweep

_BACKLOG = 4096
_GRACE = 5  # seconds for requests under way when the service stops
_BODIES = 16  # largest uploads whose bodies may lie in memory at once
_KEY = 32  # bytes of the key behind UDP connection ids

Ready = Callable[[Rooms, Sequence[Bound]], None]

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """uvicorn's server, whose signals are ours: it would end the process by the signal that it got."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, then say so."""
        await super().startup(sockets)
        self._ready()

    def stop(self) -> None:
        """Stop gracefully when called first, at once when called again."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def run(settings: Settings, ready: Ready) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything is written and closed.

    Raises NoSocket, FolderInUse, FolderError, DatabaseError, NoNativeStore.
    """
    uvloop.run(serve(settings, ready))


async def serve(settings: Settings, ready: Ready) -> None:
    """Run every door over one data folder until a signal comes; `ready` is called when all are open."""
    async with open_rooms(settings) as rooms, AsyncExitStack() as stack:
        log.info("swarms.store", store=rooms.tracker.store.name, asked=settings.tracker.store)
        bound = bind(settings.listen, lenient=settings.listen_is_default)
        for each in bound:
            stack.callback(each.close)
        await stack.enter_async_context(_udp(rooms, bound))
        control = ControlServer(deeds(rooms), rooms.folder.control_socket)
        await control.start()
        stack.push_async_callback(control.close)
        guard = _guard(rooms)
        server = _server(settings, make_app(rooms, guard), guard, lambda: ready(rooms, bound))
        await stack.enter_async_context(_timers(rooms, server.stop))
        await _until_signal(server, bound)
        log.info("service.stopping")


def make_app(rooms: Rooms, guard: Guard) -> App:
    """Join every HTTP door to the rooms behind it."""
    settings = rooms.settings
    clients = ClientAddress(settings.trusted_proxies, settings.forwarded_header)
    intake = Intake(
        rooms.uploads,
        clients,
        Rates(settings.cache.upload_rate),
        BodyMemory(_BODIES * rooms.uploads.limit),
        Tally(),
        settings.public_url,
    )
    announce = AnnounceDoor(rooms.tracker, clients, refuse_private=settings.tracker.refuse_private)
    hot: dict[str, ASGIApp] = {"/announce": announce, "/scrape": ScrapeDoor(rooms.tracker)}
    collectors = [TrackerCollector(rooms.tracker, rooms.flusher), DoorsCollector(guard, intake.tally)]
    metrics = MetricsDoor(collectors, clients, settings.metrics.networks, everyone=settings.metrics.open)
    routes = [*soap.door.routes(intake), *doors.cache.routes(rooms.cache, intake)]
    return App(hot, [*routes, metrics.route(), health_route(rooms.health)])


def _guard(rooms: Rooms) -> Guard:
    http = rooms.settings.http
    return Guard(
        header_timeout=http.header_timeout,
        body_timeout=http.body_timeout,
        max_connections=http.max_connections,
        connections_per_address=http.connections_per_address,
        exempt=rooms.settings.trusted_proxies,
        too_long=lambda: too_long(rooms.tracker),
    )


def _server(settings: Settings, app: App, guard: Guard, ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        app,
        http=guarded(guard),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=settings.http.keep_alive,
        timeout_graceful_shutdown=_GRACE,
    )
    return _Server(config, ready)


async def _until_signal(server: _Server, bound: Sequence[Bound]) -> None:
    """Serve HTTP; the first signal stops it gracefully, the second at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve(sockets=[each.tcp for each in bound])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _udp(rooms: Rooms, bound: Sequence[Bound]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    key = secrets.token_bytes(_KEY)
    refuse = rooms.settings.tracker.refuse_private
    transports = []
    try:
        for each in bound:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: UdpDoor(rooms.tracker, key, time.monotonic, refuse_private=refuse), sock=each.udp
            )
            transports.append(transport)
        yield
    finally:
        for transport in transports:
            transport.close()


@asynccontextmanager
async def _timers(rooms: Rooms, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Restore the swarms, then flush and sweep them until the end; a failure stops the service."""

    async def work() -> None:
        try:
            await rooms.restore()
            await asyncio.gather(rooms.flusher.run(), sweep(rooms.tracker.store, time.time))
        except Exception as error:
            log.critical("service.failed", error=str(error), kind=type(error).__name__)
            stop()
            raise

    rooms.tracker.restoring = True
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
