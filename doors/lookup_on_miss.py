"""Lookup on a cache miss (`?wait=`): who may cause one, how often, and how long the request waits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from actions.lookups import LookupResult, Lookups
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from doors.admission import ApiDialect, Endpoint, Exchange, Step
from doors.upload_admission import CREDENTIALS, UploadAdmission

MAX_WAIT = 60
"""Seconds that a request waits for a lookup."""

_STEPS = (Step.CROSS_SITE, Step.CREDENTIALS, Step.RATE)
_ENDPOINT = Endpoint(cross_site=True)


@dataclass(frozen=True, slots=True)
class LookupOnMiss:
    """Looks up torrents that a download asked for and the cache does not hold; each counts towards the upload rate."""

    lookups: Lookups
    uploads: UploadAdmission

    async def answer(
        self,
        request: Request,
        infohash: InfoHash,
        respond: Callable[[LookupResult | None], Awaitable[Response]],
        render: Callable[[Refusal], Response],
    ) -> Response:
        """Look a torrent up for as many seconds as the query's `wait` says, 0 where that is no number."""

        async def find(exchange: Exchange) -> Response:
            seconds = _seconds(request.query_params["wait"])
            account = exchange.principal.id
            return await respond(await self.lookups.find(infohash, seconds=seconds, account=account))

        def rendered(_: Exchange, error: Exception) -> Response:
            assert isinstance(error, Refusal)
            return render(error)

        limiter = self.uploads.rate_limiter
        dialect = ApiDialect("lookup", CREDENTIALS, _STEPS, rendered, rate_limiter=limiter)
        return await self.uploads.admission.answer(dialect, request, _ENDPOINT, find)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        return 0
    return min(int(text[:4]), MAX_WAIT)
