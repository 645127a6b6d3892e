"""Credential cache: recently used keys and sessions, so that the next request does not ask the store."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from accounts.model import Principal
from accounts.store import Credential

_MOST = 4096
_SECONDS = 30.0


class CredentialCache:
    """An LRU cache of credentials by digest; entries expire after half a minute."""

    def __init__(self, clock: Callable[[], float], most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._entries: OrderedDict[bytes, tuple[float, Credential]] = OrderedDict()
        self._changes = 0

    async def get(
        self, digest: bytes, load: Callable[[bytes], Awaitable[Credential | None]]
    ) -> Credential | None:
        """Return the credential of a digest, by `load` where it is not cached."""
        since, cached = self._entries.get(digest, (0.0, None))
        if cached is not None and 0 <= self._clock() - since < _SECONDS:
            self._entries.move_to_end(digest)
            return cached
        changes = self._changes
        loaded = await load(digest)
        # What was read during a change may be stale, so it is not cached.
        if loaded is not None and changes == self._changes:
            self._put(digest, loaded)
        return loaded

    def forget(self, matches: Callable[[Principal], bool]) -> None:
        """Drop the entries whose principal `matches`."""
        self._changes += 1
        stale = [digest for digest, (_, entry) in self._entries.items() if matches(entry.principal)]
        for digest in stale:
            del self._entries[digest]

    def _put(self, digest: bytes, credential: Credential) -> None:
        self._entries[digest] = (self._clock(), credential)
        self._entries.move_to_end(digest)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
