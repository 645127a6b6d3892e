"""Limits of a request beside its body: a moving-window rate per key, and its origin (no cross-site requests)."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from urllib.parse import urlsplit

from limits import parse
from starlette.requests import Request

from bittorrent.refusal import Refusal

# Keys that are counted; the one idle for longest is evicted first.
_MAX_KEYS = 4096
_OWN_SITES = frozenset({"same-origin", "none"})


class RateLimiter:
    """Limits the requests of each key in a moving window such as "60/minute".

    Raises ValueError when `rate` is not in the syntax of the `limits` library.
    """

    # The library's own store of moving windows starts a thread to forget old requests, and keeps every key.

    def __init__(self, rate: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.set_rate(rate)
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def set_rate(self, rate: str) -> None:
        """Put another rate in force; what was counted stays. ValueError: see the class."""
        parsed = parse(rate)
        self._amount, self._seconds = parsed.amount, parsed.get_expiry()

    def check(self, key: str) -> None:
        """Count one request of `key`; raises Refusal "rate-limited" over the limit."""
        now = self._clock()
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        if len(self._times) > _MAX_KEYS:
            self._times.popitem(last=False)
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._amount:
            raise Refusal("rate-limited")
        times.append(now)


def refuse_cross_site(
    request: Request, public_url: str | None, *, proxied: bool = False, referer: bool = False
) -> None:
    """Raise Refusal "cross-site" when a browser says that a page of another site made the request.

    Its own site is `public_url`, and the Host of the request over HTTP, or HTTPS where it was `proxied` by a trusted
    proxy, which may end TLS. Programs send neither header and are admitted. With `referer` that header counts too where
    there is no Origin.
    """
    if request.headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise Refusal("cross-site")
    origin = request.headers.get("origin")
    if origin is None and referer:
        origin = request.headers.get("referer")
    if origin is not None and _site(origin) not in _own_sites(request, public_url, proxied=proxied):
        raise Refusal("cross-site")


def _own_sites(request: Request, public_url: str | None, *, proxied: bool) -> set[tuple[str, str]]:
    host = request.headers.get("host", "")
    own = {("http", authority("http", host))}
    if proxied:
        own.add(("https", authority("https", host)))
    public = _site(public_url) if public_url else None
    if public is not None:
        # The public site is known, so its host over the other scheme is another site.
        own = {each for each in own if each[1] != public[1]} | {public}
    return {each for each in own if each[1]}


def _site(url: str) -> tuple[str, str] | None:
    """Return the scheme and authority of a URL or Origin, None for what has none."""
    try:
        parts = urlsplit(url)
        host = authority(parts.scheme, parts.netloc)
    except ValueError:
        return None
    return (parts.scheme, host) if parts.scheme in {"http", "https"} and host else None


def authority(scheme: str, netloc: str) -> str:
    """Return a host and port in lower case, without the port that the scheme implies."""
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return netloc.lower().removesuffix(default) if default else netloc.lower()
