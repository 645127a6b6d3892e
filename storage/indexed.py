"""Hides what the index says of a torrent, and how that is kept as records change.

The index keeps no texts, only lists of where words stand. To take a torrent out of it, FTS5 has to be told
the very words that went in: these are kept beside it, packed.
"""

import asyncio
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite
from sqlalchemy import Select, delete, func, select

from bittorrent.infohash import InfoHash
from catalogue.model import File
from catalogue.query import Attribute
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
_PACKING = 3
_OF_TORRENT = (
    *("id", "infohash", "alias", "title", "name", "size", "uploader_id", "anonymous", "description"),
    *("hidden", "freeleech", "platform", "format", "license", "scope", "archive"),
)
_OF_GROUP = ("category_id", "year", "imdb", "organism", "strain", "accession", "lab", "location")

_PUT = """
    INSERT INTO search_text (rowid, name, work, authors, tags, description, files, facets)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_TAKE = """
    INSERT INTO search_text (search_text, rowid, name, work, authors, tags, description, files, facets)
    VALUES ('delete', ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ENTRY = "INSERT OR REPLACE INTO search_entry (id, packed) VALUES (?, ?)"
_KEY = "INSERT OR REPLACE INTO search_key (id, title, year, hidden) VALUES (?, ?, ?, ?)"

Texts = tuple[str, ...]
Said = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A torrent as the index has it: a text for each column, and what lists are sorted by."""

    id: int
    texts: Texts
    title: str
    year: int
    hidden: bool


class Upkeep:
    """Keeps the index as the records are, inside the transaction that changes them."""

    def __init__(self, database: Database) -> None:
        reading = _reading()
        self._names = reading.selected_columns.keys()
        self._read = database.compile(reading)
        self._kept = database.compile(
            select(search_entry.c.id, search_entry.c.packed).where(among(search_entry.c.id, "ids"))
        )
        self._forget = [
            database.compile(delete(table).where(among(table.c.id, "ids")))
            for table in (search_entry, search_key)
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
        rows = [
            dict(zip(self._names, row, strict=True)) for row in await writer.execute_fetchall(self._read, ids)
        ]
        kept = await self._packed(writer, ids)
        # A file list can be long; reading it is no work for the event loop.
        found = await asyncio.to_thread(lambda: [(each := indexed(row), _pack(each.texts)) for row in rows])
        await self.drop(writer, sorted(kept.keys() - {each.id for each, _ in found}))
        changed = [(each, packed) for each, packed in found if kept.get(each.id) != packed]
        taken = [(each.id, *_unpacked(kept[each.id])) for each, _ in changed if each.id in kept]
        await writer.executemany(_TAKE, taken)
        await writer.executemany(_PUT, [(each.id, *each.texts) for each, _ in changed])
        await writer.executemany(_ENTRY, [(each.id, packed) for each, packed in changed])
        keys = [(each.id, each.title, each.year, each.hidden) for each, _ in found]
        await writer.executemany(_KEY, keys)

    async def _packed(self, writer: aiosqlite.Connection, ids: dict[str, str]) -> dict[int, bytes]:
        return {key: bytes(packed) for key, packed in await writer.execute_fetchall(self._kept, ids)}


def indexed(row: Said) -> Indexed:
    """Return what the index is to hold of a row of `_reading`."""
    authors, tags = json.loads(row["authors"]), json.loads(row["tags"])
    names = [row["title"], *([row["name"]] if row["name"] != row["title"] else [])]
    said = [row["description"], row["group_description"], *(row[each.value] for each in Attribute)]
    texts = (
        facets.joined(names),
        facets.joined([row["group_name"]]),
        facets.joined(authors),
        facets.joined(name for _, name in tags),
        facets.joined(each for each in said if each),
        facets.joined(_file_names(_files(row["payload"]))),
        " ".join(_facets(row, [number for number, _ in tags])),
    )
    return Indexed(row["id"], texts, facets.title_of(row["title"]), row["year"] or 0, bool(row["hidden"]))


def _facets(row: Said, tags: Iterable[int]) -> Iterator[str]:
    yield facets.EVERY
    if row["hidden"]:
        yield facets.HIDDEN
    yield facets.category(row["category_id"])
    yield from map(facets.tag, sorted(tags))
    yield from facets.sizes_of(row["size"])
    yield facets.freeleech(row["freeleech"])
    yield from (facets.infohash(InfoHash(name)) for name in (row["infohash"], row["alias"]) if name)
    if row["year"] is not None:
        yield from facets.years_of(row["year"])
    if row["imdb"] is not None:
        yield facets.imdb(row["imdb"])
    if row["uploader_id"] is not None and not row["anonymous"]:
        yield facets.uploader(row["uploader_id"])
    for attribute in Attribute:
        if value := row[attribute.value]:
            yield facets.attribute(attribute, value)


def _files(payload: bytes | None) -> Sequence[File]:
    """Return the files of a torrent; none where its list is damaged, since all else can still be found."""
    try:
        return packing.unpack(payload).files if payload else ()
    except ValueError:
        return ()


def _file_names(files: Iterable[File]) -> Iterator[str]:
    """Yield the names of files, and a folder's once for the files that follow each other in it."""
    left, last = LONGEST_FILES, ""
    for file in files:
        folder, _, name = file.path.rpartition("/")
        for each in (folder if folder != last else "", name):
            if each:
                left -= len(each)
                if left < 0:
                    return
                yield each
        last = folder


def _pack(texts: Texts) -> bytes:
    return zlib.compress(json.dumps(texts, ensure_ascii=False).encode(), _PACKING)


def _unpacked(packed: bytes) -> Texts:
    return tuple(json.loads(zlib.decompress(packed)))


def _reading() -> Select[Any]:
    """Select all that is said of torrents and their groups."""
    authors = (
        select(func.json_group_array(author.c.name))
        .select_from(authorship.join(author, author.c.id == authorship.c.author_id))
        .where(authorship.c.work_id == work.c.id)
    )
    tags = (
        select(func.json_group_array(func.json_array(tag.c.id, tag.c.name)))
        .select_from(tagging.join(tag, tag.c.id == tagging.c.tag_id))
        .where(tagging.c.work_id == work.c.id)
    )
    return (
        select(
            *(torrent.c[name] for name in _OF_TORRENT),
            *(work.c[name] for name in _OF_GROUP),
            work.c.name.label("group_name"),
            work.c.description.label("group_description"),
            authors.scalar_subquery().label("authors"),
            tags.scalar_subquery().label("tags"),
            contents.c.payload,
        )
        .select_from(torrent.join(work, work.c.id == torrent.c.work_id).outerjoin(contents))
        .where(among(torrent.c.id, "ids"))
        .order_by(torrent.c.id)
    )
