"""Hides who may cause a lookup by asking for a file, how long they may wait, and how often."""

from dataclasses import dataclass

from starlette.requests import Request

from accounts.model import Scope
from actions.lookups import Found, Lookups
from bittorrent.infohash import InfoHash
from doors.client import rate_key
from doors.identity import Identity
from doors.intake import Intake
from doors.limits import refuse_cross_site
from doors.origin import public_host

LONGEST_WAIT = 60
"""Seconds that a request waits for a lookup."""


@dataclass(frozen=True, slots=True)
class Errands:
    """Lookups on behalf of requests for files; each counts as an upload, which it may become."""

    lookups: Lookups
    identity: Identity
    intake: Intake

    async def find(self, request: Request, infohash: InfoHash) -> Found | None:
        """Look a torrent up for as many seconds as the query's `wait` says, none for what is no number.

        Refusal: those of `Identity.of` and `Lookups.find`, `cross-site`, `rate-limited`.
        """
        refuse_cross_site(request, public_host(self.intake.public_url))
        principal = await self.identity.of(request, Scope.REST)
        self.intake.rates.check(rate_key(self.intake.clients.of(request.scope)))
        seconds = _seconds(request.query_params["wait"])
        return await self.lookups.find(infohash, seconds=seconds, account=principal.id)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        return 0
    return min(int(text[:4]), LONGEST_WAIT)
