"""A cache of `mylist` responses by account, for some seconds."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

LIFETIME = 10.0
MAX_BODY = 1 << 20
"""Bytes of the largest response that is cached."""
_MAX_ENTRIES = 256


class ListCache:
    """Response bodies of the last LIFETIME seconds, by account and page; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[int, Hashable], tuple[float, bytes]] = OrderedDict()

    def get(self, account: int, page: Hashable) -> bytes | None:
        """Return a cached body, None where there is none or it has expired."""
        expires, body = self._entries.get((account, page), (0.0, b""))
        return body if self._clock() < expires else None

    def put(self, account: int, page: Hashable, body: bytes) -> None:
        """Cache a body; the oldest is evicted when there are too many."""
        self._entries.pop((account, page), None)
        if len(body) > MAX_BODY:
            return
        self._entries[account, page] = self._clock() + LIFETIME, body
        if len(self._entries) > _MAX_ENTRIES:
            self._entries.popitem(last=False)

    def invalidate(self, account: int) -> None:
        """Drop what is cached for an account, after it changed something."""
        for key in [key for key in self._entries if key[0] == account]:
            del self._entries[key]
