"""Entries of the infohash lists in `peerage.db`, with a row for every infohash that an entry covers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    union,
    update,
)

from bittorrent.infohash import V1_LENGTH, HashPage, InfoHash
from lists.infohashes import ListEntry, ListKind
from storage.database import Database
from storage.dialect import SqlDialect
from storage.hash_pages import hash_page, packed_page
from storage.history import SqlHistory
from storage.tables import entry as table
from storage.tables import spelling


class SqlListEntries:
    """The entries of the lists in a SQL database; every change is on disk before it returns."""

    def __init__(self, database: Database, history: SqlHistory | None = None) -> None:
        """Make the store; blocks are told to the `history`."""
        self._database = database
        self._history = history
        dialect = database.dialect
        verdict: BindParameter[Any] = bindparam("verdict")
        key = tuple_(table.c.infohash, table.c.verdict)
        covered = table.c.infohash.in_(
            select(spelling.c.infohash).where(
                spelling.c.hash == bindparam("hash"), spelling.c.verdict == verdict
            )
        )
        self._set = dialect.compile(dialect.upsert(table, "reason", "author", "since", "source"))
        self._spell = dialect.compile(dialect.insert_or_ignore(spelling))
        self._unset = dialect.compile(delete(table).where(table.c.verdict == verdict, covered))
        found = _select_named(dialect)
        self._find = dialect.compile(
            found.where(table.c.verdict == verdict, covered).order_by(table.c.infohash)
        )
        self._page = dialect.compile(
            found.where(
                key > tuple_(bindparam("infohash"), bindparam("after")),
                or_(verdict.is_(None), table.c.verdict == verdict),
            )
            .order_by(table.c.infohash, table.c.verdict)
            .limit(bindparam("limit"))
            .offset(bindparam("skip"))
        )
        # A disk that lied may have kept an entry without its names; it holds for its own infohash still.
        named = (_short(spelling.c.hash, spelling.c.verdict), _short(table.c.infohash, table.c.verdict))
        self._hashes = dialect.compile(packed_page(dialect, union(*named)))
        mine = (table.c.verdict == verdict, table.c.source == bindparam("of_source"))
        this = table.c.infohash == bindparam("this")
        self._of_source = dialect.compile(
            select(table.c.infohash, table.c.reason)
            .where(*mine, table.c.infohash > bindparam("after"))
            .order_by(table.c.infohash)
            .limit(bindparam("limit"))
        )
        self._add = dialect.compile(dialect.insert_or_ignore(table))
        self._say = dialect.compile(update(table).where(*mine, this).values(reason=bindparam("said")))
        self._remove = dialect.compile(delete(table).where(*mine, this))
        counted = select(table.c.verdict).where(table.c.verdict == verdict).limit(bindparam("most"))
        self._count = dialect.compile(select(func.count()).select_from(counted.subquery()))

    async def set(self, entry: ListEntry) -> None:
        """Store an entry, in place of an earlier one of the same key; known aliases stay."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._set, _row(entry))
            await transaction.run_many(self._spell, _names(entry))
            if self._history is not None and entry.kind is ListKind.DENY:
                await self._history.record_blocks(transaction, [entry.infohash])

    async def unset(self, infohash: InfoHash, verdict: ListKind) -> bool:
        """Delete every entry of the kind that covers the infohash; return whether there was one."""
        key = {"hash": infohash, "verdict": verdict.value}
        async with self._database.transaction() as transaction:
            if self._history is not None and verdict is ListKind.DENY:
                lifted = [_entry(row).infohash for row in await transaction.rows(self._find, key)]
                await self._history.record_blocks(transaction, lifted, gone=True)
            return await transaction.run(self._unset, key) > 0

    async def find(self, infohash: InfoHash, verdict: ListKind) -> list[ListEntry]:
        """Return every entry of the kind that covers the infohash."""
        rows = await self._database.rows(self._find, {"hash": infohash, "verdict": verdict.value})
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
        return [_entry(row) for row in await self._database.rows(self._page, parameters)]

    async def count(self, verdict: ListKind, most: int) -> int:
        """Count the entries of the kind, and stop at `most`."""
        ((number,),) = await self._database.rows(self._count, {"verdict": verdict.value, "most": most})
        return int(number)

    async def hashes(self, verdict: ListKind, after: bytes, limit: int) -> HashPage:
        """Return up to `limit` of the 20-byte hashes above `after` that entries of the kind cover."""
        parameters = {"verdict": verdict.value, "after": after, "limit": limit}
        return hash_page(await self._database.rows(self._hashes, parameters, short=False))

    async def of_source(
        self, verdict: ListKind, source: str, after: bytes, limit: int
    ) -> list[tuple[InfoHash, str]]:
        """Return up to `limit` infohashes above `after` of a source's entries, each with its reason, in order."""
        parameters = {"verdict": verdict.value, "of_source": source, "after": after, "limit": limit}
        rows = await self._database.rows(self._of_source, parameters)
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
            await transaction.run_many(self._add, [_row(each) for each in entries])
            await transaction.run_many(self._spell, [name for each in entries for name in _names(each)])
            await transaction.run_many(self._say, said)
            if self._history is not None:
                denied = [each.infohash for each in entries if each.kind is ListKind.DENY]
                await self._history.record_blocks(transaction, denied)

    async def remove_all(self, infohashes: Sequence[InfoHash], verdict: ListKind, source: str) -> None:
        """Delete entries of a source."""
        rows = [{"verdict": verdict.value, "of_source": source, "this": each} for each in infohashes]
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._remove, rows)
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


def _short(hashed: ColumnElement[Any], kind: ColumnElement[Any]) -> Select[Any]:
    """Select the next hashes of 20 bytes of a list."""
    return select(hashed.label("hash")).where(
        kind == bindparam("verdict"), func.length(hashed) == V1_LENGTH, hashed > bindparam("after")
    )


def _select_named(dialect: SqlDialect) -> Select[Any]:
    """Select entries, each with its infohashes as one text."""
    names = (
        select(func.aggregate_strings(dialect.hex(spelling.c.hash), " "))
        .where(spelling.c.infohash == table.c.infohash, spelling.c.verdict == table.c.verdict)
        .scalar_subquery()
    )
    said = (table.c.reason, table.c.author, table.c.since, table.c.source)
    return select(table.c.infohash, table.c.verdict, *said, names)


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
