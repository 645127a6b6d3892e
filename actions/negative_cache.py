"""A negative cache of lookups: infohashes that no source had, so that it is not asked again too soon."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from bittorrent.infohash import InfoHash

_MOST = 16_384


class NegativeCache:
    """Infohashes with the keys of the sources asked; `timer` gives seconds, the oldest miss is dropped first."""

    def __init__(self, seconds: float, timer: Callable[[], float], most: int = _MOST) -> None:
        self._seconds = seconds
        self._timer = timer
        self._most = most
        self._known: OrderedDict[InfoHash, tuple[float, frozenset[int]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, infohash: InfoHash, asked_keys: Iterable[str]) -> None:
        """Remember that none of these sources had it."""
        if self._seconds <= 0:
            return
        self._known.pop(infohash, None)
        self._known[infohash] = self._timer() + self._seconds, _hashes(asked_keys)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def contains(self, infohash: InfoHash, asked_keys: Iterable[str]) -> bool:
        """Tell whether all of these sources missed it lately."""
        until, known = self._known.get(infohash, (0.0, frozenset[int]()))
        if until <= self._timer():
            self._known.pop(infohash, None)
            return False
        return _hashes(asked_keys) <= known


def _hashes(asked_keys: Iterable[str]) -> frozenset[int]:
    """Hash the keys to save memory; a collision only means that a source is not asked for a while."""
    return frozenset(map(hash, asked_keys))
