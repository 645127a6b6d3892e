"""Hides how a connection is kept from costing more than its request is worth.

uvicorn bounds neither the time of a request's head and body, nor the length of a head, nor the number of
connections; this protocol class does. A client that stops reading is let go as well.
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
from doors.client import rate_key

HEAD_LIMIT = 64 << 10
"""Bytes of a request's head, the query included; beyond it nothing is read any more."""
URL_LIMIT = 32 << 10
_LINGER = 2.0  # seconds for a refused client to take its answer before the connection is cut
_LINGER_BYTES = 4 << 20
_TRACKER_PATHS = (b"/announce", b"/scrape")

TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_STOPPING = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections in numbers: how many are open, and since the start, closed for a cap or for being late."""

    open: int
    turned_away: int
    timed_out: int


@dataclass(slots=True)
class Guard:
    """The bounds of every connection and how many there are; times in seconds, a cap of 0 is none."""

    header_timeout: float
    body_timeout: float
    max_connections: int
    connections_per_address: int
    exempt: Sequence[IPv4Network | IPv6Network]
    too_long: Callable[[], bytes]
    """Makes the tracker's own answer to an over-long announce."""
    open: int = 0
    turned_away: int = 0
    timed_out: int = 0
    by_address: Counter[str] = field(default_factory=Counter)

    def admit(self, host: str) -> str | None:
        """Count a connection in; return the key to count it out by, or None when it is one too many."""
        key = rate_key(parse_address(host))
        if self._crowded(key, host):
            self.turned_away += 1
            return None
        self.open += 1
        self.by_address[key] += 1
        return key

    def connections(self) -> Connections:
        """Return the connections in numbers."""
        return Connections(self.open, self.turned_away, self.timed_out)

    def _crowded(self, key: str, host: str) -> bool:
        if self.max_connections and self.open >= self.max_connections:
            return True
        cap = self.connections_per_address
        if not cap or self.by_address[key] < cap:
            return False
        address = ip_address(host.partition("%")[0])
        return not any(address in network for network in self.exempt)

    def leave(self, key: str) -> None:
        """Count a connection out."""
        self.open -= 1
        self.by_address[key] -= 1
        if not self.by_address[key]:
            del self.by_address[key]


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, within a guard's bounds."""

    guard: Guard

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        super().__init__(*arguments, **named)
        self._key: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._phase = _Phase.IDLE
        self._began = False  # whether the head began in the piece that is being read
        self._head_bytes = 0
        self._refused = False
        self._discarded = 0
        self._overlong = False  # nothing that follows in the piece being read counts any more

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a connection in, or close it when there are too many; its head has to come in time."""
        name = transport.get_extra_info("peername")
        self._key = self.guard.admit(name[0]) if name else None
        if self._key is None:
            self._refused = True
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._expect(self.guard.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._expect(None)
        self._unstall()
        if self._key is not None:
            self.guard.leave(self._key)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request, as long as its head stays within the limit."""
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
        if self._discarded > _LINGER_BYTES:
            self.transport.abort()

    @property
    def between_requests(self) -> bool:
        """Whether no request is being read or answered."""
        return self._phase is _Phase.IDLE and not self._refused and not self._busy()

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self) -> None:
        """Answer a head without end in the form of the door it asked for, then let the client read that."""
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
        self._expect(None)
        if self.transport.is_closing():
            return
        self.transport.write(answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER, self.transport.abort)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for the answer to a whole request, whose sender has closed only its own side."""
        waiting = self._phase is _Phase.IDLE and self._busy() and not self._refused
        if waiting:
            self.cycle.keep_alive = False
        return waiting

    def on_message_begin(self) -> None:
        """Start the clock of a head."""
        if self._overlong:
            return
        super().on_message_begin()
        self._phase, self._began, self._head_bytes = _Phase.HEAD, True, 0
        self._expect(self.guard.header_timeout)

    def on_headers_complete(self) -> None:
        """Start the clock of a body, unless the address is longer than the parser of addresses can take."""
        self._overlong = self._overlong or len(self.url) > URL_LIMIT
        if self._overlong:
            return
        self._phase = _Phase.BODY
        self._expect(self.guard.body_timeout)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of a body on."""
        if not self._overlong:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock: what follows is the service's own time."""
        if self._overlong:
            return
        self._phase = _Phase.IDLE
        self._expect(None)
        super().on_message_complete()

    def _expect(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """Close a connection whose request does not come; say so where no answer has begun."""
        self.guard.timed_out += 1
        if self._phase is _Phase.BODY and self._busy() and not self.cycle.response_started:
            self._abandon(TIMEOUT)
        elif self._phase is _Phase.HEAD and not self._busy():
            self._close_with(TIMEOUT)
        else:
            self.transport.abort()

    def _abandon(self, answer: bytes) -> None:
        """Answer in place of the application, which learns that its client is gone."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self._close_with(answer)

    def shutdown(self) -> None:
        """Let the answer under way end; a request that has not come whole is not waited for."""
        if self._phase is _Phase.BODY and self._busy() and not self.cycle.response_started:
            self._abandon(_STOPPING)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Give a client that does not read its answer the time of a body."""
        super().pause_writing()
        self._unstall()
        self._stall = self.loop.call_later(self.guard.body_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on, because the client reads again."""
        self._unstall()
        super().resume_writing()

    def _unstall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def guarded(guard: Guard) -> type[GuardedProtocol]:
    """Return the protocol class for uvicorn, bound to a guard."""
    return type("BoundProtocol", (GuardedProtocol,), {"guard": guard})
