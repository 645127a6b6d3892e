"""Hides how the deeds are wired for a test: memory stores and a policy that remembers."""

import asyncio
from dataclasses import dataclass, field

import pytest

from actions.takedowns import Takedowns
from actions.transfer import Transfer
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from lists.infohashes import Lists
from storage.memory import MemoryBlobs, MemoryEntries, MemoryRecords

ROOMY = Quota(1000, 10**9, 0)


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


class Rooms:
    """The rooms behind the doors, over stores that survive `restarted`."""

    def __init__(self, blobs=None, records=None, entries=None, *, quota=ROOMY, **limits):
        self.blobs = blobs or MemoryBlobs()
        self.records = records or MemoryRecords()
        self.entries = entries or MemoryEntries()
        self.policy = RememberedPolicy()
        self.cache = TorrentCache(self.blobs, self.records, quota, lambda: 1_800_000_000)
        self.lists = Lists(self.entries)
        self.takedowns = Takedowns(self.cache, self.lists, self.policy, lambda: 1_800_000_000)
        self.uploads = Uploads(self.cache, self.takedowns, **limits)
        self.transfer = Transfer(self.uploads, self.cache)

    async def restarted(self):
        rooms = Rooms(self.blobs, self.records, self.entries)
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
