"""Login throttling: per account and address, and per address, never per account alone.

So guessing from elsewhere does not lock an account's owner out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Generic, TypeVar

from bittorrent.refusal import Refusal

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_MOST_ENTRIES = 65_536
_FREE = 5
_LONGEST_WAIT = 900
_FORGOTTEN_AFTER = 3600


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: float

    @property
    def free_at(self) -> float:
        """When the next attempt is allowed: at once at first, then after 1, 2, 4 … seconds."""
        if self.count < _FREE:
            return 0
        return self.last + min(2.0 ** min(self.count - _FREE, 30), _LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class _Window:
    count: int
    ends: float


class LoginThrottle:
    """Counts attempts to log in; `rate` ("20/minute") holds for each address (IPv6: its /64), all accounts together.

    An attempt counts as failed from its beginning, so that concurrent ones are all counted. Memory is
    bounded: the least recently used entries are dropped.
    """

    def __init__(self, rate: str, clock: Callable[[], float], *, remembered: int = _MOST_ENTRIES) -> None:
        self._rate = rate
        self._clock = clock
        self._pairs: _LruTable[tuple[str, bytes], _Failures] = _LruTable(remembered)
        self._addresses: _LruTable[bytes, _Window] = _LruTable(remembered)

    def begin(self, name: str, address: bytes) -> None:
        """Count an attempt. Refusal: `login-slowed` (detail: seconds to wait), which itself does not count."""
        now = self._clock()
        pair = (name, _network(address))
        failures = self._failures(pair, now)
        window = self._window(pair[1], now)
        wait = max(failures.free_at - now, window.ends - now if window.count >= self._limit[0] else 0)
        if wait > 0:
            raise Refusal("login-slowed", f"{ceil(wait)} seconds")
        self._pairs.put(pair, _Failures(failures.count + 1, now))
        self._addresses.put(pair[1], _Window(window.count + 1, window.ends))

    def succeeded(self, name: str, address: bytes) -> None:
        """Forget the failures of a pair."""
        self._pairs.drop((name, _network(address)))

    def cancelled(self, name: str, address: bytes) -> None:
        """Uncount an attempt whose password was not checked."""
        pair = (name, _network(address))
        failures = self._pairs.get(pair)
        if failures is not None:
            self._pairs.put(pair, _Failures(failures.count - 1, failures.last))

    @cached_property
    def _limit(self) -> tuple[int, int]:
        """How many attempts in how many seconds."""
        from limits import parse  # noqa: PLC0415 - no command logs in

        limit = parse(self._rate)
        return limit.amount, limit.get_expiry()

    def _failures(self, pair: tuple[str, bytes], now: float) -> _Failures:
        known = self._pairs.get(pair)
        return known if known is not None and now - known.last < _FORGOTTEN_AFTER else _Failures(0, now)

    def _window(self, network: bytes, now: float) -> _Window:
        known = self._addresses.get(network)
        return known if known is not None and now < known.ends else _Window(0, now + self._limit[1])


class _LruTable(Generic[Key, Value]):
    """A bounded table that drops the entry written longest ago."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        return self._items.get(key)

    def put(self, key: Key, value: Value) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._most:
            self._items.popitem(last=False)

    def drop(self, key: Key) -> None:
        self._items.pop(key, None)


def _network(address: bytes) -> bytes:
    return address if len(address) == 4 else address[:8]
