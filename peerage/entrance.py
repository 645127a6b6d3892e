"""The listeners: native threads where the C store is in use, otherwise uvicorn for TCP and asyncio for UDP."""

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn
from starlette.types import ASGIApp

from doors.announce import AnnounceDoor, ScrapeDoor, too_long
from doors.client import ClientAddress
from doors.desk import PythonDesk
from doors.guard import Connections, Guard, GuardedProtocol
from doors.native import NativeDoor, handed, open_door, short, tally_of
from doors.udp import UdpDoor
from peerage.sockets import Bound
from peerage.wiring import Rooms
from tracker.tally import Tally

if TYPE_CHECKING:
    from tracker._native import Door

BACKLOG = 4096
_GRACE = 5  # seconds that requests under way have when the service stops
_KEY = 32  # bytes of the key behind UDP connection ids

log = structlog.get_logger()


class NoNativeDoor(Exception):
    """The settings ask for the native door, and it is not available."""


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which would end the process by the signal received."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.before_shutdown = ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, then call `ready`."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, then wait for requests under way."""
        self.before_shutdown.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Stop gracefully when called first, at once when called again."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def configuration(app: ASGIApp, protocol: type[GuardedProtocol], keep_alive: int) -> uvicorn.Config:
    """Return uvicorn's configuration; `keep_alive` in seconds."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=_GRACE,
    )


class Entrance:
    """Connects the listening sockets to the application and the tracker.

    Raises NoNativeDoor.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        settings = rooms.settings
        self._door = _door(rooms)
        self.native = self._door is not None and settings.tracker.door != "uvicorn"
        if settings.tracker.door == "native" and not self.native:
            raise NoNativeDoor("tracker.door is native, but the native store is not in use")
        self._guard = _guard(rooms, capped=not self.native)
        clients = ClientAddress(settings.trusted_proxies, settings.forwarded_header)
        refuse = settings.tracker.refuse_private
        self.announce = AnnounceDoor(rooms.tracker, clients, refuse_private=refuse)
        self.scrape = ScrapeDoor(rooms.tracker)
        self._threads = (
            NativeDoor(self._door, self._guard, settings.trusted_proxies)
            if self._door is not None and self.native
            else None
        )

    @property
    def name(self) -> str:
        """What owns the sockets: native or uvicorn."""
        return "native" if self.native else "uvicorn"

    def connections(self) -> Connections:
        """Return the counts of connections."""
        return (self._threads or self._guard).connections()

    def tally(self) -> Tally:
        """Return the counters of announces and scrapes, over all doors."""
        ours = self._rooms.tracker.tally
        return ours if self._door is None else tally_of(self._door, ours)

    def server(self, app: ASGIApp, bound: Sequence[Bound], ready: Callable[[], None]) -> Server:
        """Make the uvicorn server for what the native threads do not answer; it starts and stops them."""

        def started() -> None:
            if self._threads is not None:
                server.before_shutdown.enter_context(self._open(self._threads, bound, server))
            log.info("door.open", door=self.name, asked=self._rooms.settings.tracker.door)
            ready()

        keep_alive = self._rooms.settings.http.keep_alive
        server = Server(configuration(app, self._protocol(), keep_alive), started)
        return server

    def listened(self, bound: Sequence[Bound]) -> list[socket.socket]:
        """Return the TCP sockets that uvicorn listens on."""
        return [] if self.native else [each.tcp for each in bound]

    def _protocol(self) -> type[GuardedProtocol]:
        return short(self._guard, self._door or PythonDesk(self.announce, self.scrape, time.time))

    @contextmanager
    def _open(self, threads: NativeDoor, bound: Sequence[Bound], server: Server) -> Iterator[None]:
        assert self._door is not None
        loop = asyncio.get_running_loop()
        protocol = handed(self._guard, self._door)
        settings = self._rooms.settings

        def protocols(first: bytes, gone: Callable[[], None]) -> asyncio.Protocol:
            state = server.server_state
            return protocol(first, gone, config=server.config, server_state=state, app_state={}, _loop=loop)

        with threads.serving(
            [each.tcp for each in bound],
            [each.udp for each in bound],
            protocols,
            threads=settings.tracker.threads,
            keep_alive=settings.http.keep_alive,
            max_connections=settings.http.max_connections,
            per_address=settings.http.connections_per_address,
            backlog=BACKLOG,
        ):
            yield

    @asynccontextmanager
    async def datagrams(self, bound: Sequence[Bound]) -> AsyncIterator[None]:
        """Serve UDP from the event loop until the block ends, unless the native threads do."""
        loop = asyncio.get_running_loop()
        key = secrets.token_bytes(_KEY)
        refuse = self._rooms.settings.tracker.refuse_private
        transports = []
        try:
            for each in () if self.native else bound:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: UdpDoor(self._rooms.tracker, key, time.monotonic, refuse_private=refuse),
                    sock=each.udp,
                )
                transports.append(transport)
            yield
        finally:
            for transport in transports:
                transport.close()


def _door(rooms: Rooms) -> "Door | None":
    """Return the native door, where the store is native."""
    settings = rooms.settings
    store = rooms.native_store
    if store is None:
        return None
    return open_door(
        store,
        rooms.tracker.terms,
        settings.trusted_proxies,
        settings.forwarded_header,
        refuse_private=settings.tracker.refuse_private,
        key=secrets.token_bytes(_KEY),
        seed=secrets.randbits(64),
    )


def _guard(rooms: Rooms, *, capped: bool) -> Guard:
    """Make the connection guard; native threads enforce the caps themselves."""
    http = rooms.settings.http
    return Guard(
        header_timeout=http.header_timeout,
        body_timeout=http.body_timeout,
        max_connections=http.max_connections if capped else 0,
        connections_per_address=http.connections_per_address if capped else 0,
        exempt=rooms.settings.trusted_proxies,
        too_long=lambda: too_long(rooms.tracker),
    )
