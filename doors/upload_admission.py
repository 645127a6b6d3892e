"""Admission of uploaded .torrent files for the cache and SOAP: origin, rate, account, body limit, counters."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.responses import Response

from accounts.model import Scope
from accounts.rights import Right
from actions.uploads import AcceptedUpload, Uploads
from bittorrent.refusal import Refusal
from doors.admission import Admission, ApiDialect, Endpoint, Exchange, Handler, Step, header, session
from doors.bodies import FormRules
from doors.request_limits import RateLimiter

CREDENTIALS = (header(Scope.REST), session)
_STEPS = (
    Step.ENDPOINT,
    Step.CROSS_SITE,
    Step.RATE,
    Step.CREDENTIALS,
    Step.KEY_METHODS,
    Step.RIGHT,
    Step.FORM,
)


@dataclass(slots=True)
class CacheCounters:
    """Counters of the cache's downloads and uploads since the start, for /metrics."""

    hits: int = 0
    misses: int = 0
    uploads: int = 0
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class UploadAdmission:
    """Admits and accepts uploads; one instance, with its rate limit, is shared by all dialects.

    Where uploads are not `anonymous`, they need an account that may upload, by a session or a token of the REST API.
    """

    uploads: Uploads
    admission: Admission
    rate_limiter: RateLimiter
    counters: CacheCounters
    anonymous: bool = True

    def dialect(self, name: str, render: Callable[[Refusal], Response]) -> ApiDialect:
        """Return a dialect of uploads, which answers a refusal by `render`."""

        def counted(_: Exchange, error: Exception) -> Response:
            assert isinstance(error, Refusal)
            self.counters.refusals[error.code] += 1
            return render(error)

        return ApiDialect(name, CREDENTIALS, _STEPS, counted, rate_limiter=self.rate_limiter)

    def endpoint(self, max_body: int, form: FormRules | None = None) -> Endpoint:
        """Return the endpoint of an upload whose whole body has at most `max_body` bytes."""
        return Endpoint(
            name="upload",
            right=None if self.anonymous else Right.UPLOAD,
            cross_site=True,
            max_body=max_body,
            told_limit=self.uploads.limit,
            form=form,
            credentials=() if self.anonymous else None,
        )

    def handler(
        self,
        actor: str,
        read: Callable[[Exchange], Awaitable[bytes]],
        respond: Callable[[AcceptedUpload], Response],
    ) -> Handler:
        """Return a handler that reads a torrent, accepts it in the name of `actor` and responds."""

        async def answer(exchange: Exchange) -> Response:
            accepted = await self.uploads.accept(await read(exchange), actor)
            self.counters.uploads += 1
            return respond(accepted)

        return answer
