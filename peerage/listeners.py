"""The listeners: native threads where the C store is in use, otherwise uvicorn for TCP and asyncio for UDP."""

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

import structlog
import uvicorn
from starlette.types import ASGIApp

from bittorrent.shares import Exemptions
from doors.acceptor import Acceptor
from doors.announce import AnnounceDoor, ScrapeDoor, head_too_long
from doors.client_address import ClientAddress
from doors.client_work import ClientWork
from doors.connection_guard import ConnectionCounts, ConnectionGuard, GuardedProtocol, guarded_protocol
from doors.connection_ids import KEY_LENGTH
from doors.connection_memory import ConnectionMemory
from doors.hosts import isolated_host
from doors.kept_files import KeptFiles
from doors.native import (
    FileRules,
    NativeDoor,
    fast_path_protocol,
    handed_over_protocol,
    make_kept_files,
    make_native_door,
    total_counters,
)
from doors.proxy_protocol import ClientName, ProxyHeaderProtocol, ProxyNetworks
from doors.request_times import RequestTimes
from doors.root_path import root_path
from doors.service_figures import announce_histogram
from doors.udp import UdpDoor
from peerage.config import Settings
from peerage.descriptors import connection_cap
from peerage.load import LoadSample, sample
from peerage.sections.section import Networks
from peerage.sockets import BoundAddress
from peerage.udp_keys import UdpKeys
from peerage.wiring.application import Application
from storage.connection_keys import FolderConnectionKeys
from tasks.fair_turns import FairTurns
from tasks.loop_stalls import LoopStalls
from tracker.counters import TrackerCounters, Transport
from tracker.random_source import SplitMix
from tracker.sampling import ClientMix, Histogram, Rates, Sampler

if TYPE_CHECKING:
    from doors.native_websocket import NativeWebSocketDoor
    from doors.websocket import SocketLimits, WebSocketDoor
    from tracker._native import Door
    from tracker.socket_peers import SocketTerms

BACKLOG = 4096
_GRACE = 5  # seconds that requests under way have when the service stops

log = structlog.get_logger()


class NoNativeDoor(Exception):
    """The settings ask for the native door, and it is not available."""


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which would end the process by the signal received."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._ready = ready
        self.before_shutdown = ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, then run `ready`."""
        await super().startup(sockets)
        try:
            await self._ready()
        except BaseException:
            self.before_shutdown.close()  # native threads would outlive the start that failed
            raise

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


def uvicorn_config(app: ASGIApp, protocol: type[GuardedProtocol], keep_alive: int) -> uvicorn.Config:
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


class Listeners:
    """Connects the listening sockets to the application and the tracker.

    Raises NoNativeDoor.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self.loop_stalls = LoopStalls(time.monotonic)
        settings = application.settings
        self.work = ClientWork(FairTurns(), Exemptions(_exempt(settings)))
        self.kept_files = _kept_files(application)
        self.udp_keys = _udp_keys(application)
        self._door = _door(application, self.kept_files, self.udp_keys)
        self.native = self._door is not None and settings.tracker.door != "uvicorn"
        if settings.tracker.door == "native" and not self.native:
            raise NoNativeDoor("tracker.door is native, but the native store is not in use")
        self._most_connections = connection_cap(settings)
        self._binds_at = int(self._most_connections * settings.fairness.binds_above)
        self.request_times = RequestTimes(time.monotonic)
        mix = ClientMix(time.monotonic)
        application.tracker.tracker.note_client = mix.note
        self.sampler = Sampler(
            Rates(self._read_counts, time.monotonic),
            mix,
            self._door.clients if self._door is not None else bytes,
        )
        application.request_rates = self.sampler.rates.per_minute
        self._guard = self._make_guard()
        self._proxied = ProxyNetworks(settings.proxy_protocol)
        clients = ClientAddress(settings.trusted_proxies, settings.forwarded_header)
        refuse = settings.tracker.refuse_private
        self.announce = AnnounceDoor(application.tracker.tracker, clients, refuse_private=refuse)
        self.scrape = ScrapeDoor(application.tracker.tracker, clients)
        self._clients = clients
        self._threads = (
            NativeDoor(self._door, self._guard, _exempt(settings), proxied=bool(self._proxied))
            if self._door is not None and self.native
            else None
        )

    @cached_property
    def websocket(self) -> "WebSocketDoor | NativeWebSocketDoor | None":
        """The tracker over WebSocket, beside the native threads or without them, unless it is switched off.

        Made when sockets open.
        """
        application, settings = self._application, self._application.settings
        if not settings.websocket.enabled:
            return None
        from doors.native_websocket import (  # noqa: PLC0415 - only where it is switched on
            NativeWebSocketDoor,
            SocketBounds,
            SocketChances,
            make_sockets,
        )
        from doors.websocket import WebSocketDoor  # noqa: PLC0415
        from doors.websocket_handshake import Handshakes  # noqa: PLC0415
        from tracker.socket_peers import SocketPeers  # noqa: PLC0415

        terms, limits = _socket_terms(settings), _socket_limits(settings)
        tracker, refuse = application.tracker.tracker, settings.tracker.refuse_private
        root = root_path(settings.public_url).encode()
        chances = SocketChances(secrets.randbits(64), secrets.token_bytes(16))
        if self._door is None or not self.native:
            return WebSocketDoor(
                SocketPeers(tracker, terms, SplitMix(chances.seed), time.monotonic, chances.secret),
                self._clients,
                self.work,
                limits,
                time.monotonic,
                refuse_private=refuse,
                exempt=Exemptions(_exempt(settings)),
                root=root,
            )
        memory, most = self._guard.memory, self._most_connections
        bounds = SocketBounds(settings.http.memory, most, _exempt(settings))
        sockets = make_sockets(self._door, terms, limits, bounds, chances)
        handshakes = Handshakes(self._clients, root, refuse_private=refuse)
        return NativeWebSocketDoor(sockets, tracker, handshakes, self.work, memory)

    @property
    def name(self) -> str:
        """What owns the sockets: native or uvicorn."""
        return "native" if self.native else "uvicorn"

    def connections(self) -> ConnectionCounts:
        """Return the counts of connections."""
        return (self._threads or self._guard).connections()

    @property
    def memory(self) -> ConnectionMemory:
        """What requests and answers in flight hold."""
        return self._guard.memory

    def file_counts(self) -> tuple[int, int]:
        """Return how many requests for stored files the native code answered, and the bytes of files in the answers."""
        if self._door is None:
            return 0, 0
        numbers = self._door.numbers()
        return numbers["files"], numbers["file_bytes"]

    def announce_times(self) -> dict[Transport, Histogram]:
        """Return how long samples of announces and scrapes took that native code answered.

        Over WebSocket it is the message: the offers that it passes on are within it.
        """
        if self._door is None:
            return {}
        *buckets, nanoseconds = self._door.times()
        return {over: announce_histogram(buckets[over], nanoseconds[over]) for over in Transport}

    def _read_counts(self) -> dict[str, int]:
        """Return what rates are told of: announces and scrapes by transport, refusals, requests to Python."""
        counters = self.counters()
        counts = {
            each.name.lower(): sum(counters.announces[each]) + counters.scrapes[each] for each in Transport
        }
        return counts | {"refusals": counters.refusals.total(), "requests": self.request_times.count}

    def counters(self) -> TrackerCounters:
        """Return the counters of announces and scrapes, over all doors."""
        ours = self._application.tracker.tracker.counters
        return ours if self._door is None else total_counters(self._door, ours)

    def take_sample(self) -> LoadSample:
        """Return what the service does at this moment."""
        timer = self._application.environment.timer
        stalls = self.loop_stalls.counts
        return sample(self.counters(), self.connections(), self.memory.held, stalls, timer)

    def server(
        self, app: ASGIApp, bound: Sequence[BoundAddress], opened: Callable[[], Awaitable[None]]
    ) -> Server:
        """Make the uvicorn server for what the native threads do not answer; it starts and stops what accepts.

        `opened` runs once they accept, before anything that they hand over.
        """

        async def started() -> None:
            self._guard.upgrades = self.websocket
            threads = self._threads
            accepting = self._accept(bound, server) if threads is None else self._open(threads, bound, server)
            server.before_shutdown.enter_context(accepting)
            log.info("door.open", door=self.name, asked=self._application.settings.tracker.door)
            await opened()

        keep_alive = self._application.settings.http.keep_alive
        server = Server(uvicorn_config(app, self._protocol(), keep_alive), started)
        return server

    def _protocol(self) -> type[GuardedProtocol]:
        """Return the protocol of what the event loop accepts; without native code the route answers announces."""
        if self._door is None:
            return guarded_protocol(self._guard)
        return fast_path_protocol(self._guard, self._door)

    def _accept(self, bound: Sequence[BoundAddress], server: Server) -> AbstractContextManager[None]:
        """Accept on the event loop, for uvicorn."""
        loop, protocol = asyncio.get_running_loop(), self._protocol()
        state = server.server_state

        def make_protocol(peer: ClientName | None = None) -> asyncio.Protocol:
            made = protocol(config=server.config, server_state=state, app_state={}, _loop=loop)
            made.peer = peer
            return made

        def read_header_first() -> asyncio.Protocol:
            return ProxyHeaderProtocol(self._proxied, make_protocol, self._guard.header_timeout)

        return Acceptor(self._guard, read_header_first if self._proxied else make_protocol).serving(
            [each.tcp for each in bound], BACKLOG
        )

    def _make_guard(self) -> ConnectionGuard:
        """Make the connection guard; native threads enforce the caps themselves."""
        application, http = self._application, self._application.settings.http
        return ConnectionGuard(
            header_timeout=http.header_timeout,
            body_timeout=http.body_timeout,
            max_connections=0 if self.native else self._most_connections,
            connections_per_address=0 if self.native else http.connections_per_address,
            exempt=_exempt(application.settings),
            binds_at=self._binds_at,
            too_long=lambda: head_too_long(application.tracker.tracker),
            work=self.work,
            memory=ConnectionMemory(http.memory, http.memory_per_address, application.environment.timer),
            root=root_path(application.settings.public_url).encode(),
        )

    @contextmanager
    def _open(self, threads: NativeDoor, bound: Sequence[BoundAddress], server: Server) -> Iterator[None]:
        assert self._door is not None
        loop = asyncio.get_running_loop()
        protocol = handed_over_protocol(self._guard, self._door)
        settings = self._application.settings

        def protocols(first: bytes, gone: Callable[[], None], peer: ClientName | None) -> asyncio.Protocol:
            state = server.server_state
            return protocol(
                first, gone, peer, config=server.config, server_state=state, app_state={}, _loop=loop
            )

        beside = self.websocket.serving() if self.websocket is not None else nullcontext()
        with (
            beside,
            threads.serving(
                [each.tcp for each in bound],
                [each.udp for each in bound],
                protocols,
                threads=settings.tracker.threads,
                keep_alive=settings.http.keep_alive,
                max_connections=self._most_connections,
                per_address=settings.http.connections_per_address,
                binds_at=self._binds_at,
                backlog=BACKLOG,
            ),
        ):
            yield

    @asynccontextmanager
    async def serve_udp(self, bound: Sequence[BoundAddress]) -> AsyncIterator[None]:
        """Serve UDP from the event loop until the block ends, unless the native threads do."""
        loop = asyncio.get_running_loop()
        settings = self._application.settings
        refuse, root = settings.tracker.refuse_private, root_path(settings.public_url)
        transports = []
        try:
            for each in () if self.native else bound:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: UdpDoor(
                        self._application.tracker.tracker,
                        self.udp_keys.keys.current,
                        time.monotonic,
                        refuse_private=refuse,
                        root=root,
                        proxied=self._proxied,
                    ),
                    sock=each.udp,
                )
                self.udp_keys.subscribe(protocol.set_keys)
                transports.append(transport)
            yield
        finally:
            for transport in transports:
                transport.close()


def _socket_terms(settings: Settings) -> "SocketTerms":
    from tracker.socket_peers import SocketTerms  # noqa: PLC0415 - where there are sockets

    wanted = settings.websocket
    return SocketTerms(
        wanted.interval,
        wanted.max_offers,
        wanted.torrents_per_connection,
        wanted.max_peers,
        settings.fairness.terms,
    )


def _socket_limits(settings: Settings) -> "SocketLimits":
    from doors.websocket import SocketLimits  # noqa: PLC0415 - as above

    wanted = settings.websocket
    return SocketLimits(
        message=wanted.max_message,
        queue=wanted.queue,
        connections=wanted.max_connections,
        connections_per_address=wanted.connections_per_address,
        ping=wanted.ping,
        idle=wanted.idle,
    )


def _kept_files(application: Application) -> KeptFiles | None:
    """Make the table of finished answers, where there is a native door and memory for it; changes drop its answers."""
    capacity = application.settings.cache.memory
    if application.tracker.native_store is None or not capacity:
        return None
    blobs = application.stores.blobs
    kept = make_kept_files(capacity, secrets.token_bytes(16), time.monotonic, blobs.folder, blobs.stamp)
    application.file_changes.subscribe(kept.forget)
    return kept


def _udp_keys(application: Application) -> UdpKeys:
    """Read the keys of UDP connection ids, or make them."""
    environment = application.environment
    folder = FolderConnectionKeys(application.stores.folder, KEY_LENGTH, environment.random)
    return UdpKeys(folder, environment.clock)


def _door(application: Application, kept: KeptFiles | None, udp_keys: UdpKeys) -> "Door | None":
    """Return the native door, where the store is native."""
    settings = application.settings
    store = application.tracker.native_store
    if store is None:
        return None
    door = make_native_door(
        store,
        application.tracker.tracker.terms,
        settings.trusted_proxies,
        settings.forwarded_header,
        refuse_private=settings.tracker.refuse_private,
        proxied=settings.proxy_protocol,
        root=root_path(settings.public_url),
        key=udp_keys.keys.current,
        seed=secrets.randbits(64),
        files=FileRules.of(
            kept, settings.public_url, isolated_host(settings.downloads.files_url, settings.public_url)
        ),
    )
    udp_keys.subscribe(lambda keys: door.roll(*keys))
    return door


def _exempt(settings: Settings) -> Networks:
    return (*settings.trusted_proxies, *settings.proxy_protocol, *settings.fairness.exempt_networks)
