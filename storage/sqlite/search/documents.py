"""Updates what FTS5 indexes of each torrent as records change.

The FTS5 table is contentless. To delete a row from it, FTS5 has to be given exactly the text that was indexed:
that is stored beside it, compressed.
"""

import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from storage.database import Database, Transaction
from storage.search import TEXT_COLUMNS, Texts

if TYPE_CHECKING:
    from storage.sqlite.statements.search_documents import SearchDocumentStatements

_BATCH = 32  # torrents whose texts are in memory at once
_COMPRESSION_LEVEL = 3
_SHORT = 4096  # bytes that are compressed within a window as small as they are
_INSERT = """
    INSERT INTO search_text (rowid, name, work, authors, tags, description, files, facets)
    VALUES (:id, :name, :work, :authors, :tags, :description, :files, :facets)
"""
_DELETE = """
    INSERT INTO search_text (search_text, rowid, name, work, authors, tags, description, files, facets)
    VALUES ('delete', :id, :name, :work, :authors, :tags, :description, :files, :facets)
"""


class SearchIndexUpdater:
    """Updates the search index inside the transaction that changes the records."""

    def __init__(self, database: Database) -> None:
        self._sql: SearchDocumentStatements = database.dialect.statements(
            "storage.sqlite.statements.search_documents.SearchDocumentStatements"
        )

    async def refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Index torrents again where their text changed, and remove those that no longer exist."""
        await transaction.at_end(self._refresh_all, torrents)

    async def _refresh_all(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        for start in range(0, len(torrents), _BATCH):
            await self._refresh(transaction, sorted(set(torrents[start : start + _BATCH])))

    async def drop(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Remove torrents from the index; ids that are not in it are ignored."""
        for start in range(0, len(torrents), _BATCH):
            ids = {"ids": json.dumps(sorted(set(torrents[start : start + _BATCH])))}
            stored = await self._read_stored(transaction, ids)
            await transaction.run_many(
                _DELETE, [_row(key, _decompress(packed)) for key, packed in stored.items()]
            )
            for statement in self._sql.delete_rows:
                await transaction.run(statement, ids)

    async def _refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        # It brings along what searches are made of, and most changes of a command index nothing.
        from storage.search.documents import build_document  # noqa: PLC0415

        ids = {"ids": json.dumps(torrents)}
        rows = [
            dict(zip(self._sql.names, row, strict=True))
            for row in await transaction.rows(self._sql.read, ids)
        ]
        stored = await self._read_stored(transaction, ids)
        # A file list can be long: decode it off the event loop.
        found = await transaction.compute(
            lambda: [(each := build_document(row), _compress(each.texts)) for row in rows]
        )
        await self.drop(transaction, sorted(stored.keys() - {each.id for each, _ in found}))
        changed = [(each, packed) for each, packed in found if stored.get(each.id) != packed]
        deleted = [_row(each.id, _decompress(stored[each.id])) for each, _ in changed if each.id in stored]
        await transaction.run_many(_DELETE, deleted)
        await transaction.run_many(_INSERT, [_row(each.id, each.texts) for each, _ in changed])
        await transaction.run_many(
            self._sql.put_entry, [{"id": each.id, "packed": packed} for each, packed in changed]
        )
        keys = [
            {"id": each.id, "title": each.title, "year": each.year, "hidden": each.hidden}
            for each, _ in found
        ]
        await transaction.run_many(self._sql.put_key, keys)

    async def _read_stored(self, transaction: Transaction, ids: dict[str, str]) -> dict[int, bytes]:
        return {key: bytes(packed) for key, packed in await transaction.rows(self._sql.stored, ids)}


def _row(number: int, texts: Texts) -> dict[str, Any]:
    return {"id": number, **dict(zip(TEXT_COLUMNS, texts, strict=True))}


def _compress(texts: Texts) -> bytes:
    data = json.dumps(texts, ensure_ascii=False).encode()
    if len(data) > _SHORT:
        return zlib.compress(data, _COMPRESSION_LEVEL)
    # Filling the tables of the usual window takes ten times as long as compressing so little.
    compressor = zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, 12, 5)
    return compressor.compress(data) + compressor.flush()


def _decompress(packed: bytes) -> Texts:
    return tuple(json.loads(zlib.decompress(packed)))
