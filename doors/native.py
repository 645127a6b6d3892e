"""The native HTTP and UDP server: configures and starts its C threads, takes over connections from them."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bittorrent.addresses import ROUTABLE_NETWORKS, unmap_ipv4
from bittorrent.infohash import InfoHash
from bittorrent.refusal import REASONS
from cache.record import FileStamp
from doors.announce import DEFAULT_NUMWANT, MAX_NUMWANT
from doors.connection_guard import TIMEOUT, ConnectionCounts, ConnectionGuard, crowded_at
from doors.fast_path import FastPathProtocol, Responder
from doors.file_answers import redirect_lines
from doors.kept_files import KeptFiles
from doors.proxy_protocol import ClientName
from doors.udp import BAD_CONNECTION, MAX_NUMWANT_IPV6, RECEIVE_BUFFER
from doors.websocket_handshake import busy
from tracker.counters import TrackerCounters, Transport
from tracker.model import AnnounceTerms
from tracker.swarms import FULL, LIMITED, RESTORING, RETRY_SOON

try:
    from tracker import _native as native
except ImportError:
    native = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from tracker._native import Door, Store

Network = IPv4Network | IPv6Network
NetworkRow = tuple[bytes, int, bool]
ProtocolFactory = Callable[[bytes, Callable[[], None], ClientName | None], asyncio.Protocol]
"""Makes the protocol of a connection, from its first bytes, the callback for its end, and the client a proxy named."""

_DEFER_ACCEPT = 1  # seconds that the kernel keeps a connection without data (TCP_DEFER_ACCEPT)


@dataclass(frozen=True, slots=True)
class FileRules:
    """What the native code needs to answer requests for stored files; without `kept` it answers none."""

    kept: KeptFiles | None = None
    host_prefix: bytes = b""
    """Requests whose `Host` begins with this, in any case, are for Python."""
    redirect: tuple[bytes, bytes] = (b"", b"")
    """The header lines that redirect to an infohash in upper case, before and behind that."""

    @classmethod
    def of(cls, kept: KeptFiles | None, public_url: str | None, other_host: str | None) -> "FileRules":
        """Make them; `other_host` is a host whose requests are not for the cache."""
        prefix = (other_host or "").partition(":")[0].encode("latin-1", "ignore")
        return cls(kept, prefix, redirect_lines(public_url))


NO_FILES = FileRules()


def network_rows(networks: Sequence[tuple[Network, bool]]) -> list[NetworkRow]:
    """Return networks, each with what is said of it, as native code reads them."""
    return [(each.network_address.packed, each.prefixlen, verdict) for each, verdict in networks]


def make_kept_files(
    capacity: int,
    secret: bytes,
    clock: Callable[[], float],
    folder: Path,
    stamp: Callable[[InfoHash], FileStamp | None],
) -> KeptFiles:
    """Make the memory of finished answers for stored files, of `capacity` bytes.

    `secret` has 16 bytes, `clock` gives the seconds of a clock that never goes back. What is not in memory is read from
    `folder`, if its `stamp` is known.
    """
    root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return KeptFiles(native.Files(capacity, secret, root), clock, stamp)
    finally:
        os.close(root)


def make_native_door(
    store: "Store",
    terms: AnnounceTerms,
    trusted: Sequence[Network],
    header: str,
    *,
    refuse_private: bool,
    proxied: Sequence[Network] = (),
    key: bytes,
    seed: int,
    clock: tuple[int, int] = (0, 0),
    root: str = "",
    files: FileRules = NO_FILES,
) -> "Door":
    """Make the native request handler over a native store, with the texts of every answer.

    Connections and packets from `proxied` networks begin with a header of the PROXY protocol. `key` signs UDP
    connection ids. A path may begin with `root`, the root path.
    A `clock` (unix seconds, monotonic seconds) other than zero is fixed.
    """
    return native.Door(
        store,
        refusals=tuple(REASONS[code].sentence.encode() for code in native.REFUSALS),
        full=FULL,
        restoring=RESTORING,
        limits=tuple(LIMITED.values()),
        bad_connection=BAD_CONNECTION,
        too_late=TIMEOUT,
        header=header.lower().encode() if trusted else b"",
        trusted=network_rows([(unmap_ipv4(network), True) for network in trusted]),
        routed=network_rows(ROUTABLE_NETWORKS),
        proxied=network_rows([(unmap_ipv4(network), True) for network in proxied]),
        key=key,
        interval=terms.interval,
        min_interval=terms.min_interval,
        retry_soon=RETRY_SOON,
        numwant=DEFAULT_NUMWANT,
        numwant_most=MAX_NUMWANT,
        numwant_most6=MAX_NUMWANT_IPV6,
        refuse_private=refuse_private,
        seed=seed,
        clock=clock,
        root=root.encode(),
        files=files.kept.table if files.kept is not None else None,
        files_host=files.host_prefix,
        redirect=files.redirect[0],
        redirect_end=files.redirect[1],
    )


def total_counters(door: "Door", counters: TrackerCounters) -> TrackerCounters:
    """Return the sum of the counters in C and in Python."""
    numbers, total = door.numbers(), TrackerCounters()
    for over in Transport:
        pairs = zip(numbers["announces"][over], counters.announces[over], strict=True)
        total.announces[over] = [native_count + count for native_count, count in pairs]
        total.scrapes[over] = numbers["scrapes"][over] + counters.scrapes[over]
    total.warnings = numbers["warnings"] + counters.warnings
    total.refusals.update(counters.refusals)
    for code, count in zip(native.REFUSALS, numbers["refusals"], strict=True):
        if count:
            total.refusals[code] += count
    return total


class HandedOverProtocol(FastPathProtocol):
    """Continues a connection whose first bytes were read by the native threads."""

    def __init__(
        self,
        first: bytes,
        gone: Callable[[], None],
        peer: ClientName | None = None,
        **named: Any,  # noqa: ANN401 - uvicorn's
    ) -> None:
        super().__init__(**named)
        self.peer = peer
        self._first = first
        self._gone = gone

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Process the first bytes once the transport is set up, or with the next data."""
        super().connection_made(transport)
        self.loop.call_soon(self._begin)

    def _begin(self) -> None:
        if self._first and self._key is not None and not self.transport.is_closing():
            self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Process data, the first bytes before it."""
        first, self._first = self._first, b""
        super().data_received(first + data if first else data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Process the first bytes before the end of the stream."""
        self._begin()
        return super().eof_received()

    def _ending(self) -> Callable[[], None]:
        """Return what counts the end of this connection here and in the native threads."""
        ended, gone = super()._ending(), self._gone

        def both() -> None:
            ended()
            gone()

        return both

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the closed connection to the native threads, which count it."""
        super().connection_lost(exc)
        self._gone()


def handed_over_protocol(guard: ConnectionGuard, responder: Responder) -> type[HandedOverProtocol]:
    """Return the protocol class for connections that the native threads hand over."""
    return type("BoundHandedProtocol", (HandedOverProtocol,), {"guard": guard, "responder": responder})


def fast_path_protocol(guard: ConnectionGuard, responder: Responder) -> type[FastPathProtocol]:
    """Return the protocol class for connections that uvicorn accepts itself."""
    return type("BoundShortProtocol", (FastPathProtocol,), {"guard": guard, "responder": responder})


class NativeDoor:
    """Runs the native threads on the listening sockets and passes what they hand over to the event loop."""

    def __init__(
        self, door: "Door", guard: ConnectionGuard, exempt: Sequence[Network], *, proxied: bool = False
    ) -> None:
        self._door = door
        self._proxied = proxied  # whether proxies may have said who a client is
        self._guard = guard
        self._exempt = exempt
        self._crowded_at = 0
        self._adoptions: set[asyncio.Task[None]] = set()

    def connections(self) -> ConnectionCounts:
        """Return the connection counters, those handed over included."""
        numbers, ours = self._door.numbers(), self._guard.connections()
        return ConnectionCounts(
            numbers["open"],
            numbers["turned_away"] + ours.turned_away,
            numbers["timed_out"] + ours.timed_out,
            numbers["made_room"] + ours.made_room,
            numbers["paused"],
        )

    def _is_crowded(self) -> bool:
        return self._door.numbers()["open"] >= self._crowded_at

    @contextmanager
    def serving(
        self,
        tcp: Sequence[socket.socket],
        udp: Sequence[socket.socket],
        protocols: ProtocolFactory,
        *,
        threads: int,
        keep_alive: float,
        max_connections: int,
        per_address: int,
        binds_at: int = 0,
        backlog: int = 4096,
    ) -> Iterator[None]:
        """Serve bound sockets until the block ends, then join the threads and close their connections."""
        loop = asyncio.get_running_loop()
        self._crowded_at = crowded_at(max_connections)
        self._guard.crowded = self._is_crowded
        for each in tcp:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_ACCEPT)
            each.listen(backlog)
        for each in udp:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        event = self._door.start(
            listeners=[each.fileno() for each in tcp],
            datagrams=[each.fileno() for each in udp],
            threads=threads,
            secret=secrets.token_bytes(16),
            header_ms=round(self._guard.header_timeout * 1000),
            write_ms=round(self._guard.body_timeout * 1000),
            keep_alive_ms=round(keep_alive * 1000),
            max_connections=max_connections,
            per_address=per_address,
            binds_at=binds_at,
            exempt=network_rows([(unmap_ipv4(network), True) for network in self._exempt]),
            busy=busy(),
        )
        loop.add_reader(event, self._take, protocols)
        try:
            yield
        finally:
            self._door.stop()
            loop.remove_reader(event)
            self._take(protocols)

    def _take(self, protocols: ProtocolFactory) -> None:
        for descriptor, address, first in self._door.take():
            task = asyncio.ensure_future(self._adopt(descriptor, address, first, protocols))
            self._adoptions.add(task)
            task.add_done_callback(self._adoptions.discard)

    async def _adopt(self, descriptor: int, address: bytes, first: bytes, protocols: ProtocolFactory) -> None:
        """Add one connection to the event loop; its end is reported once, however it ends."""
        left = False

        def gone() -> None:
            nonlocal left
            if not left:
                left = True
                self._door.leave(address)

        sock = socket.socket(fileno=descriptor)
        peer = (str(ip_address(address)), 0) if self._proxied else None
        work = self._guard.work.of(address)
        try:
            if work is not None:
                await self._guard.work.turns.wait(work)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocols(first, gone, peer), sock
            )
        except OSError:
            sock.close()
            gone()
