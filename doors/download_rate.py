"""The rate at which an account adds downloads, for every dialect that does; what is cached does not count."""

from dataclasses import replace
from math import ceil

from accounts.model import Principal
from bittorrent.refusal import Refusal
from doors.rate_limits import RateLimits
from downloads.downloads import Downloads
from downloads.model import Job, JobRequest

CREATE_RATE = "downloads_create"
"""The name of the rate limit on adding content that is not cached."""


class DownloadRateExceeded(Refusal):
    """The refusal `too-many-requests` of a download that is not cached; `wait` in seconds, `rate` for people."""

    def __init__(self, wait: int, rate: str) -> None:
        super().__init__("too-many-requests", rate)
        self.wait = wait
        self.rate = rate


async def add_within_rate(
    downloads: Downloads, rate_limits: RateLimits, principal: Principal, address: bytes, request: JobRequest
) -> Job:
    """Create a job within the rate; beyond it, only of what is cached.

    Refusal: DownloadRateExceeded, those of `Downloads.create`.
    """
    assert principal.id is not None
    counted = False
    allowance = rate_limits.take(CREATE_RATE, principal, address)
    try:
        cached_only = request.only_if_cached or not allowance.granted
        job = await downloads.create(principal.id, replace(request, only_if_cached=cached_only))
    except Refusal as refusal:
        if refusal.code == "not-cached" and not request.only_if_cached:
            wait = ceil(allowance.reset - rate_limits.clock())
            raise DownloadRateExceeded(wait, rate_limits.rate_of(CREATE_RATE, principal)) from None
        raise
    else:
        counted = not job.content.complete
        return job
    finally:
        if not counted:
            rate_limits.refund(CREATE_RATE, principal, address)
