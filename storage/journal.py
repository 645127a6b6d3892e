"""Hides how packed swarms lie in SQLite: one row a part, in key order, a flush in one transaction."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Self

from bittorrent.infohash import InfoHash
from storage import sql
from storage.database import Database
from tracker.flusher import Row

BATCH = 500


class SqliteJournal:
    """The swarm journal in `swarms.db`. A power cut may lose the last flushes, never a part of one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the journal. DatabaseError: see `Database.open`."""
        return cls(await Database.open(path, sql.SWARM_MIGRATIONS, "NORMAL"))

    async def write(self, rows: Sequence[Row]) -> None:
        """Write all rows or none; each key comes once, sorted. A payload of None deletes the row."""
        if not rows:
            return
        async with self._database.transaction() as writer:
            for batch in _batches(rows):
                kept = [(row.infohash, row.part, row.payload) for row in batch if row.payload is not None]
                gone = [(row.infohash, row.part) for row in batch if row.payload is None]
                if kept:
                    await writer.executemany(sql.SWARM_UPSERT, kept)
                if gone:
                    await writer.executemany(sql.SWARM_DELETE, gone)

    async def read(self, batch: int) -> AsyncIterator[list[Row]]:
        """Yield every row in key order, at most `batch` at a time; writes in between may or may not show."""
        infohash, part = b"", -1
        while page := await self._database.rows(sql.SWARM_PAGE, (infohash, part, batch)):
            yield [Row(InfoHash.of(key), number, payload) for key, number, payload in page]
            infohash, part = page[-1][0], page[-1][1]

    async def healthy(self) -> bool:
        """Tell whether the journal answers."""
        return await self._database.healthy()

    async def close(self) -> None:
        """Close the journal."""
        await self._database.close()


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
