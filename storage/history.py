"""The history in `peerage.db`, written within the transaction of each change."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bittorrent.infohash import InfoHash
from catalogue.history import OWN_NODE, HistoryEntry, HistoryPosition, HistorySubject
from storage.database import Database, Row, Transaction
from storage.search import SearchIndexWriter

if TYPE_CHECKING:
    from storage.statements.history import HistoryStatements


class SqlHistory:
    """A `HistoryStore` in a SQL database, and what writes it. `clock` gives unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._dialect = database.dialect
        self._clock = clock
        self._sql: HistoryStatements = database.dialect.statements(
            "storage.statements.history.HistoryStatements"
        )

    async def page(self, after: HistoryPosition, limit: int) -> list[HistoryEntry]:
        """Return up to `limit` entries behind a position, node by node, by number."""
        found: list[HistoryEntry] = []
        for node in sorted((await self.newest()).numbers):
            if (left := limit - len(found)) > 0:
                asked = {"node": node, "after": after.of(node), "limit": left}
                found += [_entry(row) for row in await self._database.rows(self._sql.page, asked)]
        return found

    async def newest(self) -> HistoryPosition:
        """Return the position of the newest entries; what was thinned out counts."""
        thinned = await self.thinned()
        newest: dict[int, int] = dict(await self._database.rows(self._sql.newest))
        return HistoryPosition(
            {node: max(newest.get(node, 0), thinned.of(node)) for node in {*newest, *thinned.numbers}}
        )

    async def thinned(self) -> HistoryPosition:
        """Return up to where ends were thinned out."""
        return HistoryPosition(dict(await self._database.rows(self._sql.thinned)))

    async def thin(self, before: int) -> int:
        """Delete entries of what is gone since before a time; return how many."""
        async with self._database.transaction() as transaction:
            known: dict[int, int] = dict(await transaction.rows(self._sql.thinned))
            for node, number in await transaction.rows(self._sql.last_thinned, {"before": before}):
                row = {"node": node, "number": max(number, known.get(node, 0))}
                await transaction.run(self._sql.put_thinned, row)
            return await transaction.run(self._sql.thin, {"before": before})

    async def record_torrents(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Tell that torrents were added or changed; ids that are gone are told when they go."""
        rows = await transaction.rows(self._sql.torrents, {"ids": self._dialect.ids(sorted(set(torrents)))})
        await self._record(
            transaction, HistorySubject.TORRENT, {bytes(each): not hidden for each, hidden in rows}
        )

    async def record_removed(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Tell that torrents are about to be removed."""
        rows = await transaction.rows(self._sql.torrents, {"ids": self._dialect.ids(sorted(set(torrents)))})
        seen = {bytes(each): not hidden for each, hidden in rows}
        await self._record(transaction, HistorySubject.TORRENT, seen, gone=True)

    async def record_blocks(
        self, transaction: Transaction, infohashes: Sequence[InfoHash], *, gone: bool = False
    ) -> None:
        """Tell that torrents are blocked, or no longer."""
        blocked = {bytes(each.truncated): False for each in infohashes}
        await self._record(transaction, HistorySubject.BLOCK, blocked, gone=gone)

    async def _record(
        self,
        transaction: Transaction,
        subject: HistorySubject,
        seen: Mapping[bytes, bool],
        *,
        gone: bool = False,
    ) -> None:
        if not seen:
            return
        key = {"node": OWN_NODE, "subject": subject.value}
        asked = {**key, "hashes": self._dialect.hashes(sorted(seen))}
        known = {bytes(row[0]): row[1:] for row in await transaction.rows(self._sql.known, asked)}
        ((last,),) = await transaction.rows(self._sql.last, {"node": OWN_NODE})
        thinned: dict[int, int] = dict(await transaction.rows(self._sql.thinned))
        now, rows = int(self._clock()), []
        for number, infohash in enumerate(sorted(seen), start=max(last or 0, thinned.get(OWN_NODE, 0)) + 1):
            first, was_seen, was_gone = known.get(infohash, (number, 0, 1))
            rows.append(
                {
                    **key,
                    "infohash": infohash,
                    "number": number,
                    # What comes back after it was gone is new again.
                    "first": number if was_gone else first,
                    "gone": int(gone),
                    "seen": int(seen[infohash] or bool(was_seen)),
                    "time": now,
                }
            )
        await transaction.run_many(self._sql.put, rows)


class HistoryIndex:
    """A `SearchIndexWriter` that tells the history of each torrent that it is told of: of every change that shows."""

    def __init__(self, index: SearchIndexWriter, history: SqlHistory) -> None:
        self._index = index
        self._history = history

    async def refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Index torrents again, and tell that they changed."""
        await self._index.refresh(transaction, torrents)
        await transaction.at_end(self._history.record_torrents, torrents)

    async def drop(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Remove torrents from the index, and tell that they are removed."""
        await self._history.record_removed(transaction, torrents)
        await self._index.drop(transaction, torrents)


def _entry(row: Row) -> HistoryEntry:
    node, subject, infohash, number, first, gone, seen, time = row
    return HistoryEntry(
        node, number, HistorySubject(subject), InfoHash.of(infohash), first, bool(gone), bool(seen), time
    )
