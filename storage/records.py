"""Hides how the cache's records lie in `peerage.db`."""

from typing import Any

from bittorrent.infohash import InfoHash
from cache.record import Record
from storage import sql
from storage.database import Database


class SqliteRecords:
    """The cache's records in SQLite; every change is on disk before it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: Record) -> None:
        """Keep a record, in place of an earlier one of the same infohash."""
        row = (
            record.infohash,
            record.v1,
            record.v2,
            record.alias,
            record.name,
            record.size,
            record.stored,
            record.digest,
            record.added,
        )
        async with self._database.transaction() as writer:
            await writer.execute(sql.TORRENT_ADD, row)

    async def get(self, infohash: InfoHash) -> Record | None:
        """Find a record by the 20-byte hash that names it, or by the cut v2 hash of a hybrid."""
        rows = await self._database.rows(sql.TORRENT_GET, (infohash,))
        rows = rows or await self._database.rows(sql.TORRENT_GET_ALIAS, (infohash,))
        return _record(rows[0]) if rows else None

    async def remove(self, infohash: InfoHash) -> Record | None:
        """Drop the record that `get` would find, and return it."""
        record = await self.get(infohash)
        if record is not None:
            async with self._database.transaction() as writer:
                await writer.execute(sql.TORRENT_REMOVE, (record.infohash,))
        return record

    async def totals(self) -> tuple[int, int]:
        """Return the number of records and the sum of their stored bytes."""
        ((files, stored),) = await self._database.rows(sql.TORRENT_TOTALS)
        return files, stored

    async def walk(self, after: InfoHash | None, limit: int) -> list[Record]:
        """Return up to `limit` records whose infohash lies above `after`, ascending."""
        rows = await self._database.rows(sql.TORRENT_PAGE, (after or b"", limit))
        return [_record(row) for row in rows]

    async def healthy(self) -> bool:
        """Tell whether the database answers."""
        return await self._database.healthy()


def _record(row: tuple[Any, ...]) -> Record:
    infohash, v1, v2, name, size, stored, digest, added = row
    return Record(
        infohash=InfoHash.of(infohash),
        v1=InfoHash.of(v1) if v1 is not None else None,
        v2=InfoHash.of(v2) if v2 is not None else None,
        name=name,
        size=size,
        stored=stored,
        digest=digest,
        added=added,
    )
