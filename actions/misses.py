"""Hides which hashes nobody had lately, so that nobody is asked again too soon."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from bittorrent.infohash import InfoHash

_MOST = 16_384


class Misses:
    """Hashes, and marks of whom was asked for them; `timer` gives seconds, the oldest miss is forgotten first."""

    def __init__(self, seconds: float, timer: Callable[[], float], most: int = _MOST) -> None:
        self._seconds = seconds
        self._timer = timer
        self._most = most
        self._known: OrderedDict[InfoHash, tuple[float, frozenset[int]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def note(self, infohash: InfoHash, marks: Iterable[str]) -> None:
        """Remember that none of these had it."""
        if self._seconds <= 0:
            return
        self._known.pop(infohash, None)
        self._known[infohash] = self._timer() + self._seconds, _small(marks)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def covers(self, infohash: InfoHash, marks: Iterable[str]) -> bool:
        """Tell whether asking these would only repeat a miss."""
        until, asked = self._known.get(infohash, (0.0, frozenset[int]()))
        if until <= self._timer():
            self._known.pop(infohash, None)
            return False
        return _small(marks) <= asked


def _small(marks: Iterable[str]) -> frozenset[int]:
    """Stand in for URLs by numbers; where two share one, somebody is not asked for a while, no more."""
    return frozenset(map(hash, marks))
