"""Admission of uploaded .torrent files for the cache and SOAP: origin, rate, account, body limit, counters."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request

from accounts.model import Scope
from accounts.rights import Right, Rights
from actions.uploads import AcceptedUpload, Uploads
from bittorrent.refusal import Refusal
from doors.authentication import Authenticator
from doors.client_address import ClientAddress, rate_key
from doors.origin import public_host
from doors.request_limits import Body, BodyMemory, RateLimiter, refuse_cross_site

log = structlog.get_logger()


@dataclass(slots=True)
class CacheCounters:
    """Counters of the cache's downloads and uploads since the start, for /metrics."""

    hits: int = 0
    misses: int = 0
    uploads: int = 0
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class UploadAccounts:
    """Requires an account that may upload, by a session cookie or a token of the REST API."""

    authenticator: Authenticator
    rights: Rights

    async def admit(self, request: Request) -> None:
        """Raise Refusal `unauthenticated`, `forbidden`, or those of `Authenticator.by_request`."""
        self.rights.require(await self.authenticator.by_request(request, Scope.REST), Right.UPLOAD)


@dataclass(frozen=True, slots=True)
class UploadAdmission:
    """Admits and accepts uploads; one instance, with its rate limit and its memory, is shared by all dialects."""

    uploads: Uploads
    clients: ClientAddress
    rate_limiter: RateLimiter
    memory: BodyMemory
    counters: CacheCounters
    public_url: str | None
    accounts: UploadAccounts | None = None
    """Set where uploads need an account; None admits everybody."""

    async def take(
        self, request: Request, door: str, limit: int, read: Callable[[Body], Awaitable[bytes]]
    ) -> AcceptedUpload:
        """Admit a request with a body of at most `limit` bytes, `read` the torrent from it and accept that.

        `door` names the dialect as the actor of the upload. Raises Refusal; any other error is logged and
        becomes "internal".
        """
        try:
            async with Body(request, limit, self.memory) as body:
                await self._admit(request)
                accepted = await self.uploads.accept(await read(body), door)
        except Refusal as refusal:
            self.counters.refusals[refusal.code] += 1
            raise
        except Exception:
            log.exception("upload.failed", door=door)
            self.counters.refusals["internal"] += 1
            raise Refusal("internal") from None
        self.counters.uploads += 1
        return accepted

    async def _admit(self, request: Request) -> None:
        refuse_cross_site(request, public_host(self.public_url))
        self.rate_limiter.check(rate_key(self.clients.of(request.scope)))
        if self.accounts is not None:
            await self.accounts.admit(request)
