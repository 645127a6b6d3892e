"""Fetching a .torrent from another cache over HTTP: bounded, with redirects, never into a private network."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from bittorrent.infohash import InfoHash
from downloads.outgoing_filter import OutgoingFilter

REDIRECTS: Final = 3

_CHUNK: Final = 65_536
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "Peerage"}

log = structlog.get_logger()


class _Refused(OSError):
    """An address that may not be connected to, or a response that is not followed."""


class UpstreamCache:
    """A cache whose URLs hold `{HASH}`, or `{hash}` in lower case; answers have `limit` bytes at most."""

    def __init__(self, template: str, outgoing: OutgoingFilter, limit: int) -> None:
        self._template = template
        self._outgoing = outgoing
        self._limit = limit

    async def fetch(self, infohash: InfoHash, seconds: float) -> bytes | None:
        """Return the cache's response body, unchecked and still compressed; None when there is none in time."""
        url = self._template.replace("{HASH}", infohash.upper).replace("{hash}", infohash.lower)
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url)
        except (TimeoutError, OSError, ValueError, aiohttp.ClientError) as error:
            log.info("upstream.failed", host=urlsplit(self._template).hostname, error=str(error)[:200])
            return None

    async def _follow(self, url: str) -> bytes | None:
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._outgoing), use_dns_cache=False, force_close=True
        )
        async with aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),  # one limit holds for all of it
        ) as session:
            for _ in range(1 + REDIRECTS):
                self._check(url)
                async with session.get(url, allow_redirects=False) as response:
                    if response.status not in _MOVED:
                        return await self._body(response) if response.status == 200 else None
                    if not (location := response.headers.get("Location")):
                        return None
                    url = urljoin(url, location)
        raise _Refused(f"more than {REDIRECTS} redirects")

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

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._limit:
                raise _Refused(f"it is larger than {self._limit} bytes")
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
