"""From how many addresses each account announces: of the open day hashes under its key, of earlier days counts.

A hash is taken over account and address, so it tells nobody whether two accounts share one, and nothing at all once
the key of the day is destroyed.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from tracker.census_store import DayKeys
from tracker.sessions import SessionDelta

MOST_ADDRESSES = 256
"""Addresses of an account and day that are told apart; more are not kept."""
ADDRESS_DAYS = 30
"""Days for which counts are kept."""
TAG = 8
"""Bytes of a hash."""

_DAY = 86_400


class SeenAddress(NamedTuple):
    """That an account announced from an address on a day (since 1970): the hash of both under the key of the day."""

    account: int
    day: int
    tag: bytes


class AddressCount(NamedTuple):
    """From how many addresses an account announced today, and on the day of the last ADDRESS_DAYS with the most."""

    account: int
    today: int
    most: int


class AddressHasher:
    """Hashes the addresses of announces; `clock` gives unix seconds."""

    def __init__(self, keys: DayKeys, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._clock = clock
        self._day = -1
        self._key = b""

    def today(self) -> int:
        """Return the day that is open; the key of any other is destroyed."""
        day = int(self._clock()) // _DAY
        if day != self._day:
            self._keys.keep_only(day)
            self._key = self._keys.of(day)
            self._day = day
        return day

    def seen(self, deltas: Sequence[SessionDelta]) -> list[SeenAddress]:
        """Return each account and address of deltas once."""
        day = self.today()
        found = dict.fromkeys((each.account, each.address) for each in deltas if each.address)
        return [SeenAddress(account, day, self._tag(account, address)) for account, address in found]

    def _tag(self, account: int, address: bytes) -> bytes:
        return blake2b(account.to_bytes(8, "big") + address, digest_size=TAG, key=self._key).digest()
