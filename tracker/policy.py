"""Hides what was pushed in about who may use which torrent: tables that an announce looks up, nothing more."""

from collections.abc import Iterable

from bittorrent.infohash import InfoHash
from tracker.store import SwarmStore

UNLISTED = "unlisted"
DENIED = "denied"


class Policy:
    """Allowed and denied torrents, by 20-byte hash. Changes take effect with the next announce."""

    def __init__(self, store: SwarmStore, *, listed: bool) -> None:
        self.listed = listed
        self._store = store
        self._allowed: set[InfoHash] = set()
        self._denied: set[InfoHash] = set()

    def allow(self, infohashes: Iterable[InfoHash]) -> None:
        """Let torrents be tracked where only listed ones are; their swarms are not touched."""
        self._allowed.update(infohash.cut for infohash in infohashes)

    def disallow(self, infohashes: Iterable[InfoHash]) -> None:
        """Take torrents off the list; where only listed ones are tracked their swarms are forgotten."""
        for infohash in infohashes:
            self._allowed.discard(infohash.cut)
            if self.listed:
                self._store.remove(infohash.cut)

    def deny(self, infohashes: Iterable[InfoHash]) -> None:
        """Refuse torrents whatever else is said of them, and forget their swarms at once."""
        for infohash in infohashes:
            self._denied.add(infohash.cut)
            self._store.remove(infohash.cut)

    def undeny(self, infohashes: Iterable[InfoHash]) -> None:
        """Refuse torrents no longer."""
        self._denied.difference_update(infohash.cut for infohash in infohashes)

    def enforce(self) -> None:
        """Forget the swarms of denied torrents again, after a journal brought back what it had."""
        for infohash in self._denied:
            self._store.remove(infohash)

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make the two hashes of a hybrid torrent one swarm."""
        self._store.join(alias.cut, canonical.cut)

    def refusal(self, infohash: InfoHash) -> str | None:
        """Return the code of the refusal for a 20-byte hash, or None; a denial always wins."""
        if infohash in self._denied:
            return DENIED
        if self.listed and infohash not in self._allowed:
            return UNLISTED
        return None

    @property
    def empty(self) -> bool:
        """Tell whether nothing was ever listed."""
        return not self._allowed and not self._denied
