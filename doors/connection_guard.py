"""Limits of HTTP connections as a uvicorn protocol class: timeouts, length of the head, connections per address.

uvicorn has none of these. A client that stops reading its answer is disconnected as well.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bittorrent.peers import parse_address
from doors.client_address import rate_key

HEAD_LIMIT = 64 << 10
"""Bytes of a request's head, the query included; beyond it nothing more is read."""
URL_LIMIT = 32 << 10
_LINGER = 2.0  # seconds for a refused client to read its answer before the connection is aborted
_MAX_LINGER_BYTES = 4 << 20
_TRACKER_PATHS = (b"/announce", b"/scrape")

TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_STOPPING = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"


@dataclass(frozen=True, slots=True)
class ConnectionCounts:
    """Connection counters: open now, and since the start closed over a cap or after a timeout."""

    open: int
    turned_away: int
    timed_out: int


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
    open: int = 0
    turned_away: int = 0
    timed_out: int = 0
    by_address: Counter[str] = field(default_factory=Counter)

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
        return ConnectionCounts(self.open, self.turned_away, self.timed_out)

    def _over_cap(self, key: str, host: str) -> bool:
        if self.max_connections and self.open >= self.max_connections:
            return True
        cap = self.connections_per_address
        if not cap or self.by_address[key] < cap:
            return False
        address = ip_address(host.partition("%")[0])
        return not any(address in network for network in self.exempt)

    def leave(self, key: str) -> None:
        """Count a closed connection."""
        self.open -= 1
        self.by_address[key] -= 1
        if not self.by_address[key]:
            del self.by_address[key]


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol within the limits of a `ConnectionGuard`."""

    guard: ConnectionGuard

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        super().__init__(*arguments, **named)
        self._key: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._phase = _Phase.IDLE
        self._began = False  # whether the head began in the data being read
        self._head_bytes = 0
        self._refused = False
        self._discarded = 0
        self._overlong = False  # the rest of the data being read is ignored

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or abort it over a cap, and start the timer of its first head."""
        name = transport.get_extra_info("peername")
        self._key = self.guard.admit(name[0]) if name else None
        if self._key is None:
            self._refused = True
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._set_timer(self.guard.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers and count the closed connection."""
        self._set_timer(None)
        self._cancel_stall_timer()
        if self._key is not None:
            self.guard.leave(self._key)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read data of a request while its head is within the limit."""
        if self._refused:
            self._discard(len(data))
            return
        self._began = False
        super().data_received(data)
        if self._phase is _Phase.HEAD and not self._began:
            self._head_bytes += len(data)
        if self._overlong or self._head_bytes > HEAD_LIMIT:
            self._refuse()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _MAX_LINGER_BYTES:
            self.transport.abort()

    @property
    def between_requests(self) -> bool:
        """Whether no request is being read or answered."""
        return self._phase is _Phase.IDLE and not self._refused and not self._busy()

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self) -> None:
        """Answer a head that is too long, a tracker request in bencode, and leave the client time to read it."""
        if self._busy():
            self.transport.abort()
            return
        if self.url.startswith(_TRACKER_PATHS):
            body = self.guard.too_long()
            self._close_with(_OK % (len(body), body))
        else:
            self._close_with(_TOO_LONG)

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
        if self._overlong:
            return
        super().on_message_begin()
        self._phase, self._began, self._head_bytes = _Phase.HEAD, True, 0
        self._set_timer(self.guard.header_timeout)

    def on_headers_complete(self) -> None:
        """Start the timer of a body, unless the URL is longer than the parser of URLs can take."""
        self._overlong = self._overlong or len(self.url) > URL_LIMIT
        if self._overlong:
            return
        self._phase = _Phase.BODY
        self._set_timer(self.guard.body_timeout)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass data of a body on."""
        if not self._overlong:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the request is complete."""
        if self._overlong:
            return
        self._phase = _Phase.IDLE
        self._set_timer(None)
        super().on_message_complete()

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
