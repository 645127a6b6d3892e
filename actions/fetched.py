"""Hides how downloads keep to the blocklist, and how torrents that they bring enter cache and catalogue."""

from collections.abc import Sequence

import structlog

from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal

_ACTOR = "downloads"

log = structlog.get_logger()


class Fetched:
    """What downloads ask of blocklist, cache and catalogue."""

    def __init__(self, takedowns: Takedowns, uploads: Uploads) -> None:
        self._takedowns = takedowns
        self._uploads = uploads

    async def refuse(self, names: Sequence[InfoHash]) -> None:
        """Refuse a torrent that is blocked under one of its names. Refusal: `blocked`."""
        for name in names:
            await self._takedowns.refuse_named(name)

    async def publish(self, torrent: bytes) -> None:
        """Take a public .torrent into cache and catalogue. Refusal: `blocked`; where they are full it is left out."""
        try:
            await self._uploads.accept(torrent, _ACTOR, patient=True)
        except Refusal as refusal:
            if refusal.code == "blocked":
                raise
            log.info("downloads.not_published", code=refusal.code)
