"""Limits of HTTP connections as a uvicorn protocol class: timeouts, length of the head, connections, memory.

uvicorn has none of these. A client that stops reading its answer is disconnected as well. Trailers are dropped: uvicorn
would take them for headers. No protocol is changed to but what `ConnectionGuard.upgrades` takes: uvicorn's parser may
take the body of a request that asks for one for the next request, so it is refused where it has a body, and the last of
its connection where it has none.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Protocol, cast

from httptools import HttpParserUpgrade
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendCallable, ASGISendEvent

from bittorrent.peers import parse_address
from bittorrent.shares import Exemptions
from doors.client_address import rate_key
from doors.client_work import ClientWork
from doors.connection_memory import ROOM_SECONDS, SCOPE_KEY, ConnectionMemory, HeldMemory
from doors.proxy_protocol import ClientName
from doors.root_path import below
from tasks.fair_turns import FairTurns
from tasks.recent_work import RecentWork

HEAD_LIMIT = 64 << 10
"""Bytes of a request's head, the query included; beyond it nothing more is read."""
URL_LIMIT = 32 << 10
_FRAMING_PER_BYTE = 16
"""Bytes of chunk sizes and their like that may come with a byte of a body, beside those of a head's length."""
_PIPELINED = 64  # requests that may wait behind the one that is answered
_PIECE = 64 << 10  # bytes of an answer that are given to the transport at once
_LINGER = 2.0  # seconds for a refused client to read its answer before the connection is aborted
_MAX_LINGER_BYTES = 4 << 20
_TRACKER_PATHS = (b"/announce", b"/scrape")

TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_STOPPING = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_BAD_HEAD = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"


@dataclass(frozen=True, slots=True)
class ConnectionCounts:
    """Connection counters: open now, and since the start closed over a cap or after a timeout."""

    open: int
    turned_away: int
    timed_out: int
    made_room: int
    """Ended without a whole request, so that others could come."""
    accepting_paused: int
    """How often no descriptor was left, so that nothing was accepted for a moment."""


@dataclass(frozen=True, slots=True)
class UpgradedConnection:
    """A connection that changes from HTTP to another protocol; `ended` is called once when it has ended.

    `scope` has the client and the headers of the request, `url` its path and query as they were sent. `connections` are
    those that the server shuts down.
    """

    transport: asyncio.Transport
    scope: Scope
    url: bytes
    held: HeldMemory
    connections: set[Any]
    ended: Callable[[], None]


class Upgrades(Protocol):
    """Takes connections over that ask for another protocol."""

    def takes(self, method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether this head asks for a protocol that is spoken here; names of headers in lower case."""
        ...

    def take(self, upgraded: UpgradedConnection, early: bytes) -> bytes:
        """Set another protocol on the transport, or return the answer to refuse with; `early` came after the head."""
        ...


@dataclass(slots=True)
class ConnectionGuard:
    """The limits of connections and their counters; times in seconds, a cap of 0 is none."""

    header_timeout: float
    body_timeout: float
    max_connections: int
    connections_per_address: int
    exempt: Sequence[IPv4Network | IPv6Network]
    too_long: Callable[[], bytes]
    """Makes the tracker's answer to an announce whose head is too long."""
    memory: ConnectionMemory = field(default_factory=ConnectionMemory)
    root: bytes = b""
    """The root path, which a proxy may leave in front of the tracker's paths."""
    open: int = 0
    turned_away: int = 0
    timed_out: int = 0
    made_room: int = 0
    accepting_paused: int = 0
    by_address: Counter[str] = field(default_factory=Counter)
    binds_at: int = 0
    """Connections open in all from which `connections_per_address` binds."""
    work: ClientWork = field(default_factory=lambda: ClientWork(FairTurns(), Exemptions(())))
    """The work that connections cause, which gives them fair turns."""
    crowded: Callable[[], bool] | None = None
    """Whether those without a whole request have to make room, where native threads know it."""
    unheard: dict[object, Callable[[], None]] = field(default_factory=dict)
    """The connections without a whole request, longest first, and what ends each."""
    upgrades: Upgrades | None = None

    def admit(self, host: str) -> str | None:
        """Count a connection; return the key to pass to `leave`, or None when it is over a cap."""
        key = rate_key(parse_address(host))
        if self._over_cap(key, host):
            self.turned_away += 1
            return None
        self.open += 1
        self.by_address[key] += 1
        return key

    def connections(self) -> ConnectionCounts:
        """Return the counters."""
        return ConnectionCounts(
            self.open, self.turned_away, self.timed_out, self.made_room, self.accepting_paused
        )

    def make_room(self) -> None:
        """Near the cap, end the connection that has gone without a whole request longest."""
        if self.unheard and self._is_crowded():
            self.made_room += 1
            self.unheard.pop(next(iter(self.unheard)))()

    def _is_crowded(self) -> bool:
        if self.crowded is not None:
            return self.crowded()
        return self.max_connections > 0 and self.open >= crowded_at(self.max_connections)

    def _over_cap(self, key: str, host: str) -> bool:
        if self.max_connections and self.open >= self.max_connections:
            return True
        cap = self.connections_per_address
        if not cap or self.open < self.binds_at or self.by_address[key] < cap:
            return False
        address = ip_address(host.partition("%")[0])
        return not any(address in network for network in self.exempt)

    def leave(self, key: str) -> None:
        """Count a closed connection."""
        self.open -= 1
        self.by_address[key] -= 1
        if not self.by_address[key]:
            del self.by_address[key]


def crowded_at(most: int) -> int:
    """Return the connections open in all from which those without a whole request make room."""
    return most - most // 16


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a head says that a body follows; names in lower case."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0") != b"")
        for name, value in headers
    )


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol within the limits of a `ConnectionGuard`."""

    guard: ConnectionGuard
    peer: ClientName | None = None
    """The client, where it is not the one at the other end of the socket."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        super().__init__(*arguments, **named)
        self._key: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._phase = _Phase.IDLE
        self._began = False  # whether the head began in the data being read
        self._head_bytes = 0
        self._body_bytes = 0  # bytes of the body so far, and of what came in its phase and is none of it
        self._framing = 0
        self._hosts = 0
        self._held: HeldMemory | None = None
        self._work: RecentWork | None = None
        self._refused = False
        self._last = False  # whether nothing behind this request is read
        self._upgrading = False
        self._handed_over = False
        self._reading = b""
        self._discarded = 0
        self._parsed = 0  # bytes of the names and values of the head
        self._refusal = (
            b""  # the answer to a head that is refused; the rest of the data being read is ignored
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or abort it over a cap, and start the timer of its first head."""
        name = self.peer or transport.get_extra_info("peername")
        self.guard.make_room()
        self._key = self.guard.admit(name[0]) if name else None
        if self._key is None:
            self._refused = True
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self.client = self.peer or self.client
        self._work = self.guard.work.of(parse_address(name[0]))
        self._held = self.guard.memory.connection(self._key, transport.abort)
        self._set_timer(self.guard.header_timeout)
        self.guard.unheard[self] = transport.abort

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers and count the closed connection."""
        self._set_timer(None)
        self._cancel_stall_timer()
        self.guard.unheard.pop(self, None)
        if self._key is not None:
            self.guard.leave(self._key)
            if self._held is not None:
                self._held.disconnect()
            super().connection_lost(exc)
            self._release_cycles()

    def _release_cycles(self) -> None:
        """Let go of requests, which refer to this connection: their bodies would stay until a garbage collection."""
        for cycle in (self.cycle, *(each for each, _ in self.pipeline)):
            if cycle is not None:
                _send_as_before(cycle)
        self.pipeline.clear()
        self.cycle = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Read data of a request while its head is within the limit."""
        began = self.guard.work.turns.clock()
        self._read(data)
        if self._work is not None:
            self._work.add(self.guard.work.turns.clock() - began)

    def _read(self, data: bytes) -> None:
        if self._refused or self._last:
            self._discard(len(data))
            return
        self._began = False
        in_body, before = self._phase is _Phase.BODY, self._body_bytes
        self._reading = data
        super().data_received(data)
        self._reading = b""
        if self._handed_over:
            return
        if self._phase is _Phase.HEAD and not self._began:
            self._head_bytes += len(data)
        elif in_body and self._phase is _Phase.BODY:
            self._framing += len(data) - (self._body_bytes - before)
        if self._refusal or self._head_bytes > HEAD_LIMIT:
            self._refuse(self._refusal or _TOO_LONG)
        elif self._framing > HEAD_LIMIT + _FRAMING_PER_BYTE * self._body_bytes:
            self.transport.abort()
        else:
            self._count_buffers(len(data))

    def _count_buffers(self, moved: int = 0) -> None:
        """Count what this connection's buffers hold; without room for it the connection ends."""
        assert self._held is not None
        body = len(self.cycle.body) if self.cycle is not None else 0
        self._held.move(moved)
        if not self._held.set_buffered(self._head_bytes + body + self.transport.get_write_buffer_size()):
            self.transport.abort()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _MAX_LINGER_BYTES:
            self.transport.abort()

    @property
    def between_requests(self) -> bool:
        """Whether no request is being read or answered."""
        return self._phase is _Phase.IDLE and not (self._refused or self._last or self._busy())

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, answer: bytes) -> None:
        """Answer a head that is refused, a tracker's one that is too long in bencode, and leave time to read it."""
        if self._busy():
            self.transport.abort()
            return
        if answer is _TOO_LONG and below(self.url, self.guard.root).startswith(_TRACKER_PATHS):
            body = self.guard.too_long()
            self._close_with(_OK % (len(body), body))
        else:
            self._close_with(answer)

    def _close_with(self, answer: bytes) -> None:
        self._refused = True
        self._set_timer(None)
        if self.transport.is_closing():
            return
        self.transport.write(answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER, self.transport.abort)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep a half-closed connection open until its complete request has been answered."""
        waiting = self._phase is _Phase.IDLE and self._busy() and not self._refused
        if waiting:
            self.cycle.keep_alive = False
        return waiting

    def on_message_begin(self) -> None:
        """Start the timer of a head."""
        if self._refusal:
            return
        super().on_message_begin()
        self._phase, self._began, self._head_bytes = _Phase.HEAD, True, 0
        self.guard.unheard.setdefault(self, self.transport.abort)
        self._body_bytes = self._framing = self._hosts = self._parsed = 0
        self.scope[SCOPE_KEY] = self._held  # type: ignore[literal-required]
        self._set_timer(self.guard.header_timeout)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the head; a trailer is dropped."""
        if self._phase is not _Phase.HEAD:
            return
        self._parsed += len(name) + len(value)
        self._hosts += len(name) == len(b"host") and name.lower() == b"host"
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the timer of a body, unless the head is refused."""
        self._refusal = self._refusal or self._fault_of_head()
        if self._refusal:
            return
        self._last = self.parser.should_upgrade()
        self._phase = _Phase.BODY
        self.guard.unheard.pop(self, None)
        self._set_timer(self.guard.body_timeout)
        self._upgrading = self._last and not self._busy() and self._asks_for_upgrade()
        super().on_headers_complete()
        if not self._upgrading:
            self._send_in_pieces(self.cycle)

    def _asks_for_upgrade(self) -> bool:
        upgrades = self.guard.upgrades
        return upgrades is not None and upgrades.takes(self.parser.get_method(), self.url, self.headers)

    def _should_upgrade(self) -> bool:
        """Whether uvicorn leaves this request to `handle_websocket_upgrade`."""
        return self._upgrading

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, with what came after the head, or refuse; called where the parser stopped there."""
        stopped = sys.exc_info()[1]
        assert isinstance(stopped, HttpParserUpgrade)
        assert self.guard.upgrades is not None
        assert self._held is not None
        self._set_timer(None)
        upgraded = UpgradedConnection(
            self.transport, cast("Scope", self.scope), self.url, self._held, self.connections, self._ending()
        )
        self.connections.discard(self)
        refusal = self.guard.upgrades.take(upgraded, self._reading[stopped.args[0] :])
        if refusal:
            self.connections.add(self)
            self._close_with(refusal)
            return
        self._handed_over = True
        self._cancel_stall_timer()

    def _ending(self) -> Callable[[], None]:
        """Return what counts the end of this connection, once another protocol has it."""
        guard, key, held = self.guard, self._key, self._held
        assert key is not None
        assert held is not None

        def ended() -> None:
            guard.leave(key)
            held.close()

        return ended

    def _fault_of_head(self) -> bytes:
        """Return the answer to a head that is too long, bad or one of too many, nothing where there is no fault."""
        if len(self.url) > URL_LIMIT or self._parsed > HEAD_LIMIT:
            return _TOO_LONG
        upgraded_body = self.parser.should_upgrade() and _has_body(self.scope["headers"])
        bad = self._hosts > 1 or upgraded_body or len(self.pipeline) >= _PIPELINED
        return _BAD_HEAD if bad else b""

    def on_body(self, body: bytes) -> None:
        """Pass data of a body on."""
        if not self._refusal:
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the request is complete."""
        if self._refusal:
            return
        self._phase = _Phase.IDLE
        self._set_timer(None)
        if self._held is not None:
            self._held.set_served(True)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Release what was reserved for the answer."""
        if self._held is not None:
            self._held.release_reserved()
        super().on_response_complete()

    def _send_in_pieces(self, cycle: RequestResponseCycle) -> None:
        """Have answers held in the connection's memory, and sent in pieces as the client takes them."""
        held, send = self._held, cycle.send
        assert held is not None

        async def send_in_pieces(message: "ASGISendEvent") -> None:
            if self.transport.is_closing():
                cycle.disconnected = True
            if message["type"] == "http.response.start" and (self._last or self._awaits_body(cycle)):
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            body = message.get("body", b"")
            held.set_served(False)
            if not isinstance(body, bytes) or len(body) <= _PIECE or cycle.disconnected:
                await send(message)
                if self.transport.get_write_buffer_size():
                    self._count_buffers()
            elif await held.hold_answer(len(body), ROOM_SECONDS):
                try:
                    await self._send_pieces(
                        send, memoryview(body), more=bool(message.get("more_body", False))
                    )
                finally:
                    held.release(len(body))
            else:
                self.transport.abort()
            if cycle.response_complete or cycle.disconnected:
                _send_as_before(cycle)

        cycle.send = send_in_pieces  # type: ignore[method-assign]

    def _awaits_body(self, cycle: RequestResponseCycle) -> bool:
        """Whether the client waits to be asked for its body, which it then need not send.

        What came next would be taken for the body (RFC 9110, 10.1.1); a proxy's next request is that of somebody else.
        """
        return cycle.waiting_for_100_continue and self._phase is _Phase.BODY

    async def _send_pieces(self, send: "ASGISendCallable", body: memoryview, *, more: bool) -> None:
        assert self._held is not None
        for at in range(0, len(body), _PIECE):
            last = at + _PIECE >= len(body)
            piece = body[at : at + _PIECE]
            message = {"type": "http.response.body", "body": piece, "more_body": more or not last}
            await send(cast("ASGISendEvent", message))
            self._held.move(len(piece))

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = self.loop.call_later(seconds, self._timed_out)

    def _timed_out(self) -> None:
        """Close a connection whose request did not arrive in time, with 408 where no answer has begun."""
        self.guard.timed_out += 1
        if self._phase is _Phase.BODY and self._busy() and not self.cycle.response_started:
            self._abandon(TIMEOUT)
        elif self._phase is _Phase.HEAD and not self._busy():
            self._close_with(TIMEOUT)
        else:
            self.transport.abort()

    def _abandon(self, answer: bytes) -> None:
        """Answer in place of the application, which sees its client disconnect."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self._close_with(answer)

    def shutdown(self) -> None:
        """Finish the current answer; do not wait for an incomplete request."""
        if self._phase is _Phase.BODY and self._busy() and not self.cycle.response_started:
            self._abandon(_STOPPING)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Give a client that does not read its answer as long as a body has."""
        super().pause_writing()
        self._cancel_stall_timer()
        self._stall_timer = self.loop.call_later(self.guard.body_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that timer when the client reads again."""
        self._cancel_stall_timer()
        super().resume_writing()

    def _cancel_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def guarded_protocol(guard: ConnectionGuard) -> type[GuardedProtocol]:
    """Return the protocol class for uvicorn, bound to a connection guard."""
    return type("BoundProtocol", (GuardedProtocol,), {"guard": guard})


def _send_as_before(cycle: RequestResponseCycle) -> None:
    """Undo `_send_in_pieces`, whose function and the cycle refer to each other."""
    vars(cycle).pop("send", None)
