"""The swarm journal in SQLite: packed swarms, a row for each part, a transaction for each flush."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import delete, select, tuple_

from bittorrent.infohash import InfoHash
from storage import schema
from storage.database import Database
from storage.dialect import parameter, upsert
from storage.tables import swarm
from tracker.flusher import JournalRow

BATCH = 500


class SqliteJournal:
    """The swarm journal in `swarms.db`. A power cut may lose the last flushes, never half of one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        infohash, part = parameter("infohash"), parameter("part")
        self._upsert = database.compile(upsert(swarm, "payload"))
        self._delete = database.compile(
            delete(swarm).where(swarm.c.infohash == infohash, swarm.c.part == part)
        )
        self._page = database.compile(
            select(swarm.c.infohash, swarm.c.part, swarm.c.payload)
            .where(tuple_(swarm.c.infohash, swarm.c.part) > tuple_(infohash, part))
            .order_by(swarm.c.infohash, swarm.c.part)
            .limit(parameter("limit"))
        )

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the journal. DatabaseError: see `Database.open`."""
        return cls(await Database.open(path, schema.SWARMS, "NORMAL", readers=1))

    async def write(self, rows: Sequence[JournalRow]) -> None:
        """Write all rows or none; each key comes once, sorted. A payload of None deletes the row."""
        if not rows:
            return
        async with self._database.transaction() as writer:
            for batch in _batches(rows):
                kept = [_key_and_payload(row) for row in batch if row.payload is not None]
                gone = [_key_and_payload(row) for row in batch if row.payload is None]
                if kept:
                    await writer.executemany(self._upsert, kept)
                if gone:
                    await writer.executemany(self._delete, gone)

    async def read(self, batch: int) -> AsyncIterator[list[JournalRow]]:
        """Yield every row in key order, at most `batch` at a time; writes in between may or may not show."""
        after = {"infohash": b"", "part": -1}
        while page := await self._database.rows(self._page, {**after, "limit": batch}):
            yield [JournalRow(InfoHash.of(key), number, payload) for key, number, payload in page]
            after = {"infohash": page[-1][0], "part": page[-1][1]}

    async def healthy(self) -> bool:
        """Return whether the journal answers."""
        return await self._database.healthy()

    async def close(self) -> None:
        """Close the journal."""
        await self._database.close()


def _key_and_payload(row: JournalRow) -> dict[str, Any]:
    return {"infohash": row.infohash, "part": row.part, "payload": row.payload}


def _batches(rows: Sequence[JournalRow]) -> Iterator[Sequence[JournalRow]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
