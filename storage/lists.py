"""Hides how the lists lie in `peerage.db`: an entry, and a row for every name that it covers."""

from typing import Any

from bittorrent.infohash import InfoHash
from lists.infohashes import Entry, Verdict
from storage import sql
from storage.database import Database


class SqliteEntries:
    """The entries of the lists in SQLite; every change is on disk before it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(self, entry: Entry) -> None:
        """Keep an entry, in place of an earlier one of the same key; known spellings stay."""
        row = (entry.infohash, entry.verdict.value, entry.reason, entry.by, entry.since)
        names = [(name, entry.verdict.value, entry.infohash) for name in entry.names]
        async with self._database.transaction() as writer:
            await writer.execute(sql.ENTRY_SET, row)
            await writer.executemany(sql.SPELLING_ADD, names)

    async def unset(self, infohash: InfoHash, verdict: Verdict) -> bool:
        """Drop every entry of the verdict that covers the hash; tell whether there was one."""
        async with self._database.transaction() as writer:
            cursor = await writer.execute(sql.ENTRY_UNSET, {"hash": infohash, "verdict": verdict.value})
            return cursor.rowcount > 0

    async def find(self, infohash: InfoHash, verdict: Verdict) -> list[Entry]:
        """Return every entry of the verdict that covers the hash."""
        rows = await self._database.rows(sql.ENTRY_FIND, {"hash": infohash, "verdict": verdict.value})
        return [_entry(row) for row in rows]

    async def page(
        self, verdict: Verdict | None, after: tuple[InfoHash, Verdict] | None, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries above the key `after`, ordered by infohash, then verdict."""
        infohash, last = after if after is not None else (b"", "")
        parameters = {
            "infohash": infohash,
            "after": str(last),
            "verdict": verdict.value if verdict is not None else None,
            "limit": limit,
        }
        return [_entry(row) for row in await self._database.rows(sql.ENTRY_PAGE, parameters)]


def _entry(row: tuple[Any, ...]) -> Entry:
    infohash, verdict, reason, author, since, names = row
    spellings = {InfoHash.parse(name) for name in names.split()} - {infohash}
    return Entry(
        infohash=InfoHash.of(infohash),
        verdict=Verdict(verdict),
        reason=reason,
        by=author,
        since=since,
        spellings=tuple(sorted(spellings)),
    )
