"""Hides how many requests each dialect takes of one client, and how many are left."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from accounts.model import Principal
from doors.client import rate_key

_KEYS = 65_536


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left in the present window, this request counted; `reset` is when it ends, in unix seconds."""

    limit: int
    remaining: int
    reset: int
    granted: bool


class Allowances:
    """Fixed windows per dialect; `rates` by the names of the settings' table `limits`.

    A dialect's key is its account, or without one the client's address (IPv6: its /64) at the rate
    NAME_anonymous where there is one. Raises ValueError for a rate that `limits` cannot read.
    """

    def __init__(
        self, rates: Mapping[str, str], clock: Callable[[], float], *, remembered: int = _KEYS
    ) -> None:
        self._rates = {name: parse(rate) for name, rate in rates.items()}
        # Apart, so that a flood of addresses never makes an account's window forgotten.
        self._accounts = FixedWindowRateLimiter(_Windows(clock, remembered))
        self._addresses = FixedWindowRateLimiter(_Windows(clock, remembered))

    def take(self, dialect: str, principal: Principal, address: bytes) -> Allowance:
        """Count one request; it is `granted` while the window has room."""
        if principal.id is not None:
            return _take(self._accounts, self._rates[dialect], dialect, str(principal.id))
        return _take(self._addresses, self._rate(dialect, principal), dialect, rate_key(address))

    def give_back(self, dialect: str, principal: Principal, address: bytes) -> None:
        """Take back what `take` counted just now, because what was asked for cost nothing."""
        rate = self._rate(dialect, principal)
        if principal.id is not None:
            self._accounts.hit(rate, dialect, str(principal.id), cost=-1)
        else:
            self._addresses.hit(rate, dialect, rate_key(address), cost=-1)

    def rate_of(self, dialect: str, principal: Principal) -> str:
        """Return the rate that somebody is held to, as `60 per 1 hour`."""
        return str(self._rate(dialect, principal))

    def _rate(self, dialect: str, principal: Principal) -> RateLimitItem:
        usual = self._rates[dialect]
        return usual if principal.id is not None else self._rates.get(f"{dialect}_anonymous", usual)


def _take(limiter: FixedWindowRateLimiter, rate: RateLimitItem, *key: str) -> Allowance:
    granted = limiter.hit(rate, *key)
    window = limiter.get_window_stats(rate, *key)
    return Allowance(rate.amount, window.remaining, ceil(window.reset_time), granted)


class _Windows(Storage):
    """Counters of `limits` in a bounded table: the window that began first is forgotten first."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float], most: int) -> None:
        super().__init__()
        self._clock = clock
        self._most = most
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count, ends = self._windows.get(key, (0, 0.0))
        if ends <= self._clock():
            self._windows.pop(key, None)
            count, ends = 0, self._clock() + expiry
        # What is given back of a window that has ended is not of the next one.
        count = max(0, count + amount)
        self._windows[key] = count, ends
        if len(self._windows) > self._most:
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
        forgotten = len(self._windows)
        self._windows.clear()
        return forgotten

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)
