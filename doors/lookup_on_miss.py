"""Lookup on a cache miss (`?wait=`): who may cause one, how often, and how long the request waits."""

from dataclasses import dataclass

from starlette.requests import Request

from accounts.model import Scope
from actions.lookups import LookupResult, Lookups
from bittorrent.infohash import InfoHash
from doors.authentication import Authenticator
from doors.client_address import rate_key
from doors.origin import public_host
from doors.request_limits import refuse_cross_site
from doors.upload_admission import UploadAdmission

MAX_WAIT = 60
"""Seconds that a request waits for a lookup."""


@dataclass(frozen=True, slots=True)
class LookupOnMiss:
    """Looks up torrents that a download asked for and the cache does not hold; each counts towards the upload rate."""

    lookups: Lookups
    authenticator: Authenticator
    admission: UploadAdmission

    async def find(self, request: Request, infohash: InfoHash) -> LookupResult | None:
        """Look a torrent up for as many seconds as the query's `wait` says, 0 where that is no number.

        Refusal: those of `Authenticator.by_request` and `Lookups.find`, `cross-site`, `rate-limited`.
        """
        refuse_cross_site(request, public_host(self.admission.public_url))
        principal = await self.authenticator.by_request(request, Scope.REST)
        self.admission.rate_limiter.check(rate_key(self.admission.clients.of(request.scope)))
        seconds = _seconds(request.query_params["wait"])
        return await self.lookups.find(infohash, seconds=seconds, account=principal.id)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        return 0
    return min(int(text[:4]), MAX_WAIT)
