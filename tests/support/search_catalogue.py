"""Small catalogues for tests of the search index, inserted straight into the tables."""

import hashlib
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import bindparam, insert

from catalogue.contents_encoding import encode_contents
from catalogue.model import CatalogueFile, Contents
from storage.schema import PEERAGE
from storage.tables.accounts import account
from storage.tables.catalogue import author, authorship, contents, tag, tagging, torrent, work


def hash_of(number):
    return hashlib.sha1(b"%d" % number).digest()


@dataclass
class Entry:
    id: int
    title: str
    group: int = 0
    name: str = ""
    group_name: str = ""
    files: Sequence[str] = ()
    authors: Sequence[str] = ()
    tags: Sequence[str] = ()
    description: str = ""
    size: int = 1000
    year: int | None = None
    category: int = 9
    uploader: str = ""
    anonymous: bool = False
    imdb: int | None = None
    hidden: bool = False
    freeleech: int = 0
    alias: bytes | None = None
    seeders: int = 0
    leechers: int = 0
    snatched: int = 0
    attributes: dict = field(default_factory=dict)

    @property
    def infohash(self):
        return hash_of(self.id)


EMPTY_GROUP = dict.fromkeys(
    ["description", "picture", "organism", "strain", "accession", "lab", "location"], ""
)
EMPTY_TORRENT = dict.fromkeys(["root", "platform", "format", "license", "scope", "archive"], "")


def _without(table, values, given):
    return {**values, **{name: value for name, value in given.items() if name in table.c}}


class Catalogue:
    """A database and its search index."""

    def __init__(self, database, index):
        self.database = database
        self.index = index
        self._numbers = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, backend, folder, **options):
        catalogue = await cls.open(backend, folder, **options)
        try:
            yield catalogue
        finally:
            await catalogue.database.close()

    @classmethod
    async def open(cls, backend, folder, candidates=10_000, seconds=10.0):
        database = await backend.open(folder, PEERAGE)
        return cls(database, backend.search(database, candidates, seconds))

    async def add(self, *entries):
        async with self.database.transaction() as transaction:
            for entry in entries:
                await self._write(transaction, entry)
            await self.index.refresh(transaction, [entry.id for entry in entries])

    async def run(self, statement, **values):
        async with self.database.transaction() as transaction:
            await transaction.run(statement, values)

    async def refresh(self, *ids):
        async with self.database.transaction() as transaction:
            await self.index.refresh(transaction, ids)

    async def drop(self, *ids):
        async with self.database.transaction() as transaction:
            await transaction.run(f"DELETE FROM torrent WHERE id IN ({','.join(map(str, ids))})")
            await self.index.drop(transaction, ids)

    async def _write(self, transaction, entry):
        group = entry.group or entry.id
        values = {
            **_without(work, EMPTY_GROUP, entry.attributes),
            "id": group,
            "name": entry.group_name or entry.title,
            "category_id": entry.category,
            "year": entry.year,
            "imdb": entry.imdb,
            "locked": 0,
            "created": 1,
        }
        await self._insert(transaction, work, values, ignore=True)
        uploader = await self._number(transaction, account, entry.uploader) if entry.uploader else None
        values = {
            **_without(torrent, EMPTY_TORRENT, entry.attributes),
            "id": entry.id,
            "infohash": entry.infohash,
            "alias": entry.alias,
            "work_id": group,
            "title": entry.title,
            "name": entry.name or entry.title,
            "size": entry.size,
            "file_count": len(entry.files),
            "uploader_id": uploader,
            "anonymous": entry.anonymous,
            "added": 1,
            "updated": 1,
            "description": entry.description,
            "annotated": 0,
            "private": 0,
            "held": 1,
            "hidden": entry.hidden,
            "locked": 0,
            "freeleech": entry.freeleech,
            "seeders": entry.seeders,
            "leechers": entry.leechers,
            "snatched": entry.snatched,
        }
        await self._insert(transaction, torrent, values)
        payload = encode_contents(Contents(tuple(CatalogueFile(path, 1) for path in entry.files)))
        await self._insert(transaction, contents, {"torrent_id": entry.id, "payload": payload})
        for position, name in enumerate(entry.authors):
            number = await self._number(transaction, author, name)
            values = {"work_id": group, "position": position, "author_id": number}
            await self._insert(transaction, authorship, values, ignore=True)
        for name in entry.tags:
            number = await self._number(transaction, tag, name)
            await self._insert(transaction, tagging, {"work_id": group, "tag_id": number}, ignore=True)

    async def _number(self, transaction, table, name):
        key = table.name, name
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers) + 1
            values = {
                "id": self._numbers[key],
                "name": name,
                "folded": name.lower(),
                "picture": "",
                "uses": 1,
            }
            values |= {"description": "", "role": "user", "enabled": 1, "joined": 1}
            await self._insert(
                transaction, table, {each: value for each, value in values.items() if each in table.c}
            )
        return self._numbers[key]

    async def _insert(self, transaction, table, values, *, ignore=False):
        dialect = self.database.dialect
        statement = dialect.insert_or_ignore(table) if ignore else insert(table)
        named = {name: bindparam(name) for name in values}
        await transaction.run(dialect.compile(statement.values(**named)), values)
