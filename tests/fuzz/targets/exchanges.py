"""Fuzz targets of the tracker's doors: a conversation with the door in C and with the one in Python gets the same answers."""

import json
from typing import Any

from doors.connection_guard import UpgradedConnection
from doors.connection_memory import ConnectionMemory
from doors.udp import UdpDoor
from doors.websocket import SocketLimits, WebSocketConnection
from tests.fuzz.targets.target import Target
from tests.support.announce_paths import (
    KEY,
    RUNNING,
    tracker_setup,
    with_native_websocket,
    with_websocket,
)
from tests.support.native_sockets import PairedConnections
from tracker.socket_peers import SocketTerms

_ADDRESSES = (
    bytes((9, 9, 9, 9)),
    bytes((127, 0, 0, 1)),
    bytes.fromhex("20010db8") + bytes(12),
    bytes(15) + b"\x01",
)
_CONNECT = (0x41727101980).to_bytes(8, "big") + bytes(8)
_TEXTS = ("9.9.9.9", "127.0.0.1", "2001:db8::", "::1")
_MOST = 12
_SOCKET_TERMS = SocketTerms(torrents=2, offers=3)


def http_exchange(data: bytes) -> None:
    """Each line is a request: a byte for its path and socket, the forwarding header, `|`, and the query."""
    ours, theirs = tracker_setup(in_c=False), tracker_setup(in_c=True)
    for line in data.split(b"\n")[:_MOST]:
        which, (forwarded, _, query) = line[0] if line else 0, line[1:].partition(b"|")
        path, at = (b"/scrape", b"/announce")[which >> 2 & 1], which & 3
        head = b"GET %b?%b HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n\r\n" % (path, query, forwarded)
        answer, used, _ = theirs.door.answer(head, _ADDRESSES[at])
        if not answer:
            continue  # it is left to the other server
        assert used == len(head)
        scope = {
            "client": (_TEXTS[at], 1),
            "query_string": query,
            "headers": [(b"x-forwarded-for", forwarded.strip(b" \t"))],
        }
        door = ours.announce if path == b"/announce" else ours.scrape
        assert answer.partition(b"\r\n\r\n")[2] == door.answer(scope)
    assert theirs.tracker.store.totals() == ours.tracker.store.totals()
    assert theirs.counters.refusals == ours.counters.refusals


def udp_exchange(data: bytes) -> None:
    """Each packet has a byte for its sender and one for its length; its connection id holds, unless the first byte is large."""
    ours, theirs = tracker_setup(in_c=False), tracker_setup(in_c=True)
    door = UdpDoor(ours.tracker, KEY, lambda: RUNNING, refuse_private=False)
    for _ in range(_MOST):
        if len(data) < 2:
            break
        which, length = data[0], data[1]
        packet, data, address = data[2 : 2 + length], data[2 + length :], _ADDRESSES[which & 3]
        if which < 128 and len(packet) >= 8:
            packet = (door.answer(_CONNECT, address) or b"")[8:] + packet[8:]
        answer = theirs.door.answer_packet(packet, address)
        assert answer == door.answer(packet, address)
        assert len(answer or b"") <= max(len(packet), 16) or which < 128
    assert theirs.tracker.store.totals() == ours.tracker.store.totals()


class _Connection:
    """A connection that keeps what it is sent."""

    def __init__(self, number: int) -> None:
        self.address = bytes((9, 9, 9, number >> 1))
        self.passkey = b""
        self.peers: dict[Any, Any] = {}
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        self.sent.append(message)


def websocket_exchange(data: bytes) -> None:
    """Each line is a message of one of four connections, or its end: both stores answer and pass on the same.

    They count as many peers as there are, and no answer is passed on that nobody was offered. The sockets in C do what
    those in Python do, to the byte.
    """
    setups = [tracker_setup(in_c=in_c) for in_c in (False, True)]
    doors = [with_websocket(each, SocketLimits(), _SOCKET_TERMS) for each in setups]
    sides = [[_Connection(number) for number in range(4)] for _ in setups]
    for line in data.split(b"\n")[:_MOST]:
        at, message = (line[0] if line else 0) & 3, line[1:]
        answers = []
        for door, connections in zip(doors, sides, strict=True):
            if message:
                answers.append(door.peers.receive(connections[at], message))
            else:
                door.peers.leave(connections[at])
        assert answers[:1] == answers[1:]
    for setup, door, connections in zip(setups, doors, sides, strict=True):
        here = sum(len(each.peers) for each in connections)
        assert setup.tracker.store.totals().peers == door.peers.counters.peers == here
        assert door.peers.counters.answers <= door.peers.counters.offers
    assert [each.sent for each in sides[0]] == [each.sent for each in sides[1]]
    assert setups[0].counters.refusals == setups[1].counters.refusals


def native_sockets(data: bytes) -> None:
    """As `websocket_exchange`: real sockets in C send what the peers in Python do, to the byte, and count the same.

    A line whose first byte is large says that half a minute has passed.
    """
    ours, theirs = tracker_setup(in_c=False), tracker_setup(in_c=True)
    door = with_websocket(ours, SocketLimits(), _SOCKET_TERMS)
    native = with_native_websocket(theirs, SocketLimits(), _SOCKET_TERMS)
    connections = [_Connection(number) for number in range(4)]
    paired = PairedConnections(native, [each.address for each in connections])
    try:
        for line in data.split(b"\n")[:_MOST]:
            at, message = (line[0] if line else 0) & 3, line[1:]
            if line and line[0] >= 128:
                ours.clock.now += 30
                theirs.clock.now += 30
            elif message:
                connections[at].sent += [door.peers.receive(connections[at], message) or b""]
                paired.send(at, message, 1 if _is_text(message) else 2)
            else:
                door.peers.leave(connections[at])
                paired.end(at)
        assert native.relayed == door.relayed
        assert theirs.tracker.store.totals() == ours.tracker.store.totals()
    finally:
        sent = paired.stop()
    assert [[message for message in each.sent if message] for each in connections] == sent
    assert theirs.tracker.store.totals().peers == 0
    assert theirs.counters.refusals == ours.counters.refusals
    assert theirs.counters.announces == ours.counters.announces
    assert theirs.counters.warnings == ours.counters.warnings


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Transport:
    """A transport whose other side takes everything but what it is told to keep."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: object) -> None: ...

    def set_write_buffer_limits(self, high: int) -> None: ...


def websocket_frames(data: bytes) -> None:
    """Bytes in pieces of the first one's length: whatever they are, no more is kept than a message may have.

    All that is written is frames, of text in JSON.
    """
    door = with_websocket(tracker_setup(in_c=False), SocketLimits(message=300), SocketTerms())
    step, transport, memory, ended = max(1, data[0] if data else 1), _Transport(), ConnectionMemory(), []
    held = memory.connection("", transport.close)
    upgraded = UpgradedConnection(
        transport, {}, b"/announce", held, set(), lambda: ended.append(held.close())
    )  # type: ignore[arg-type]
    door.counts.open += 1
    door._by_address["9.9.9.9"] += 1
    connection = WebSocketConnection(door, upgraded, bytes((9, 9, 9, 9)), b"")
    connection.begin(b"", b"")
    for at in range(1, len(data), step):
        connection.data_received(data[at : at + step])
        assert memory.held <= 300
    connection.connection_lost(None)
    assert len(ended) == 1
    assert memory.held == 0
    assert door.counts.open == door.peers.counters.peers == 0
    written = transport.written
    while written:
        size = written[1] if written[1] < 126 else int.from_bytes(written[2:4], "big")
        start = 2 if written[1] < 126 else 4
        if written[0] == 0x81:
            json.loads(written[start : start + size])
        else:
            assert written[0] in (0x88, 0x8A)
        written = written[start + size :]


TARGETS = (
    Target(http_exchange, 2, 1500),
    Target(udp_exchange, 2, 1500),
    Target(websocket_exchange, 2, 3000),
    Target(websocket_frames, 2, 3000),
    Target(native_sockets, 1, 3000),
)
