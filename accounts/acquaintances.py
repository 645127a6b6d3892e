"""Hides whose keys and sessions were seen lately, so that the next request need not ask the store."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from accounts.model import Principal
from accounts.store import Proof

_MOST = 4096
_SECONDS = 30.0


class Acquaintances:
    """Digests that the store knew lately, the least used forgotten first, none kept over half a minute."""

    def __init__(self, clock: Callable[[], float], most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[bytes, tuple[float, Proof]] = OrderedDict()
        self._changes = 0

    async def of(self, digest: bytes, ask: Callable[[bytes], Awaitable[Proof | None]]) -> Proof | None:
        """Return what a digest proves, by `ask` where that is not known."""
        since, known = self._known.get(digest, (0.0, None))
        if known is not None and 0 <= self._clock() - since < _SECONDS:
            self._known.move_to_end(digest)
            return known
        changes = self._changes
        asked = await ask(digest)
        # What was read while something changed may be stale, so it is not kept.
        if asked is not None and changes == self._changes:
            self._keep(digest, asked)
        return asked

    def forget(self, whom: Callable[[Principal], bool]) -> None:
        """Forget everybody for whom `whom` is true."""
        self._changes += 1
        stale = [digest for digest, (_, known) in self._known.items() if whom(known.principal)]
        for digest in stale:
            del self._known[digest]

    def _keep(self, digest: bytes, proof: Proof) -> None:
        self._known[digest] = (self._clock(), proof)
        self._known.move_to_end(digest)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
