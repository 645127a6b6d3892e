"""Hides what a request may cost before anyone looks at it: rates, bytes of body, and who sent it."""

from collections.abc import AsyncGenerator
from typing import Self
from urllib.parse import urlsplit

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import ClientDisconnect, Request

from bittorrent.refusal import Refusal

# What is read and thrown away of a body that is too large, so that its sender gets to the answer.
DRAINED = 64 * 1024 * 1024
# Addresses whose rate is remembered; the one idle for longest is forgotten first.
_KEYS = 4096
_OWN_SITES = frozenset({"same-origin", "none"})


class Rates:
    """Counts what each key did lately, in a moving window such as "60/minute".

    Raises ValueError when `rate` is not in the syntax of the `limits` library.
    """

    def __init__(self, rate: str) -> None:
        self._rate = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._keys: dict[str, None] = {}

    def check(self, key: str) -> None:
        """Count one deed of `key`; raises Refusal "rate-limited" when it did too many."""
        self._keys.pop(key, None)
        self._keys[key] = None
        if len(self._keys) > _KEYS:
            oldest = next(iter(self._keys))
            del self._keys[oldest]
            self._limiter.clear(self._rate, oldest)
        if not self._limiter.hit(self._rate, key):
            raise Refusal("rate-limited")


class BodyMemory:
    """The bytes of bodies that may lie in memory at once, over all requests of the doors that share it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def lease(self) -> "Lease":
        """Return a lease that holds nothing yet; use it as a context manager around a request."""
        return Lease(self)


class Lease:
    """What one request holds of a `BodyMemory`; all of it is given back at the end of the `with` block."""

    __slots__ = ("_held", "_memory")

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._held = 0

    def take(self, size: int) -> None:
        """Hold `size` more bytes; raises Refusal "busy" when there is no room."""
        if self._memory.held + size > self._memory.limit:
            raise Refusal("busy")
        self._memory.held += size
        self._held += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._memory.held -= self._held
        self._held = 0


async def stream_body(
    request: Request, limit: int, lease: Lease | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raises Refusal "too-large" once it is known to exceed `limit` bytes.

    A body that was announced as too large is not read when its sender waits for leave to send it; otherwise
    a bounded part of it is read first, or closing the connection would lose the answer. Raises Refusal
    "bad-request" when the sender goes away.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        if request.headers.get("expect", "").lower() != "100-continue" and int(declared) <= DRAINED:
            await _drain(request.stream())
        raise Refusal("too-large", f"at most {limit} bytes")
    size, chunks = 0, request.stream()
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                await _drain(chunks)
                raise Refusal("too-large", f"at most {limit} bytes")
            if lease:
                lease.take(len(chunk))
            yield chunk
    except ClientDisconnect:
        raise Refusal("bad-request") from None


async def read_body(request: Request, limit: int, lease: Lease | None = None) -> bytes:
    """Return the whole body of at most `limit` bytes; raises Refusal as `stream_body` does."""
    return b"".join([chunk async for chunk in stream_body(request, limit, lease)])


def refuse_cross_site(request: Request, public_host: str | None) -> None:
    """Raise Refusal "cross-site" when a browser says that a page of another site made the request.

    `public_host` is the host (and port, unless it is the scheme's own) of the public URL, None when unset.
    Programs send neither header and pass.
    """
    if request.headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise Refusal("cross-site")
    origin = request.headers.get("origin")
    if origin is not None and not _is_own(origin, request, public_host):
        raise Refusal("cross-site")


def _is_own(origin: str, request: Request, public_host: str | None) -> bool:
    try:
        parts = urlsplit(origin)
        host = authority(parts.scheme, parts.netloc)
    except ValueError:
        return False
    own = {authority(parts.scheme, request.headers.get("host", ""))}
    if public_host:
        own.add(authority(parts.scheme, public_host))
    return parts.scheme in {"http", "https"} and bool(host) and host in own


def authority(scheme: str, netloc: str) -> str:
    """Return a host and port in lower case, without the port that the scheme implies."""
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return netloc.lower().removesuffix(default) if default else netloc.lower()


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    size = 0
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > DRAINED:
                return
    except ClientDisconnect:
        return
