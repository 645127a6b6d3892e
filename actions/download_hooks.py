"""Hooks of the download jobs: checks the blocklist, and publishes fetched .torrents to cache and catalogue."""

from collections.abc import Sequence

import structlog

from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.events import Emit, EventKind, ServiceEvent, tell_nobody

_ACTOR = "downloads"

log = structlog.get_logger()


class DownloadHooks:
    """The hooks that download jobs call."""

    def __init__(self, takedowns: Takedowns, uploads: Uploads, emit: Emit = tell_nobody) -> None:
        self._emit = emit
        self._takedowns = takedowns
        self._uploads = uploads

    async def refuse_blocked(self, names: Sequence[InfoHash]) -> None:
        """Refuse a torrent that is blocked under one of its names. Refusal: `blocked`."""
        for name in names:
            await self._takedowns.refuse_blocked_hash(name)

    async def completed(self, infohash: InfoHash, name: str, size: int, accounts: Sequence[int]) -> None:
        """Tell that content is complete, and whose jobs that ends."""
        said = {"info_hash": infohash.lower, "name": name, "size": size, "accounts": sorted(accounts)}
        await self._emit(ServiceEvent(EventKind.DOWNLOAD, said))

    async def publish(self, torrent: bytes) -> None:
        """Add a public .torrent to cache and catalogue. Refusal: `blocked`; any other refusal is logged."""
        try:
            await self._uploads.accept(torrent, _ACTOR, skip_limit=True)
        except Refusal as refusal:
            if refusal.code == "blocked":
                raise
            log.info("downloads.not_published", code=refusal.code)
