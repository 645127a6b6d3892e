"""The swarm journal in a SQL database: packed swarms, a row for each part, a transaction for each piece of a flush."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from storage.database import Database
from tracker.flusher import JournalRow

if TYPE_CHECKING:
    from storage.statements.journal import JournalStatements


BATCH = 500


class SqlJournal:
    """The swarm journal in `swarms.db`. A power cut may lose the last writes, never half of one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: JournalStatements = database.dialect.statements(
            "storage.statements.journal.JournalStatements"
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
                    await transaction.run_many(self._sql.upsert, kept)
                if gone:
                    await transaction.run_many(self._sql.delete, gone)

    async def read(self, batch: int) -> AsyncIterator[list[JournalRow]]:
        """Yield every row in key order, at most `batch` at a time; writes in between may or may not show."""
        after = {"infohash": b"", "part": -1}
        while page := await self._database.rows(self._sql.page, {**after, "limit": batch}):
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
