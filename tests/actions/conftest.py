"""Hides how the deeds are wired for a test: memory stores and a policy that remembers."""

import asyncio
from dataclasses import dataclass, field

import pytest

from actions.takedowns import Takedowns
from actions.transfer import Transfer
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.model import Reading
from lists.infohashes import Lists
from storage.memory import MemoryBlobs, MemoryEntries, MemoryRecords

ROOMY = Quota(1000, 10**9, 0)


def now():
    return 1_800_000_000


@dataclass
class RememberedPolicy:
    """What the tracker was told."""

    allowed: set[InfoHash] = field(default_factory=set)
    denied: set[InfoHash] = field(default_factory=set)
    joined: dict[InfoHash, InfoHash] = field(default_factory=dict)

    def allow(self, infohashes):
        self.allowed.update(_short(infohashes))

    def disallow(self, infohashes):
        self.allowed.difference_update(_short(infohashes))

    def deny(self, infohashes):
        self.denied.update(_short(infohashes))

    def undeny(self, infohashes):
        self.denied.difference_update(_short(infohashes))

    def join(self, alias, canonical):
        self.joined[alias] = canonical


def _short(infohashes):
    hashes = list(infohashes)
    assert all(len(infohash) == 20 for infohash in hashes)
    return hashes


class RememberedCatalogue:
    """A catalogue that knows what it was told of, for deeds that are not about what it says."""

    def __init__(self):
        self.records = {}

    async def foresee(self, sheet, details, uploader):
        pass

    async def enter(self, sheet, reading, details, uploader):
        new = sheet.infohash not in self.records
        self.records.setdefault(sheet.infohash, sheet)
        return self.records[sheet.infohash], new

    async def torrent(self, key, viewer):
        found = (each for each in self.records.values() if key in (each.infohash, each.alias))
        return next(found, None)

    async def forget(self, names):
        gone = [each for each in self.records.values() if {each.infohash, each.alias} & set(names)]
        for sheet in gone:
            del self.records[sheet.infohash]
        return gone


class PlainReader:
    """Takes a torrent's name for its title."""

    async def describe(self, sheet):
        return Reading(sheet.name, "Unsorted")


class Rooms:
    """The rooms behind the doors, over stores that survive `restarted`."""

    def __init__(self, blobs=None, records=None, entries=None, catalogue=None, *, quota=ROOMY, **limits):
        self.blobs = blobs or MemoryBlobs()
        self.records = records or MemoryRecords()
        self.entries = entries or MemoryEntries()
        self.policy = RememberedPolicy()
        self.cache = TorrentCache(self.blobs, self.records, quota, now)
        self.lists = Lists(self.entries)
        self.catalogue = catalogue or RememberedCatalogue()
        self.takedowns = Takedowns(self.cache, self.catalogue, self.lists, self.policy, now)
        self.uploads = Uploads(self.cache, self.takedowns, self.catalogue, PlainReader(), now, **limits)
        self.transfer = Transfer(self.uploads, self.cache)

    async def restarted(self):
        rooms = Rooms(self.blobs, self.records, self.entries, self.catalogue)
        await rooms.cache.reconcile()
        await rooms.takedowns.start()
        return rooms


@pytest.fixture
def rooms():
    return Rooms()


@pytest.fixture
def make_rooms():
    return Rooms


@pytest.fixture
def run():
    return asyncio.run
