"""Hides how long a list of torrents may be told again before it is read anew."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

LIFETIME = 10.0
LARGEST = 1 << 20
"""Bytes of an answer that is still kept."""
_MOST = 256


class Recent:
    """The answers of the last LIFETIME seconds, by account and what was asked; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[int, Hashable], tuple[float, bytes]] = OrderedDict()

    def find(self, account: int, asked: Hashable) -> bytes | None:
        """Return what was answered a moment ago, None when that was longer ago."""
        until, body = self._kept.get((account, asked), (0.0, b""))
        return body if self._clock() < until else None

    def keep(self, account: int, asked: Hashable, body: bytes) -> None:
        """Remember an answer; the one that was kept first goes when there are many."""
        self._kept.pop((account, asked), None)
        if len(body) > LARGEST:
            return
        self._kept[account, asked] = self._clock() + LIFETIME, body
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def forget(self, account: int) -> None:
        """Forget what an account was answered, because it changed something."""
        for key in [key for key in self._kept if key[0] == account]:
            del self._kept[key]
