"""The tracker over WebSocket (WebTorrent): connections that were HTTP until they asked for it, on the tracker's port.

wsproto reads the frames; compression is never agreed to, so that what came is as large as it looks. A message is
refused beyond its limit before it is whole, and whoever does not take what is sent is cut off.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed
from wsproto.utilities import generate_accept_token

from bittorrent.infohash import InfoHash
from bittorrent.shares import Exemptions
from doors.client_address import ClientAddress, rate_key
from doors.client_work import ClientWork
from doors.connection_guard import UpgradedConnection
from doors.websocket_handshake import HandshakeRefused, Handshakes, busy
from tasks.recent_work import RecentWork
from tracker.socket_peers import SocketCounters, SocketPeer, SocketPeers

_MOST_FRAMES = 256  # that one message may come in
_AT_ONCE = 64  # frames of one connection before others have their turn
_STEP = 1.0  # seconds between two looks at connections that are silent

_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: %b\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of connections over WebSocket: bytes, seconds, counts; a count of 0 is no limit."""

    message: int = 64 << 10
    queue: int = 256 << 10
    connections: int = 5000
    connections_per_address: int = 256
    ping: float = 60.0
    """Silence after which a connection is asked whether it is there, and after as much again ended."""
    idle: float = 60.0
    """How long a connection may be without any torrent."""


@dataclass(slots=True)
class SocketConnectionCounts:
    """Counters of connections over WebSocket."""

    open: int = 0
    messages: int = 0
    turned_away: int = 0
    """Over a cap."""
    timed_out: int = 0
    cut_off: int = 0
    """Ended because they did not take what was sent to them."""
    broken: int = 0
    """Ended because they broke the protocol or sent too much at once."""


@dataclass(slots=True)
class _Quiet:
    """Connections by what they wait for, each with since when; the longest first."""

    heard: dict["WebSocketConnection", float] = field(default_factory=dict)
    pinged: dict["WebSocketConnection", float] = field(default_factory=dict)
    stalled: dict["WebSocketConnection", float] = field(default_factory=dict)
    """They have not taken what was sent."""
    without: dict["WebSocketConnection", float] = field(default_factory=dict)
    """They have no torrent."""

    def forget(self, connection: "WebSocketConnection") -> None:
        for each in (self.heard, self.pinged, self.stalled, self.without):
            each.pop(connection, None)


class WebSocketDoor:
    """Takes over connections that ask for WebSocket at the tracker's paths, and ends those that are silent.

    `clock` gives seconds that never go back; paths may begin with `root`.
    """

    def __init__(
        self,
        peers: SocketPeers,
        clients: ClientAddress,
        work: ClientWork,
        limits: SocketLimits,
        clock: Callable[[], float],
        *,
        refuse_private: bool = False,
        exempt: Exemptions | None = None,
        root: bytes = b"",
    ) -> None:
        self.peers = peers
        self.limits = limits
        self.counts: SocketConnectionCounts = SocketConnectionCounts()
        self.work = work
        self.clock = clock
        self.quiet = _Quiet()
        self._exempt = exempt or Exemptions(())
        self._handshakes = Handshakes(clients, root, refuse_private=refuse_private)
        self._by_address: Counter[str] = Counter()

    def takes(self, method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether a head that asks for another protocol asks for this one; names of headers in lower case."""
        return self._handshakes.takes(method, url, headers)

    def take(self, upgraded: UpgradedConnection, early: bytes) -> bytes:
        """Switch a connection to WebSocket, or return the answer to refuse with; `early` came with its head."""
        try:
            asked = self._handshakes.read(upgraded, private=self.peers.private)
        except HandshakeRefused as refused:
            return refused.answer
        key = rate_key(asked.address)
        if self._over_cap(asked.address, key):
            self.counts.turned_away += 1
            return busy()
        self._by_address[key] += 1
        self.counts.open += 1
        connection = WebSocketConnection(self, upgraded, asked.address, asked.passkey)
        connection.begin(_SWITCHING % generate_accept_token(asked.key), early)
        return b""

    @property
    def relayed(self) -> SocketCounters:
        """What was passed on, and how many peers there are."""
        return self.peers.counters

    def _over_cap(self, address: bytes, key: str) -> bool:
        limits = self.limits
        if limits.connections and self.counts.open >= limits.connections:
            return True
        most = limits.connections_per_address
        return most > 0 and self._by_address[key] >= most and address not in self._exempt

    def leave(self, connection: "WebSocketConnection") -> None:
        """Forget a connection that has ended."""
        self.quiet.forget(connection)
        self.counts.open -= 1
        key = rate_key(connection.address)
        self._by_address[key] -= 1
        if not self._by_address[key]:
            del self._by_address[key]

    async def run(self) -> None:
        """Look for silent connections until cancelled."""
        while True:
            await asyncio.sleep(_STEP)
            self.sweep()

    def sweep(self) -> None:
        """Ask those that are silent, and end those that do not answer, take nothing, or have no torrent."""
        now, limits = self.clock(), self.limits
        for each in _due(self.quiet.pinged, now - limits.ping):
            self.counts.timed_out += 1
            each.abort()
        for each in _due(self.quiet.stalled, now - limits.ping):
            self.counts.cut_off += 1
            each.abort()
        for each in _due(self.quiet.without, now - limits.idle):
            self.counts.timed_out += 1
            each.close(CloseReason.POLICY_VIOLATION)
        for each in _due(self.quiet.heard, now - limits.ping):
            del self.quiet.heard[each]
            self.quiet.pinged[each] = now
            each.ping()


def _due(waiting: dict["WebSocketConnection", float], since: float) -> list["WebSocketConnection"]:
    """Return those that have waited since then, the longest first."""
    due = []
    for each, began in waiting.items():
        if began > since:
            break
        due.append(each)
    return due


class WebSocketConnection(asyncio.Protocol):
    """One connection after its handshake."""

    __slots__ = (
        "_closing",
        "_connections",
        "_door",
        "_ended",
        "_frames",
        "_held",
        "_in_frames",
        "_pieces",
        "_size",
        "_transport",
        "_work",
        "address",
        "passkey",
        "peers",
    )

    def __init__(
        self, door: WebSocketDoor, upgraded: UpgradedConnection, address: bytes, passkey: bytes
    ) -> None:
        self.address = address
        self.passkey = passkey
        self.peers: dict[InfoHash, SocketPeer] = {}
        self._door = door
        # Not all of `upgraded`: the head of the request is not needed any more.
        self._transport = upgraded.transport
        self._held = upgraded.held
        self._connections = upgraded.connections
        self._ended = upgraded.ended
        self._frames = FrameProtocol(client=False, extensions=[])
        self._pieces: list[str | bytes] = []
        self._size = 0
        self._in_frames = 0
        self._closing = False
        self._work: RecentWork | None = door.work.of(address)

    def begin(self, answer: bytes, early: bytes) -> None:
        """Take the transport over, answer the handshake, and read what came with it."""
        now = self._door.clock()
        self._door.quiet.heard[self] = self._door.quiet.without[self] = now
        self._connections.add(self)
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=0)  # to know whenever anything waits
        self._write(answer)
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Read frames, and answer the messages in them."""
        if self._closing:
            return
        self._hear()
        self._held.move(len(data))
        self._frames.receive_bytes(data)
        self._read_frames()

    def _read_frames(self) -> None:
        """Take some of the frames that came; the rest has to wait, and nothing more is read meanwhile."""
        began = self._door.work.turns.clock()
        try:
            frames = islice(self._frames.received_frames(), _AT_ONCE)
            taken = sum(self._take(frame) for frame in frames)
        except ParseFailed as fault:
            self._break(fault.code)
        else:
            if taken == _AT_ONCE and not self._closing:
                self._transport.pause_reading()
                asyncio.get_running_loop().call_soon(self._read_on)
        self._count_buffers()
        if self._work is not None:
            self._work.add(self._door.work.turns.clock() - began)

    def _read_on(self) -> None:
        if not self._closing:
            self._transport.resume_reading()
            self._read_frames()

    def _hear(self) -> None:
        quiet = self._door.quiet
        quiet.pinged.pop(self, None)
        quiet.heard.pop(self, None)
        quiet.heard[self] = self._door.clock()

    def _take(self, frame: Frame) -> bool:
        """Deal with a frame; return whether the connection goes on."""
        payload = frame.payload
        if self._closing:
            return False
        if isinstance(payload, tuple):
            self.close(CloseReason.NORMAL_CLOSURE)
        elif frame.opcode is Opcode.PING and isinstance(payload, bytes):
            self._write(bytes(self._frames.pong(payload)))
        elif frame.opcode is not Opcode.PONG:
            self._take_piece(frame, payload)
        return not self._closing

    def _take_piece(self, frame: Frame, piece: str | bytes) -> None:
        """Add a piece of a message; what is whole is answered, what is too large ends the connection."""
        bytewise = isinstance(piece, bytes) or piece.isascii()
        self._size += len(piece) if bytewise else len(piece.encode())  # type: ignore[union-attr]
        self._in_frames += frame.frame_finished
        if self._size > self._door.limits.message or self._in_frames > _MOST_FRAMES:
            self._break(CloseReason.MESSAGE_TOO_BIG)
            return
        self._pieces.append(piece)
        if not frame.message_finished:
            return
        message = self._pieces[0].__class__().join(self._pieces)  # type: ignore[arg-type]
        self._pieces, self._size, self._in_frames = [], 0, 0
        self._door.counts.messages += 1
        answer = self._door.peers.receive(self, message)
        self._note_torrents()
        if answer is not None:
            self.send(answer)

    def _note_torrents(self) -> None:
        without = self._door.quiet.without
        if self.peers:
            without.pop(self, None)
        else:
            without.setdefault(self, self._door.clock())

    def send(self, message: bytes) -> None:
        """Send one text message."""
        size = len(message)
        if size < 126:
            head = bytes((0x81, size))
        elif size < 1 << 16:
            head = b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            head = b"\x81\x7f" + size.to_bytes(8, "big")
        self._write(head + message)

    def ping(self) -> None:
        """Ask whether the other side is there."""
        self._write(bytes(self._frames.ping()))

    def _write(self, data: bytes) -> None:
        if self._closing or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._door.limits.queue:
            self._door.counts.cut_off += 1
            self.abort()
        else:
            self._count_buffers()

    def _count_buffers(self) -> None:
        """Count what waits to be sent, and the part of a message that came; without room for it the connection ends."""
        if self._transport.is_closing():
            return
        waiting = self._transport.get_write_buffer_size() + self._size
        if waiting != self._held.buffered and not self._held.set_buffered(waiting):
            self._door.counts.cut_off += 1
            self.abort()

    def pause_writing(self) -> None:
        """Note since when the other side takes nothing."""
        self._door.quiet.stalled.setdefault(self, self._door.clock())

    def resume_writing(self) -> None:
        """Note that it has taken everything."""
        if not self._closing:
            self._door.quiet.stalled.pop(self, None)
        self._held.move(self._held.buffered)
        self._count_buffers()

    def _break(self, code: CloseReason) -> None:
        self._door.counts.broken += 1
        self.close(code)

    def close(self, code: CloseReason) -> None:
        """Take its peers out, send a close frame, and end the connection once that is sent, or aborted by the sweep."""
        if self._closing:
            return
        self._write(bytes(self._frames.close(code)))
        self._closing = True
        self._door.peers.leave(self)
        self._door.quiet.forget(self)
        self._door.quiet.stalled[self] = self._door.clock()
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._closing = True
        self._door.peers.leave(self)
        self._door.quiet.forget(self)
        self._transport.abort()

    def shutdown(self) -> None:
        """Close, because the service stops."""
        self.close(CloseReason.GOING_AWAY)

    def eof_received(self) -> bool:
        """End with the other side: half of a connection is of no use here."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take its peers out: closing is stopping."""
        self._closing = True
        self._door.peers.leave(self)
        self._door.leave(self)
        self._connections.discard(self)
        self._ended()
