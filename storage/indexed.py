"""Hides what the index says of a torrent, and how that is kept as records change.

The index keeps no texts, only lists of where words stand. To take a torrent out of it, FTS5 has to be told
the very words that went in: these are kept packed beside it, which takes a quarter of what the texts would.
"""

import asyncio
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite
from sqlalchemy import Row, delete, func, select

from bittorrent.infohash import InfoHash
from catalogue.model import File
from catalogue.query import Attribute
from catalogue.syntax import words
from storage import facets, packing
from storage.database import Database
from storage.dialect import among
from storage.tables import (
    author,
    authorship,
    contents,
    search_entry,
    search_key,
    tag,
    tagging,
    torrent,
    work,
)

LONGEST_FILES = 256 * 1024
"""Characters of file names of one torrent that can be found."""
_BATCH = 500
_TITLE_SORTED = 80
_PACKING = 3
_OF_GROUP = (Attribute.ORGANISM, Attribute.STRAIN, Attribute.ACCESSION, Attribute.LAB, Attribute.LOCATION)
_OF_TORRENT = (Attribute.PLATFORM, Attribute.FORMAT, Attribute.LICENSE, Attribute.SCOPE, Attribute.ARCHIVE)

_FIELDS = "name, work, authors, tags, description, files, facets"
_PUT = f"INSERT INTO search_text (rowid, {_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_TAKE = f"INSERT INTO search_text (search_text, rowid, {_FIELDS}) VALUES ('delete', ?, ?, ?, ?, ?, ?, ?, ?)"
_ENTRY = "INSERT OR REPLACE INTO search_entry (id, packed) VALUES (?, ?)"
_KEY = "INSERT OR REPLACE INTO search_key (id, title, words, year, hidden) VALUES (?, ?, ?, ?, ?)"

Texts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A torrent as the index has it: a text for each column, and what lists are sorted by."""

    id: int
    texts: Texts
    title: str
    words: int
    year: int
    hidden: bool


class Upkeep:
    """Keeps the index as the records are, inside the transaction that changes them."""

    def __init__(self, database: Database) -> None:
        self._read = database.compile(_reading())
        self._kept = database.compile(
            select(search_entry.c.id, search_entry.c.packed).where(among(search_entry.c.id, "ids"))
        )
        self._forget = [
            database.compile(delete(table).where(among(table.c.id, "ids"))) for table in (search_entry, search_key)
        ]

    async def refresh(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        """Read the torrents again and write what changed of them to the index; those that are gone leave it."""
        for start in range(0, len(torrents), _BATCH):
            await self._refresh(writer, sorted(set(torrents[start : start + _BATCH])))

    async def drop(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        """Take torrents out of the index; those that are not in it do not matter."""
        for start in range(0, len(torrents), _BATCH):
            ids = {"ids": json.dumps(sorted(set(torrents[start : start + _BATCH])))}
            kept = await self._packed(writer, ids)
            await writer.executemany(_TAKE, [(key, *_unpacked(packed)) for key, packed in kept.items()])
            for statement in self._forget:
                await writer.execute(statement, ids)

    async def _refresh(self, writer: aiosqlite.Connection, torrents: Sequence[int]) -> None:
        ids = {"ids": json.dumps(torrents)}
        rows = list(await writer.execute_fetchall(self._read, ids))
        kept = await self._packed(writer, ids)
        # A file list can be long; reading it is no work for the event loop.
        found = await asyncio.to_thread(lambda: [(each := indexed(row), _pack(each.texts)) for row in rows])
        await self.drop(writer, sorted(kept.keys() - {each.id for each, _ in found}))
        changed = [(each, packed) for each, packed in found if kept.get(each.id) != packed]
        taken = [(each.id, *_unpacked(kept[each.id])) for each, _ in changed if each.id in kept]
        await writer.executemany(_TAKE, taken)
        await writer.executemany(_PUT, [(each.id, *each.texts) for each, _ in changed])
        await writer.executemany(_ENTRY, [(each.id, packed) for each, packed in changed])
        keys = [(each.id, each.title, each.words, each.year, each.hidden) for each, _ in found]
        await writer.executemany(_KEY, keys)

    async def _packed(self, writer: aiosqlite.Connection, ids: dict[str, str]) -> dict[int, bytes]:
        return {key: packed for key, packed in await writer.execute_fetchall(self._kept, ids)}


def indexed(row: Any) -> Indexed:  # noqa: ANN401
    """Return what the index is to hold of a row of `_reading`."""
    authors, tags = json.loads(row[_AUTHORS]), json.loads(row[_TAGS])
    del authors, tags
    raise NotImplementedError
