"""Shares of the cache by address: how many files and bytes each stored of late."""

from collections.abc import Callable

from bittorrent.refusal import Refusal
from bittorrent.shares import Shares, ShareTerms
from cache.quota import QuotaUsage

_DAY = 86_400


class StorageShares:
    """How many files and bytes each address stored; every day of `clock` (unix seconds) that passes halves it.

    It is kept in memory alone, so that no file tells who sent it. What came without an address counts for nobody.
    """

    def __init__(self, terms: ShareTerms, key: bytes, clock: Callable[[], float]) -> None:
        self._files = Shares(terms, key)
        self._bytes = Shares(terms, key)
        self._clock = clock
        self._halved = clock()

    def check(self, address: bytes | None, usage: QuotaUsage) -> None:
        """Refuse one more file of an address that holds its share. Refusal: `cache-share`, near the quota alone."""
        if address is None:
            return
        self._halve()
        files, stored = usage.files + usage.reserved_files, usage.stored + usage.reserved_bytes
        if self._files.refuses(address, files, usage.quota.max_files) or self._bytes.refuses(
            address, stored, usage.quota.max_bytes
        ):
            raise Refusal("cache-share")

    def add(self, address: bytes | None, stored: int) -> None:
        """Count a file of `stored` bytes for an address."""
        if address is not None:
            self._files.add(address)
            self._bytes.add(address, stored)

    def _halve(self) -> None:
        days = int((self._clock() - self._halved) // _DAY)
        if days > 0:
            self._files.halve(days)
            self._bytes.halve(days)
        if days != 0:  # a clock that was set back begins a new day too
            self._halved = self._clock()
