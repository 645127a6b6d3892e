"""A tracker behind each path from a socket to the answer, in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from starlette.routing import BaseRoute

from doors.acceptor import Acceptor
from doors.announce import AnnounceDoor, ScrapeDoor, head_too_long
from doors.client_address import ClientAddress
from doors.connection_guard import ConnectionGuard, GuardedProtocol, guarded_protocol
from doors.native import (
    NativeDoor,
    fast_path_protocol,
    handed_over_protocol,
    make_native_door,
    total_counters,
)
from doors.native_websocket import NativeWebSocketDoor, SocketBounds, SocketChances, make_sockets
from doors.proxy_protocol import ClientName, ProxyHeaderProtocol, ProxyNetworks
from doors.root_path import strip_root
from doors.websocket import SocketLimits, WebSocketDoor
from doors.websocket_handshake import Handshakes
from peerage.app import App
from peerage.listeners import Server, uvicorn_config
from tests.contracts.raw_requests import HASHES, PASSKEYS, REFUSED_PASSKEYS
from tests.support.clock import NOON, Clock
from tracker.access import AccessTable
from tracker.mode import Mode
from tracker.model import DISABLED_ACCOUNT, SUSPENDED_PASSKEY, AnnounceTerms
from tracker.native_swarms import NativeSwarms
from tracker.policy import Policy
from tracker.random_source import SplitMix
from tracker.socket_peers import SocketPeers, SocketTerms
from tracker.store import SwarmStore
from tracker.swarms import Swarms
from tracker.tracker import Tracker

NOW, RUNNING = 1_800_000_000, 5_000
KEY, SEED = b"k" * 32, 3
TERMS = AnnounceTerms(peers_per_address=40, max_torrents=5)
PROXY = [ip_network("127.0.0.0/8")]
PATIENCE = 20
WHY_BLOCKED = 'its author "asked" é'


class PushedClock:
    """A clock that stands still in C as well."""

    def __init__(self, push: Callable[[int], None]) -> None:
        self._push = push
        self.now: float = NOON

    def __call__(self) -> float:
        return self._now

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        self._now = now
        self._push(round(now * 1000))


@dataclass
class TrackerSetup:
    """One tracker, with every door to it."""

    tracker: Tracker
    door: Any
    announce: AnnounceDoor
    scrape: ScrapeDoor
    guard: ConnectionGuard
    root: str = ""
    websocket: Any = None
    """A WebSocketDoor or a NativeWebSocketDoor."""
    proxied: bool = False
    """Whether every connection begins with a header of the PROXY protocol."""
    clock: Any = field(default_factory=Clock)
    """That of the door over WebSocket."""

    @property
    def counters(self) -> Any:
        return (
            self.tracker.counters if self.door is None else total_counters(self.door, self.tracker.counters)
        )


def tracker_setup(
    in_c: bool,
    refuse_private: bool = False,
    mode: Mode = Mode.PUBLIC,
    proxy: bool = True,
    root: str = "",
    proxied: bool = False,
    terms: AnnounceTerms = TERMS,
    access: AccessTable | None = None,
    trusted: Any = None,
    public: bool = False,
) -> TrackerSetup:
    if in_c:
        store: SwarmStore = NativeSwarms(terms, SEED, bytes(16))
    else:
        store = Swarms(terms, SplitMix(SEED))
    policy = Policy(store, mode)
    tracker = Tracker(store, policy, terms, lambda: NOW)
    if access is not None:
        policy.set_access(access)
    policy.allow(HASHES[:4])
    policy.deny(HASHES[3:4], WHY_BLOCKED)
    if public:
        policy.publish(HASHES[:2], public=True)
    for account, passkey in enumerate(PASSKEYS, 1):
        policy.set_passkey(passkey.encode(), account)
    for passkey, why in zip(REFUSED_PASSKEYS, (DISABLED_ACCOUNT, SUSPENDED_PASSKEY), strict=True):
        policy.refuse_passkey(passkey.encode(), why)
    trusted = (PROXY if proxy else []) if trusted is None else trusted
    clients = ClientAddress(trusted, "X-Forwarded-For")
    door = None
    if in_c:
        door = make_native_door(
            store.handle, terms, trusted, "X-Forwarded-For",
            refuse_private=refuse_private, key=KEY, seed=SEED, clock=(NOW, RUNNING), root=root,
            proxied=PROXY if proxied else (),
        )  # fmt: skip
    guard = ConnectionGuard(
        header_timeout=10, body_timeout=10, max_connections=0, connections_per_address=0, exempt=[],
        too_long=lambda: head_too_long(tracker), root=root.encode(),
    )  # fmt: skip
    announce = AnnounceDoor(tracker, clients, refuse_private=refuse_private)
    return TrackerSetup(tracker, door, announce, ScrapeDoor(tracker, clients), guard, root, proxied=proxied)


def with_native_websocket(
    setup: TrackerSetup,
    limits: SocketLimits,
    terms: SocketTerms,
    trusted: Any = (),
    refuse_private: bool = False,
) -> NativeWebSocketDoor:
    """Make a setup's door over WebSocket, with its sockets in C, which draw as those of `with_websocket` do."""
    chances, memory = SocketChances(SEED, bytes(16)), setup.guard.memory
    sockets = make_sockets(setup.door, terms, limits, SocketBounds(memory.limit, 100), chances)
    handshakes = Handshakes(
        ClientAddress(trusted, "X-Forwarded-For"), setup.root.encode(), refuse_private=refuse_private
    )
    setup.websocket = NativeWebSocketDoor(sockets, setup.tracker, handshakes, setup.guard.work, memory)
    setup.clock = PushedClock(sockets.set_clock)
    setup.guard.upgrades = setup.websocket
    return setup.websocket


def with_websocket(
    setup: TrackerSetup, limits: SocketLimits, terms: SocketTerms, trusted: Any = (), **how: Any
) -> WebSocketDoor:
    """Make a setup's door over WebSocket."""
    peers = SocketPeers(setup.tracker, terms, SplitMix(SEED), setup.clock, bytes(16))
    setup.websocket = WebSocketDoor(
        peers, ClientAddress(trusted, "X-Forwarded-For"), setup.guard.work, limits, setup.clock,
        root=setup.root.encode(), **how,
    )  # fmt: skip
    setup.guard.upgrades = setup.websocket
    return setup.websocket


class AnnouncePath:
    """A path from a socket to the answer: kind is route, fast or threads."""

    def __init__(self, kind: str, in_c: bool, **bounds: Any) -> None:
        self.kind = kind
        self.in_c = in_c
        self.send_buffer = bounds.pop("send_buffer", 0)
        self.bounds = {"threads": 1, "keep_alive": 5, "max_connections": 100, "per_address": 0} | bounds

    @asynccontextmanager
    async def serving(self, setup: TrackerSetup, routes: Sequence[BaseRoute] = ()) -> AsyncIterator[int]:
        app = strip_root(
            App({"/announce": setup.announce, "/scrape": setup.scrape}, routes, setup.root), [setup.root]
        )
        protocol = (
            guarded_protocol(setup.guard)
            if self.kind == "route"
            else fast_path_protocol(setup.guard, setup.door)
        )
        ready = asyncio.Event()

        async def started() -> None:
            ready.set()

        server = Server(uvicorn_config(app, protocol, keep_alive=5), started)
        tcp, udp = _bound()
        if self.send_buffer:  # connections have it from the listening socket
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer)
        with tcp, udp:
            ours = self.kind == "threads" or setup.proxied
            task = asyncio.create_task(server.serve([] if ours else [tcp]))
            await ready.wait()
            try:
                with ExitStack() as stack:
                    if self.kind == "threads" and isinstance(setup.websocket, NativeWebSocketDoor):
                        stack.enter_context(setup.websocket.serving())
                    if self.kind == "threads":
                        stack.enter_context(self._threads(setup, server, tcp, udp))
                    elif setup.proxied:
                        stack.enter_context(_accepting(setup, server, protocol, tcp))
                    yield tcp.getsockname()[1]
            finally:
                server.should_exit = True
                await asyncio.wait_for(task, PATIENCE)

    def _threads(self, setup: TrackerSetup, server: Server, tcp: socket.socket, udp: socket.socket) -> Any:
        protocol = handed_over_protocol(setup.guard, setup.door)

        def protocols(first: bytes, gone: Callable[[], None], peer: ClientName | None) -> asyncio.Protocol:
            return protocol(
                first, gone, peer, config=server.config, server_state=server.server_state, app_state={},
                _loop=asyncio.get_running_loop(),
            )  # fmt: skip

        return NativeDoor(setup.door, setup.guard, setup.guard.exempt, proxied=setup.proxied).serving(
            [tcp], [udp], protocols, **self.bounds
        )


def _accepting(
    setup: TrackerSetup, server: Server, protocol: type[GuardedProtocol], tcp: socket.socket
) -> AbstractContextManager[None]:
    """Accept as the service does where proxies begin their connections with a header."""

    def make_protocol(peer: ClientName | None = None) -> asyncio.Protocol:
        made = protocol(
            config=server.config,
            server_state=server.server_state,
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        made.peer = peer
        return made

    networks = ProxyNetworks(PROXY)
    return Acceptor(setup.guard, lambda: ProxyHeaderProtocol(networks, make_protocol, 10)).serving([tcp], 100)


def _bound() -> tuple[socket.socket, socket.socket]:
    tcp = socket.socket()
    tcp.setblocking(False)
    tcp.bind(("127.0.0.1", 0))
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.setblocking(False)
    udp.bind(tcp.getsockname())
    return tcp, udp
