"""HTTP to other hosts: bounded in size and time, with redirects, never into a private network."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from downloads.outgoing_filter import OutgoingFilter

REDIRECTS: Final = 3
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_CHUNK: Final = 65_536
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "Peerage"}


class OutgoingError(OSError):
    """A request came to nothing: no answer in time, an address that may not be connected to, or too large an answer."""


class _Refused(OSError):
    """An address that may not be connected to, or a response that is not followed."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What another host answered; `retry_after` in seconds, 0 where it says nothing of that."""

    status: int
    body: bytes
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    redirects: int


class OutgoingHttp:
    """Requests to hosts that an outgoing filter allows."""

    def __init__(self, outgoing: OutgoingFilter) -> None:
        self._outgoing = outgoing

    async def get(
        self, url: str, *, limit: int, seconds: float, headers: Mapping[str, str] = NO_HEADERS
    ) -> HttpAnswer:
        """Fetch a URL, following redirects; the body, still compressed, has `limit` bytes at most. OutgoingError."""
        return await self._send(_Request("GET", url, None, headers, REDIRECTS), limit, seconds)

    async def post(
        self, url: str, body: bytes, *, limit: int, seconds: float, headers: Mapping[str, str] = NO_HEADERS
    ) -> HttpAnswer:
        """Post a body; redirects are answers like any other. OutgoingError."""
        return await self._send(_Request("POST", url, body, headers, 0), limit, seconds)

    async def _send(self, request: "_Request", limit: int, seconds: float) -> HttpAnswer:
        try:
            async with asyncio.timeout(seconds), self._session() as session:
                return await self._follow(session, request, limit)
        except TimeoutError:
            raise OutgoingError(f"no answer in {seconds:g} seconds") from None
        except (OSError, ValueError, aiohttp.ClientError) as error:
            raise OutgoingError(str(error)[:200] or type(error).__name__) from None

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._outgoing), use_dns_cache=False, force_close=True
        )
        return aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),  # one limit holds for all of it
        )

    async def _follow(self, session: aiohttp.ClientSession, request: "_Request", limit: int) -> HttpAnswer:
        url, host = request.url, urlsplit(request.url).netloc
        for _ in range(1 + request.redirects):
            self._check(url)
            # What is meant for one host, such as a key, is not sent to another.
            headers = request.headers if urlsplit(url).netloc == host else NO_HEADERS
            async with session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False
            ) as response:
                location = response.headers.get("Location") if response.status in _MOVED else None
                if location is None or not request.redirects:
                    return HttpAnswer(
                        response.status,
                        await _body(response, limit),
                        _seconds(response.headers.get("Retry-After")),
                    )
                url = urljoin(url, location)
        raise _Refused(f"more than {request.redirects} redirects")

    def _check(self, url: str) -> None:
        """Refuse URLs that are not plain http(s), or name an address that may not be connected to."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise _Refused("it leads to no http or https URL")
        # The resolver is not called for an IP address.
        try:
            address = ip_address(parts.hostname.partition("%")[0]).packed
        except ValueError:
            return
        if not self._outgoing.allows(address):
            raise _Refused("it leads to a private address")


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 6 else 0.0


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise _Refused(f"it is larger than {limit} bytes")
    return bytes(body)


class _Resolver(AbstractResolver):
    """Resolves a name once to the addresses that are allowed; the connection is made to one of these."""

    def __init__(self, outgoing: OutgoingFilter) -> None:
        self._outgoing = outgoing

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a host; raises OSError where there is none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        allowed = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
            if self._outgoing.allows_text(str(address[0]))
        ]
        if not allowed:
            raise _Refused("the host has no address that may be connected to")
        return allowed

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""
