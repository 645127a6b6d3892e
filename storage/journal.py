"""The swarm journal in a SQL database: packed swarms, a row for each part, a transaction for each flush."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select, tuple_

from bittorrent.infohash import InfoHash
from storage.database import Database
from storage.tables.swarms import swarm
from tracker.flusher import JournalRow

BATCH = 500


class SqlJournal:
    """The swarm journal in `swarms.db`. A power cut may lose the last flushes, never half of one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.dialect
        infohash: BindParameter[bytes] = bindparam("infohash")
        part: BindParameter[int] = bindparam("part")
        self._upsert = dialect.compile(dialect.upsert(swarm, "payload"))
        self._delete = dialect.compile(
            delete(swarm).where(swarm.c.infohash == infohash, swarm.c.part == part)
        )
        self._page = dialect.compile(
            select(swarm.c.infohash, swarm.c.part, swarm.c.payload)
            .where(tuple_(swarm.c.infohash, swarm.c.part) > tuple_(infohash, part))
            .order_by(swarm.c.infohash, swarm.c.part)
            .limit(bindparam("limit"))
        )

    async def write(self, rows: Sequence[JournalRow]) -> None:
        """Write all rows or none; each key comes once, sorted. A payload of None deletes the row."""
        if not rows:
            return
        async with self._database.transaction() as transaction:
            for batch in _batches(rows):
                kept = [_key_and_payload(row) for row in batch if row.payload is not None]
                gone = [_key_and_payload(row) for row in batch if row.payload is None]
                if kept:
                    await transaction.run_many(self._upsert, kept)
                if gone:
                    await transaction.run_many(self._delete, gone)

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
