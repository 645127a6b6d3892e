"""Torrents that nobody asked for of late and nobody cares for: what may go when the cache is full."""

from dataclasses import dataclass
from typing import Protocol

from bittorrent.infohash import InfoHash


@dataclass(frozen=True, slots=True)
class UnaskedTorrent:
    """Such a torrent: the first infohash of its record, its title, the bytes of its file, and the day it was asked for.

    `number` is its id in the catalogue, None where that does not know it.
    """

    infohash: InfoHash
    title: str
    stored: int
    asked: int
    number: int | None


class UnaskedStore(Protocol):
    """Finds them; days are those of `day_of`.

    Nobody cares for a torrent without an owner, peers, comments, collages, bookmarks and downloads, that nobody changed
    or reported, and that no list allows.
    """

    async def page(self, before: int, limit: int) -> list[UnaskedTorrent]:
        """Return up to `limit` torrents that were last asked for before a day, the longest ago first."""
        ...

    async def still(self, infohash: InfoHash, before: int) -> bool:
        """Return whether a torrent, by the first infohash of its record, is one of them."""
        ...

    async def totals(self, before: int) -> tuple[int, int]:
        """Return how many there are, and the bytes of their files."""
        ...
