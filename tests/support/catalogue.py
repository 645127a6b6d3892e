"""A catalogue over a real database for a test, with accounts and torrents to add to it."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha1

from bittorrent.infohash import InfoHash
from catalogue.catalogue import Catalogue
from catalogue.fields import TorrentDetails
from catalogue.model import CatalogueFile, Contents, MetainfoSummary, ParsedRelease
from catalogue.store import UNRESTRICTED_VIEWER
from storage.catalogue.store import catalogue_store
from storage.schema import PEERAGE
from tests.support.clock import Clock
from tests.support.databases import open_database

NOW = 1_800_000_000


@dataclass
class RecordingIndex:
    """A search index that records which torrents it was given."""

    known: set[int] = field(default_factory=set)
    refreshed: list[int] = field(default_factory=list)

    async def refresh(self, transaction, torrents):
        self.known.update(torrents)
        self.refreshed.extend(torrents)

    async def drop(self, transaction, torrents):
        self.known.difference_update(torrents)


class CatalogueSetup:
    """A catalogue, and what it was made of."""

    def __init__(self, database, *, index=None):
        self.database = database
        self.index = index or RecordingIndex()
        self.clock = Clock(NOW)
        self.catalogue = Catalogue.over(
            catalogue_store(database, self.index, self.clock, batch=2), self.clock
        )
        self.store = self.catalogue.store

    everything = UNRESTRICTED_VIEWER

    async def account(self, number, name=None, role="user"):
        name = name or f"user{number}"
        async with self.database.transaction() as transaction:
            await transaction.run(
                "INSERT INTO account (id, name, folded, role, enabled, joined) VALUES (?, ?, ?, ?, 1, 0)",
                (number, name, name.lower(), role),
            )

    async def enter(self, name="one", uploader=None, *, reading=None, held=True, alias=None, **details):
        return await self.catalogue.torrents.add(
            metainfo_summary(name, held=held, alias=alias),
            reading or ParsedRelease(name.title(), "Unsorted"),
            TorrentDetails.read(details),
            uploader,
        )

    async def wrong_tag_counts(self):
        """Return the tags whose use counts are wrong, by name."""
        rows = await self.database.rows(
            """SELECT name, uses, (SELECT count(*) FROM tagging WHERE tag_id = tag.id AND EXISTS (
                   SELECT 1 FROM torrent WHERE torrent.work_id = tagging.work_id AND hidden = 0)) AS real
               FROM tag"""
        )
        return {name: (uses, real) for name, uses, real in rows if uses != real}

    async def count(self, table):
        ((count,),) = await self.database.rows(f"SELECT count(*) FROM {table}")
        return count


def hash_of(name):
    return InfoHash.of(sha1(name.encode()).digest())


def metainfo_summary(name="one", *, held=True, alias=None, **changes):
    files = (CatalogueFile("a.txt", 10), CatalogueFile("sub/b.txt", 20)) if held else ()
    values = {
        "infohash": hash_of(name),
        "alias": alias,
        "name": name if held else hash_of(name).lower,
        "root": name if held else "",
        "size": 30 if held else 0,
        "private": False,
        "held": held,
        "comment": "",
        "contents": Contents(files, (("http://t.example/announce",),) if held else (), ()),
        "added": NOW,
    }
    return MetainfoSummary(**{**values, **changes})


@asynccontextmanager
async def open_catalogue(path):
    database = await open_database(path / "peerage.db", PEERAGE, "FULL")
    try:
        library = CatalogueSetup(database)
        for number in (1, 2, 3):
            await library.account(number)
        yield library
    finally:
        await database.close()
