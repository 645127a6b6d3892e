"""Hides who tells which torrents may be fetched, and who is told of those that were found."""

from collections.abc import Sequence
from typing import Protocol

from bittorrent.infohash import InfoHash


class Gate(Protocol):
    """What the rest of the service says about a torrent, and takes from the downloads."""

    async def refuse(self, names: Sequence[InfoHash]) -> None:
        """Refuse a torrent that is blocked under one of its names. Refusal: `blocked`."""
        ...

    async def publish(self, torrent: bytes) -> None:
        """Take a public .torrent that came with a download. Refusal: `blocked`; anything else is no hindrance."""
        ...
