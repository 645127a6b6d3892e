"""The cache's records in a SQL database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import HashPage, InfoHash
from cache.record import CacheRecord, HybridNames, day_of
from storage.database import Database, DatabaseDamaged
from storage.hash_pages import hash_page

if TYPE_CHECKING:
    from storage.statements.cache_records import CacheRecordStatements

_WIDTH = 9  # columns of a record, as `_record` takes them apart


class SqlCacheRecords:
    """The cache's records in a SQL database; every change is on disk before it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql: CacheRecordStatements = database.dialect.statements(
            "storage.statements.cache_records.CacheRecordStatements"
        )

    async def add(self, record: CacheRecord) -> None:
        """Add a record, in place of an earlier one of the same infohash."""
        row = {name: getattr(record, name) for name in (*self._sql.columns, "alias")}
        row["asked"] = day_of(record.added)
        await self._database.change(lambda transaction: transaction.run(self._sql.add, row))

    async def get(self, infohash: InfoHash) -> CacheRecord | None:
        """Find a record by its 20-byte infohash, or by the truncated v2 infohash of a hybrid."""
        name = {"infohash": infohash}
        rows = await self._database.rows(self._sql.get, name) or await self._database.rows(
            self._sql.get_alias, name
        )
        return _record(rows[0][:_WIDTH], *rows[0][_WIDTH:]) if rows else None

    async def get_all(self, infohashes: Sequence[InfoHash]) -> dict[InfoHash, CacheRecord]:
        """Find the records of 20-byte infohashes at once; not by the second hash of a hybrid."""
        rows = await self._database.rows(self._sql.get_all, {"hashes": self._dialect.hashes(infohashes)})
        found = (_record(row[:_WIDTH], *row[_WIDTH:]) for row in rows)
        return {record.infohash: record for record in found}

    async def remove(self, infohash: InfoHash) -> CacheRecord | None:
        """Delete the record that `get` would find, and return it."""
        record = await self.get(infohash)
        if record is not None:
            async with self._database.transaction() as transaction:
                await transaction.run(self._sql.remove, {"infohash": record.infohash})
        return record

    async def note_asked(self, infohashes: Sequence[InfoHash], day: int) -> None:
        """Note that the files of these infohashes, first ones, were asked for on a day, unless a later one is noted."""
        noted = {"hashes": self._dialect.hashes(infohashes), "day": day}
        await self._database.change(lambda transaction: transaction.run(self._sql.note_asked, noted))

    async def totals(self) -> tuple[int, int]:
        """Return the number of records and the sum of their stored bytes."""
        ((files, stored),) = await self._database.rows(self._sql.totals)
        return int(files), int(stored)

    async def walk(self, after: InfoHash | None, limit: int) -> list[CacheRecord]:
        """Return up to `limit` records whose infohash is above `after`, ascending."""
        rows = await self._database.rows(self._sql.page, {"infohash": after or b"", "limit": limit})
        return [_record(row) for row in rows]

    async def hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records, those next above `after`."""
        parameters = {"after": after, "limit": limit}
        return hash_page(await self._database.rows(self._sql.hashes, parameters, short=False))

    async def public_hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records that the catalogue says are not private, as `hashes`."""
        parameters = {"after": after, "limit": limit}
        return hash_page(await self._database.rows(self._sql.public_hashes, parameters, short=False))

    async def hybrids(self, after: bytes, limit: int) -> list[HybridNames]:
        """Return the names of up to `limit` hybrids whose alias is above `after`, ascending by it.

        DatabaseDamaged: a name is none, which the schema refuses; a bit of the index was flipped.
        """
        rows = await self._database.rows(self._sql.hybrids, {"after": after, "limit": limit}, short=False)
        try:
            return [HybridNames(InfoHash(infohash), InfoHash(alias)) for infohash, alias in rows]
        except (TypeError, ValueError) as error:
            raise DatabaseDamaged(f"the records of the cache are damaged ({error}): restore them") from error

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the infohashes, first or second, of the records of any of these."""
        parameters = {"hashes": self._dialect.hashes(infohashes)}
        rows = await self._database.rows(self._sql.named, parameters)
        rows += await self._database.rows(self._sql.named_alias, parameters)
        return {InfoHash.of(name) for row in rows for name in row if name is not None}

    async def healthy(self) -> bool:
        """Tell whether the database answers."""
        return await self._database.healthy()


def _record(
    row: Sequence[Any], private: int | None = None, hidden: int | None = None, uploader: int | None = None
) -> CacheRecord:
    infohash, v1, v2, name, size, stored, digest, added, packed = row
    return CacheRecord(
        infohash=InfoHash.of(infohash),
        v1=InfoHash.of(v1) if v1 is not None else None,
        v2=InfoHash.of(v2) if v2 is not None else None,
        name=name,
        size=size,
        stored=stored,
        digest=digest,
        added=added,
        packed=packed,
        private=None if private is None else bool(private),
        hidden=bool(hidden),
        uploader=uploader,
    )
