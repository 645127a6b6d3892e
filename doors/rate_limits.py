"""Request rate limits of the API dialects, per account or per client address, in fixed windows."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from accounts.model import Principal
from doors.client_address import rate_key

_MAX_WINDOWS = 65_536


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """The state of a window after one request was counted; `reset` is when it ends, in unix seconds."""

    limit: int
    remaining: int
    reset: int
    granted: bool


class RateLimits:
    """Fixed-window rate limits per dialect; `rates` by the names of the settings' table `limits`.

    A dialect's key is its account, or without one the client's address (IPv6: its /64) at the rate
    NAME_anonymous where there is one.
    Raises ValueError for a rate that `limits` cannot read.
    """

    def __init__(
        self, rates: Mapping[str, str], clock: Callable[[], float], *, remembered: int = _MAX_WINDOWS
    ) -> None:
        self.clock = clock
        self.set_rates(rates)
        # Two tables, so that a flood of addresses never evicts an account's window.
        self._accounts = FixedWindowRateLimiter(_Windows(clock, remembered))
        self._addresses = FixedWindowRateLimiter(_Windows(clock, remembered))

    def set_rates(self, rates: Mapping[str, str]) -> None:
        """Put other rates in force; what was counted in open windows stays. ValueError: see the class."""
        self._rates = {name: parse(rate) for name, rate in rates.items()}

    def take(self, dialect: str, principal: Principal, address: bytes) -> RateLimitState:
        """Count one request; it is `granted` while the window has room."""
        if principal.id is not None:
            return _take(self._accounts, self._rates[dialect], dialect, str(principal.id))
        return _take(self._addresses, self._rate(dialect, principal), dialect, rate_key(address))

    def charge(self, dialect: str, principal: Principal, address: bytes, cost: int) -> RateLimitState:
        """Count `cost` requests more for one that was granted, and cost more than it seemed to."""
        limiter, key = self._accounts, str(principal.id)
        if principal.id is None:
            limiter, key = self._addresses, rate_key(address)
        return _take(limiter, self._rate(dialect, principal), dialect, key, cost=cost)

    def refund(self, dialect: str, principal: Principal, address: bytes) -> None:
        """Undo what `take` counted just now, for a request that cost nothing."""
        rate = self._rate(dialect, principal)
        if principal.id is not None:
            self._accounts.hit(rate, dialect, str(principal.id), cost=-1)
        else:
            self._addresses.hit(rate, dialect, rate_key(address), cost=-1)

    def rate_of(self, dialect: str, principal: Principal) -> str:
        """Return the rate that applies to a principal, as `60 per 1 hour`."""
        return str(self._rate(dialect, principal))

    def _rate(self, dialect: str, principal: Principal) -> RateLimitItem:
        rate = self._rates[dialect]
        return rate if principal.id is not None else self._rates.get(f"{dialect}_anonymous", rate)


def _take(limiter: FixedWindowRateLimiter, rate: RateLimitItem, *key: str, cost: int = 1) -> RateLimitState:
    granted = limiter.hit(rate, *key, cost=cost)
    window = limiter.get_window_stats(rate, *key)
    return RateLimitState(rate.amount, window.remaining, ceil(window.reset_time), granted)


class _Windows(Storage):
    """Counters of the `limits` library in a bounded table: the window that began first is evicted first."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float], max_windows: int) -> None:
        super().__init__()
        self._clock = clock
        self._max_windows = max_windows
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count, ends = self._windows.get(key, (0, 0.0))
        if ends <= self._clock():
            self._windows.pop(key, None)
            count, ends = 0, self._clock() + expiry
        # A refund for a window that has ended does not count in the next one.
        count = max(0, count + amount)
        self._windows[key] = count, ends
        if len(self._windows) > self._max_windows:
            self._windows.popitem(last=False)
        return count

    def get(self, key: str) -> int:
        count, ends = self._windows.get(key, (0, 0.0))
        return count if ends > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        _, ends = self._windows.get(key, (0, 0.0))
        return max(ends, self._clock())

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)
