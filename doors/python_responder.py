"""The fast path's responder in Python: answers announces and scrapes from raw bytes.

Heads are read by a regular expression, in their common form only; anything else is left to uvicorn's parser.
"""

import re
from collections.abc import Callable
from email.utils import formatdate
from ipaddress import ip_address
from typing import Any

from doors.announce import AnnounceDoor, ScrapeDoor
from doors.fast_path import Outcome

_HEAD = re.compile(
    rb"GET (/announce|/scrape)(?:\?([!\"$-~]*))? HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*)\r\n"
)
_CONNECTION_HEADERS = re.compile(
    rb"(?im)^(connection|proxy-connection|content-length|transfer-encoding|upgrade|expect):[ \t]*(.*?)[ \t]*\r$"
)
_MAX_HEAD = 16 << 10
_MAX_HOSTS = 4096
_OK = b"HTTP/1.1 200 OK\r\ndate: %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n%b\r\n%b"


class PythonResponder:
    """Answers complete announces and scrapes by the routes in Python; `clock` gives unix seconds."""

    def __init__(self, announce: AnnounceDoor, scrape: ScrapeDoor, clock: Callable[[], float]) -> None:
        self._answers = {b"/announce": announce.answer, b"/scrape": scrape.answer}
        self._clock = clock
        self._cached_date = (0, b"")
        self._hosts: dict[bytes, str] = {}

    def answer(self, data: bytes, address: bytes, skip: int = 0, /) -> tuple[bytes, int, int]:
        """Return the answer to the request at `skip`, its length, and an Outcome."""
        match = _HEAD.match(data, skip, skip + _MAX_HEAD)
        if match is None:
            return b"", 0, Outcome.UNHANDLED
        path, query, minor, headers = match.groups()
        closes = minor == b"0"
        for name, value in _CONNECTION_HEADERS.findall(headers):
            if name.lower() != b"connection" or value.lower() not in (b"close", b"keep-alive"):
                return b"", 0, Outcome.UNHANDLED
            closes = closes or value.lower() == b"close"
        body = self._answers[path](self._scope(query or b"", address, headers))
        reply = _OK % (self._date(), len(body), b"connection: close\r\n" if closes else b"", body)
        return reply, match.end() - skip, Outcome.CLOSE if closes else Outcome.MORE

    def serve(self, descriptor: int, data: bytes, address: bytes, /) -> tuple[bytes, int, int] | None:
        """Answer the first request; the transport sends the answer."""
        return self.answer(data, address)

    def _scope(self, query: bytes, address: bytes, headers: bytes) -> dict[str, Any]:
        lines = (line.partition(b":") for line in headers.split(b"\r\n")[:-1])
        return {
            "query_string": query,
            "client": (self._host(address), 0),
            "headers": [(name.lower(), value.strip(b" \t")) for name, _, value in lines],
        }

    def _host(self, address: bytes) -> str:
        host = self._hosts.get(address)
        if host is None:
            if len(self._hosts) >= _MAX_HOSTS:
                self._hosts.clear()
            host = self._hosts[address] = str(ip_address(address))
        return host

    def _date(self) -> bytes:
        now = int(self._clock())
        if self._cached_date[0] != now:
            self._cached_date = (now, formatdate(now, usegmt=True).encode())
        return self._cached_date[1]
