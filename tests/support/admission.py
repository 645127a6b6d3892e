"""The admission of requests for a test, without a proxy."""

from collections.abc import Callable, Mapping

from accounts.accounts import Accounts
from accounts.rights import Rights
from doors.admission import Admission
from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.rate_limits import RateLimits


def make_admission(
    accounts: Accounts,
    rights: Rights,
    rates: Mapping[str, str],
    clock: Callable[[], float],
    *,
    upload_limit: int = 10 << 20,
    public_url: str | None = None,
) -> Admission:
    """Return an admission without a proxy."""
    return Admission(
        clients=ClientAddress([], "x-forwarded-for"),
        authenticator=Authenticator(accounts, secure=False),
        rate_limits=RateLimits(rates, clock),
        rights=rights,
        upload_limit=upload_limit,
        public_url=public_url,
        clock=clock,
    )
