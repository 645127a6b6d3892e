"""Updates the row of each torrent in the search index as records change."""

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from storage.database import Database, Transaction
from storage.postgresql.search.tables import WORDS, search_document
from storage.postgresql.search.words import row_of, words_of
from storage.search import TEXT_COLUMNS
from storage.search.documents import SearchDocument, build_document
from storage.search.facets import PHRASE_BREAK
from storage.statements.search_documents import select_documents

LETTERS = dict(zip(TEXT_COLUMNS, "nwatdf", strict=False))
"""The letter before each word of a column."""
_BATCH = 32  # torrents whose texts are in memory at once
_MOST_BYTES = 1_000_000  # of the words of a torrent, of which PostgreSQL takes 2^20
_DIGEST_BYTES = 16
_BREAK = PHRASE_BREAK.strip()


class SearchDocumentUpdater:
    """Updates the search index inside the transaction that changes the records."""

    def __init__(self, database: Database) -> None:
        dialect = database.dialect
        query = select_documents(dialect)
        self._names = query.selected_columns.keys()
        self._read = dialect.compile(query)
        listed = dialect.in_list(search_document.c.id, "ids")
        self._stored = dialect.compile(select(search_document.c.id, search_document.c.digest).where(listed))
        columns = [column.name for column in search_document.columns]
        values: dict[str, ColumnElement[Any]] = {name: bindparam(name) for name in columns}
        values["words"] = func.array_to_tsvector(bindparam("words", type_=WORDS))
        put = dialect.upsert(search_document, *columns[1:])
        self._put = dialect.compile(put.values(**values))
        self._delete = dialect.compile(delete(search_document).where(listed))
        self._ids = dialect.ids

    async def refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Index torrents again where what is indexed changed, and remove those that no longer exist."""
        await transaction.at_end(self._refresh_all, torrents)

    async def _refresh_all(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        for start in range(0, len(torrents), _BATCH):
            await self._refresh(transaction, sorted(set(torrents[start : start + _BATCH])))

    async def drop(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Remove torrents from the index; ids that are not in it are ignored."""
        if torrents:
            await transaction.run(self._delete, {"ids": self._ids(torrents)})

    async def _refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        ids = {"ids": self._ids(torrents)}
        rows = [dict(zip(self._names, row, strict=True)) for row in await transaction.rows(self._read, ids)]
        stored: dict[int, bytes] = dict(await transaction.rows(self._stored, ids))
        # A file list can be long: decode it off the event loop.
        found = await transaction.compute(lambda: [_values(build_document(row)) for row in rows])
        await self.drop(transaction, sorted(stored.keys() - {each["id"] for each in found}))
        changed = [each for each in found if stored.get(each["id"]) != each["digest"]]
        await transaction.run_many(self._put, changed)


def _values(document: SearchDocument) -> dict[str, Any]:
    """Return the row of a document."""
    *texts, filters = document.texts
    found = {name: words_of(text) for name, text in zip(TEXT_COLUMNS, texts, strict=False)}
    keys = {"title": document.title, "year": document.year, "hidden": int(document.hidden)}
    digest = blake2b(json.dumps([document.texts, keys]).encode(), digest_size=_DIGEST_BYTES).digest()
    return {
        "id": document.id,
        "digest": digest,
        "words": list(dict.fromkeys(_within(_lexemes(found, filters.split())))),
        **keys,
        **{name: row_of(words) for name, words in found.items()},
    }


def _lexemes(found: dict[str, list[str]], filters: Sequence[str]) -> Iterator[str]:
    yield from filters
    for name, words in found.items():
        yield from (LETTERS[name] + word for word in words if word != _BREAK)


def _within(lexemes: Iterator[str]) -> Iterator[str]:
    """Yield lexemes as far as there is room: the last are those of files."""
    left = _MOST_BYTES
    for lexeme in dict.fromkeys(lexemes):
        left -= len(lexeme.encode())
        if left < 0:
            return
        yield lexeme
