"""Limits of a request: its rate, the bytes of its body, and its origin (no cross-site requests)."""

import contextlib
import sys
from collections.abc import AsyncGenerator
from typing import Self
from urllib.parse import urlsplit

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect, Request

from bittorrent.refusal import Refusal

# Bytes of an oversized body that are read and dropped, so that its sender reads the answer.
DRAINED = 64 * 1024 * 1024
# Keys that are counted; the one idle for longest is evicted first.
_MAX_KEYS = 4096
_OWN_SITES = frozenset({"same-origin", "none"})


class RateLimiter:
    """Limits the requests of each key in a moving window such as "60/minute".

    Raises ValueError when `rate` is not in the syntax of the `limits` library.
    """

    def __init__(self, rate: str) -> None:
        self._rate = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._keys: dict[str, None] = {}

    def check(self, key: str) -> None:
        """Count one request of `key`; raises Refusal "rate-limited" over the limit."""
        self._keys.pop(key, None)
        self._keys[key] = None
        if len(self._keys) > _MAX_KEYS:
            oldest = next(iter(self._keys))
            del self._keys[oldest]
            self._limiter.clear(self._rate, oldest)
        if not self._limiter.hit(self._rate, key):
            raise Refusal("rate-limited")


class BodyMemory:
    """The bytes of bodies in memory at once, over all requests that share it, and their limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


class Body:
    """The body of one request, read within `limit` bytes and within what `memory` has left.

    Used as an async context manager: at its end the memory is released, and after a refusal a bounded part of
    what is still being sent is read and dropped, because closing the connection would lose the answer. A sender
    that waits for 100 Continue gets none.
    """

    def __init__(self, request: Request, limit: int, memory: BodyMemory | None = None) -> None:
        self._limit = limit
        self._memory = memory
        self._held = 0
        self._received = 0
        self._chunks = request.stream()
        self._waiting = request.headers.get("expect", "").lower() == "100-continue"
        length = request.headers.get("content-length", "")
        self._declared = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the chunks; raises Refusal "too-large" once that is known, "busy" when no memory is left.

        Raises Refusal "bad-request" when the client disconnects.
        """
        if self._declared > self._limit:
            raise self._too_large()
        try:
            async for chunk in self._chunks:
                self._take(len(chunk))
                yield chunk
        except ClientDisconnect:
            raise Refusal("bad-request") from None

    async def read(self) -> bytes:
        """Return all of it; raises Refusal as `stream` does."""
        return b"".join([chunk async for chunk in self.stream()])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._memory:
            self._memory.held -= self._held
        if isinstance(error, Refusal):
            await self._drain()

    def _take(self, size: int) -> None:
        self._received += size
        if self._received > self._limit:
            raise self._too_large()
        if self._memory:
            if self._memory.held + size > self._memory.limit:
                raise Refusal("busy")
            self._memory.held += size
            self._held += size

    def _too_large(self) -> Refusal:
        return Refusal("too-large", f"at most {self._limit} bytes")

    async def _drain(self) -> None:
        if self._declared > DRAINED or (self._waiting and not self._received):
            return
        dropped = 0
        with contextlib.suppress(ClientDisconnect):
            async for chunk in self._chunks:
                dropped += len(chunk)
                if dropped > DRAINED:
                    return


class FormReader(MultiPartParser):
    """Parses a multipart form in memory; its body is bounded and accounted for."""

    spool_max_size = sys.maxsize


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body of at most `limit` bytes; raises Refusal "too-large" as soon as it is known."""
    async with Body(request, limit) as body:
        return await body.read()


def refuse_cross_site(request: Request, public_host: str | None) -> None:
    """Raise Refusal "cross-site" when a browser says that a page of another site made the request.

    `public_host` is the host (and port, unless it is the scheme's own) of the public URL, None when unset.
    Programs send neither header and are admitted.
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
