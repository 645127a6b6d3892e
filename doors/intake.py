"""Admission of uploaded .torrent files for the cache and SOAP: origin, rate, account, body limit, counters."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request

from accounts.model import Scope
from accounts.rights import Right, Rights
from actions.uploads import Accepted, Uploads
from bittorrent.refusal import Refusal
from doors.client import ClientAddress, rate_key
from doors.identity import Identity
from doors.limits import Body, BodyMemory, Rates, refuse_cross_site
from doors.origin import public_host

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """Counters of the cache's downloads and uploads since the start, for /metrics."""

    hits: int = 0
    misses: int = 0
    uploads: int = 0
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Members:
    """Requires an account that may upload, by a session cookie or a token of the REST API."""

    identity: Identity
    rights: Rights

    async def admit(self, request: Request) -> None:
        """Raise Refusal `unauthenticated`, `forbidden`, or those of `Authenticator.by_request`."""
        self.rights.require(await self.identity.of(request, Scope.REST), Right.UPLOAD)


@dataclass(frozen=True, slots=True)
class Intake:
    """Admits and accepts uploads; one instance, with its rate limit and its memory, is shared by all dialects."""

    uploads: Uploads
    clients: ClientAddress
    rates: Rates
    memory: BodyMemory
    tally: Tally
    public_url: str | None
    members: Members | None = None
    """Set where uploads need an account; None admits everybody."""

    async def take(
        self, request: Request, door: str, limit: int, read: Callable[[Body], Awaitable[bytes]]
    ) -> Accepted:
        """Admit a request with a body of at most `limit` bytes, `read` the torrent from it and accept that.

        `door` names the dialect as the actor of the upload. Raises Refusal; any other error is logged and
        becomes "internal".
        """
        try:
            async with Body(request, limit, self.memory) as body:
                await self._admit(request)
                accepted = await self.uploads.accept(await read(body), door)
        except Refusal as refusal:
            self.tally.refusals[refusal.code] += 1
            raise
        except Exception:
            log.exception("upload.failed", door=door)
            self.tally.refusals["internal"] += 1
            raise Refusal("internal") from None
        self.tally.uploads += 1
        return accepted

    async def _admit(self, request: Request) -> None:
        refuse_cross_site(request, public_host(self.public_url))
        self.rates.check(rate_key(self.clients.of(request.scope)))
        if self.members is not None:
            await self.members.admit(request)
