"""The tracker over WebSocket with its sockets in C: starts the thread, gives it connections, reads unusual messages.

The thread shakes hands, reads frames and the messages that clients usually send, and keeps the peers. What it is not
sure of comes here: a message is read as `tracker.socket_peers` reads it, and goes back in its usual form or is
refused.
"""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bittorrent.addresses import Network, unmap_ipv4
from bittorrent.infohash import InfoHash
from bittorrent.peers import parse_address
from bittorrent.refusal import REASONS
from bittorrent.webtorrent import MessageRefused, read_message, write_failure, write_message
from doors.client_work import ClientWork
from doors.connection_guard import UpgradedConnection
from doors.connection_memory import ConnectionMemory
from doors.native import network_rows
from doors.websocket import SocketConnectionCounts, SocketLimits
from doors.websocket_handshake import HandshakeRefused, Handshakes, busy
from tracker.native_swarms import pack_exemption
from tracker.socket_peers import SocketCounters, SocketTerms
from tracker.swarms import FULL, RESTORING
from tracker.tracker import Tracker

try:
    from tracker import _native as native
except ImportError:
    native = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from tracker._native import Door, Sockets

_STEP = 1.0  # seconds between two tellings of how much memory is held here
_AT_ONCE = 64  # messages that are read before others have their turn


@dataclass(frozen=True, slots=True)
class SocketBounds:
    """What the service has for connections of any kind: bytes of memory, a count, and networks without a cap."""

    memory: int
    connections: int
    exempt: Sequence[Network] = ()


@dataclass(frozen=True, slots=True)
class SocketChances:
    """What nobody should guess: the seed of draws, 64 bits, and the key of the tables, 16 bytes."""

    seed: int
    secret: bytes


def make_sockets(
    door: "Door",
    terms: SocketTerms,
    limits: SocketLimits,
    bounds: SocketBounds,
    chances: SocketChances,
) -> "Sockets":
    """Make the sockets of a native door."""
    return native.Sockets(
        door,
        refusals=tuple(_inner(REASONS[code].sentence) for code in native.REFUSALS),
        full=_inner(FULL.decode()),
        restoring=_inner(RESTORING.decode()),
        interval=terms.interval,
        offers=terms.offers,
        torrents=terms.torrents,
        peers=terms.peers,
        peers_bind=terms.shares.threshold(terms.peers),
        message=limits.message,
        queue=limits.queue,
        memory=bounds.memory,
        ping_ms=round(limits.ping * 1000),
        idle_ms=round(limits.idle * 1000),
        connections=limits.connections or bounds.connections,
        per_address=limits.connections_per_address,
        exempt=network_rows([(unmap_ipv4(network), True) for network in bounds.exempt]),
        exempt_shares=b"".join(pack_exemption(network) for network in map(unmap_ipv4, terms.shares.exempt)),
        seed=chances.seed,
        secret=chances.secret,
    )


def _inner(text: str) -> bytes:
    """Return a text as it stands in a JSON string."""
    return msgspec.json.encode(text)[1:-1]


class NativeWebSocketDoor:
    """The tracker over WebSocket by a native door's sockets; `memory` is what all connections may hold."""

    def __init__(
        self,
        sockets: "Sockets",
        tracker: Tracker,
        handshakes: Handshakes,
        work: ClientWork,
        memory: ConnectionMemory,
    ) -> None:
        self.sockets = sockets
        self._tracker = tracker
        self._handshakes = handshakes
        self._work = work
        self._memory = memory
        self._unread: deque[tuple[int, bytes, bytes]] = deque()
        memory.elsewhere = sockets.held
        tracker.policy.on_removal(self._forget)

    @property
    def counts(self) -> SocketConnectionCounts:
        """The counters of connections."""
        numbers = self.sockets.numbers()
        return SocketConnectionCounts(
            numbers["open"],
            numbers["messages"],
            numbers["turned_away"],
            numbers["timed_out"],
            numbers["cut_off"],
            numbers["broken"],
        )

    @property
    def relayed(self) -> SocketCounters:
        """What was passed on, and how many peers there are."""
        numbers = self.sockets.numbers()
        return SocketCounters(numbers["offers"], numbers["answers"], numbers["peers"])

    def takes(self, method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether a head that asks for another protocol asks for this one; names of headers in lower case."""
        return self._handshakes.takes(method, url, headers)

    def take(self, upgraded: UpgradedConnection, early: bytes) -> bytes:
        """Give a connection that was Python's to the thread, or return the answer to refuse with.

        `early` came with its head.
        """
        try:
            asked = self._handshakes.read(upgraded, private=self._tracker.store.private)
        except HandshakeRefused as refused:
            return refused.answer
        transport, client = upgraded.transport, upgraded.scope["client"]
        if transport.get_write_buffer_size() or client is None:
            return busy()
        transport.pause_reading()
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        counted = parse_address(client[0])
        if self.sockets.adopt(descriptor, asked.address, asked.passkey, asked.key, early, counted):
            os.close(descriptor)
            return busy()
        transport.set_protocol(asyncio.Protocol())
        transport.abort()  # its own descriptor of the connection
        upgraded.ended()
        return b""

    async def run(self) -> None:
        """Tell the thread how much memory is held here, until cancelled."""
        while True:
            self.sockets.share(self._memory.held)
            await asyncio.sleep(_STEP)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the thread until the block ends, then tell every connection and end it."""
        loop = asyncio.get_running_loop()
        event = self.sockets.start()
        loop.add_reader(event, self._read)
        try:
            yield
        finally:
            self.sockets.stop()
            loop.remove_reader(event)
            self._unread.clear()

    def _read(self) -> None:
        idle = not self._unread
        self._unread += self.sockets.take()
        if idle:
            self._read_some()

    def _read_some(self) -> None:
        """Read some of the messages that came; the rest has to wait."""
        for _ in range(min(len(self._unread), _AT_ONCE)):
            self.answer(*self._unread.popleft())
        if self._unread:
            asyncio.get_running_loop().call_soon(self._read_some)

    def answer(self, serial: int, address: bytes, data: bytes) -> None:
        """Read one message, of the connection with that number, and have it carried out, or refuse it."""
        began = self._work.turns.clock()
        try:
            message = write_message(read_message(data))
        except MessageRefused as refused:
            self._tracker.counters.refusals[refused.code] += 1
            self.sockets.answer(serial, refused.answer)
        else:
            if not self.sockets.carry_out(serial, message):
                self.sockets.answer(serial, write_failure("bad-message"))
        work = self._work.of(address)
        if work is not None:
            work.add(self._work.turns.clock() - began)

    def _forget(self, infohash: InfoHash) -> None:
        self.sockets.forget(infohash)
