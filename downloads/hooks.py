"""Hooks of the download jobs into the rest of the service: the blocklist, and publishing of fetched .torrents."""

from collections.abc import Sequence
from typing import Protocol

from bittorrent.infohash import InfoHash


class JobHooks(Protocol):
    """What download jobs ask of the rest of the service."""

    async def refuse_blocked(self, names: Sequence[InfoHash]) -> None:
        """Refuse a torrent that is blocked under one of its names. Refusal: `blocked`."""
        ...

    async def publish(self, torrent: bytes) -> None:
        """Publish a public .torrent that came with a download. Refusal: `blocked`, and no other."""
        ...
