"""Torrents that nobody asked for of late and nobody cares for, in a SQL database."""

from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from cache.unasked import UnaskedTorrent
from storage.database import Database

if TYPE_CHECKING:
    from storage.statements.unasked import UnaskedStatements


class SqlUnasked:
    """What may go from the cache, by the records of cache, catalogue, lists and jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: UnaskedStatements = database.dialect.statements(
            "storage.statements.unasked.UnaskedStatements"
        )

    async def page(self, before: int, limit: int) -> list[UnaskedTorrent]:
        """Return up to `limit` torrents that were last asked for before a day, the longest ago first."""
        rows = await self._database.rows(self._sql.page, {"before": before, "limit": limit}, short=False)
        return [_torrent(row) for row in rows]

    async def still(self, infohash: InfoHash, before: int) -> bool:
        """Return whether a torrent is one of them."""
        return bool(await self._database.rows(self._sql.one, {"before": before, "infohash": infohash}))

    async def totals(self, before: int) -> tuple[int, int]:
        """Return how many there are, and the bytes of their files."""
        ((files, stored),) = await self._database.rows(self._sql.totals, {"before": before}, short=False)
        return int(files), int(stored)


def _torrent(row: tuple[Any, ...]) -> UnaskedTorrent:
    infohash, name, stored, asked, number, title = row
    return UnaskedTorrent(InfoHash.of(infohash), title or name, stored, asked, number)
