"""Entries of the infohash lists in `peerage.db`, with a row for every infohash that an entry covers."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import HashPage, InfoHash
from lists.infohashes import ListEntry, ListKind
from storage.database import Database
from storage.hash_pages import hash_page
from storage.history import SqlHistory

if TYPE_CHECKING:
    from storage.statements.lists import ListStatements


class SqlListEntries:
    """The entries of the lists in a SQL database; every change is on disk before it returns."""

    def __init__(self, database: Database, history: SqlHistory | None = None) -> None:
        """Make the store; blocks are told to the `history`."""
        self._database = database
        self._history = history
        self._sql: ListStatements = database.dialect.statements("storage.statements.lists.ListStatements")

    async def set(self, entry: ListEntry) -> None:
        """Store an entry, in place of an earlier one of the same key; known aliases stay."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.set, _row(entry))
            await transaction.run_many(self._sql.spell, _names(entry))
            if self._history is not None and entry.kind is ListKind.DENY:
                await self._history.record_blocks(transaction, [entry.infohash])

    async def unset(self, infohash: InfoHash, verdict: ListKind) -> bool:
        """Delete every entry of the kind that covers the infohash; return whether there was one."""
        key = {"hash": infohash, "verdict": verdict.value}
        async with self._database.transaction() as transaction:
            if self._history is not None and verdict is ListKind.DENY:
                lifted = [_entry(row).infohash for row in await transaction.rows(self._sql.find, key)]
                await self._history.record_blocks(transaction, lifted, gone=True)
            return await transaction.run(self._sql.unset, key) > 0

    async def find(self, infohash: InfoHash, verdict: ListKind) -> list[ListEntry]:
        """Return every entry of the kind that covers the infohash."""
        rows = await self._database.rows(self._sql.find, {"hash": infohash, "verdict": verdict.value})
        return [_entry(row) for row in rows]

    async def page(
        self, verdict: ListKind | None, after: tuple[InfoHash, ListKind] | None, limit: int, skip: int = 0
    ) -> list[ListEntry]:
        """Return up to `limit` entries above the key `after`, but `skip` of them, by infohash, then kind."""
        infohash, last = after if after is not None else (b"", "")
        parameters = {
            "infohash": infohash,
            "after": str(last),
            "verdict": verdict.value if verdict is not None else None,
            "limit": limit,
            "skip": skip,
        }
        return [_entry(row) for row in await self._database.rows(self._sql.page, parameters)]

    async def count(self, verdict: ListKind, most: int) -> int:
        """Count the entries of the kind, and stop at `most`."""
        ((number,),) = await self._database.rows(self._sql.count, {"verdict": verdict.value, "most": most})
        return int(number)

    async def hashes(self, verdict: ListKind, after: bytes, limit: int) -> HashPage:
        """Return up to `limit` of the 20-byte hashes above `after` that entries of the kind cover."""
        parameters = {"verdict": verdict.value, "after": after, "limit": limit}
        return hash_page(await self._database.rows(self._sql.hashes, parameters, short=False))

    async def packed(self, verdict: ListKind, limit: int) -> AsyncIterator[bytes]:
        """Yield every 20-byte hash that entries of the kind cover, one behind another, at most `limit` at a time."""
        for statement in (self._sql.named_hashes, self._sql.nameless_hashes):
            parameters = {"verdict": verdict.value, "after": b"", "limit": limit}
            while (page := hash_page(await self._database.rows(statement, parameters, short=False))).packed:
                yield page.packed
                parameters["after"] = page.last

    async def reasons(self, verdict: ListKind, after: bytes, limit: int) -> list[tuple[str, HashPage]]:
        """Return a page of `hashes` by the reasons of their entries; of two entries of a hash both are told."""
        parameters = {"verdict": verdict.value, "after": after, "limit": limit}
        rows = await self._database.rows(self._sql.reasons, parameters, short=False)
        return [(reason, hash_page([page])) for reason, *page in rows]

    async def of_source(
        self, verdict: ListKind, source: str, after: bytes, limit: int
    ) -> list[tuple[InfoHash, str]]:
        """Return up to `limit` infohashes above `after` of a source's entries, each with its reason, in order."""
        parameters = {"verdict": verdict.value, "of_source": source, "after": after, "limit": limit}
        rows = await self._database.rows(self._sql.of_source, parameters)
        return [(InfoHash.of(infohash), reason) for infohash, reason in rows]

    async def add_all(self, entries: Sequence[ListEntry]) -> None:
        """Add entries of one source; one that is there stays, but for the reason of one of the same source."""
        said = [
            {
                "verdict": each.kind.value,
                "of_source": each.source,
                "this": each.infohash,
                "said": each.reason,
            }
            for each in entries
        ]
        async with self._database.transaction() as transaction:
            new = await transaction.run_many(self._sql.add, [_row(each) for each in entries])
            await transaction.run_many(self._sql.spell, [name for each in entries for name in _names(each)])
            if new != len(entries):
                await transaction.run_many(self._sql.say, said)
            if self._history is not None:
                denied = [each.infohash for each in entries if each.kind is ListKind.DENY]
                await self._history.record_blocks(transaction, denied)

    async def remove_all(self, infohashes: Sequence[InfoHash], verdict: ListKind, source: str) -> None:
        """Delete entries of a source."""
        rows = [{"verdict": verdict.value, "of_source": source, "this": each} for each in infohashes]
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._sql.remove, rows)
            if self._history is not None and verdict is ListKind.DENY:
                await self._history.record_blocks(transaction, infohashes, gone=True)


def _row(entry: ListEntry) -> dict[str, Any]:
    return {
        "infohash": entry.infohash,
        "verdict": entry.kind.value,
        "reason": entry.reason,
        "author": entry.by,
        "since": entry.since,
        "source": entry.source,
    }


def _names(entry: ListEntry) -> list[dict[str, Any]]:
    key = {"infohash": entry.infohash, "verdict": entry.kind.value}
    return [{**key, "hash": name} for name in entry.infohashes]


def _entry(row: tuple[Any, ...]) -> ListEntry:
    infohash, verdict, reason, author, since, source, names = row
    # A disk that lied may have kept an entry without its names; it holds for its own infohash still.
    spellings = {InfoHash.parse(name) for name in (names or "").split()} - {infohash}
    return ListEntry(
        infohash=InfoHash.of(infohash),
        kind=ListKind(verdict),
        reason=reason,
        by=author,
        since=since,
        aliases=tuple(sorted(spellings)),
        source=source,
    )
