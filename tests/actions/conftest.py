"""Actions wired for a test, over memory stores and a recording tracker policy."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from actions.reconciliation import Reconciliation
from actions.takedowns import Takedowns
from actions.torrent_export import TorrentExport
from actions.torrent_import import TorrentImport
from actions.uploads import Uploads
from bittorrent.infohash import HashPage, InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.model import ParsedRelease
from lists.infohashes import ListKind, Lists
from storage.memory import MemoryBlobs, MemoryCacheRecords, MemoryListEntries

ROOMY = Quota(1000, 10**9, 0)


def now():
    return 1_800_000_000


@dataclass
class RecordingPolicy:
    """Records what the tracker was told."""

    listed = True
    allowed: set[InfoHash] = field(default_factory=set)
    denied: set[InfoHash] = field(default_factory=set)
    public: set[InfoHash] = field(default_factory=set)
    reasons: dict[InfoHash, str] = field(default_factory=dict)
    joined: dict[InfoHash, InfoHash] = field(default_factory=dict)

    def allow(self, infohashes):
        self.allowed.update(_short(infohashes))

    def disallow(self, infohashes):
        self.allowed.difference_update(_short(infohashes))

    def publish(self, infohashes, *, public):
        (self.public.update if public else self.public.difference_update)(_short(infohashes))

    def publish_all(self, infohashes):
        self.public.update(HashPage(infohashes, b"").infohashes())

    def is_public(self, infohash):
        return infohash in self.public

    def deny(self, infohashes, reason):
        for each in _short(infohashes):
            self.denied.add(each)
            self.reasons[each] = reason

    def denies(self, infohash):
        return infohash in self.denied

    def explain(self, infohashes, reason):
        self.reasons.update(dict.fromkeys(HashPage(infohashes, b"").infohashes(), reason))

    def undeny(self, infohashes):
        self.denied.difference_update(_short(infohashes))

    def allow_all(self, infohashes):
        self.allowed.update(HashPage(infohashes, b"").infohashes())

    def deny_all(self, infohashes):
        self.denied.update(HashPage(infohashes, b"").infohashes())

    def join(self, alias, canonical):
        self.joined[alias] = canonical


def _short(infohashes):
    hashes = list(infohashes)
    assert all(len(infohash) == 20 for infohash in hashes)
    return hashes


class RecordingCatalogue:
    """Records summaries only, for tests that are not about the catalogue."""

    def __init__(self):
        self.records = {}
        self.torrents = self
        self.store = SimpleNamespace(torrents=self)

    async def check_upload(self, summary, details, uploader):
        pass

    async def add(self, summary, release, details, uploader):
        new = summary.infohash not in self.records
        self.records.setdefault(summary.infohash, summary)
        return self.records[summary.infohash], new

    async def put(self, summary, release):
        _, new = await self.add(summary, release, None, None)
        return len(self.records), new

    async def torrent(self, key, viewer):
        found = (each for each in self.records.values() if key in (each.infohash, each.alias))
        return next(found, None)

    async def known(self, infohashes):
        named = [{each.infohash, each.alias} - {None} for each in self.records.values()]
        return {name for each in named if each & set(infohashes) for name in each}

    async def remove(self, names):
        gone = [each for each in self.records.values() if {each.infohash, each.alias} & set(names)]
        for summary in gone:
            del self.records[summary.infohash]
        return gone


class MemoryLeftovers:
    """What is denied and stored, of memory stores."""

    def __init__(self, lists, cache, torrents):
        self._lists, self._cache, self._torrents = lists, cache, torrents

    async def names(self, limit):
        async for packed in self._lists.packed(ListKind.DENY, limit):
            names = HashPage(packed, b"").infohashes()
            stored = await self._cache.known(names) | await self._torrents.known(names)
            if left := stored & set(names):
                yield sorted(left)


class NameAsTitle:
    """Uses a torrent's name as its title."""

    async def parse(self, summary):
        return ParsedRelease(summary.name, "Unsorted")


class ActionServices:
    """The actions and their packages, over stores that survive `restarted`."""

    def __init__(self, blobs=None, records=None, entries=None, catalogue=None, *, quota=ROOMY, **limits):
        self.blobs = blobs or MemoryBlobs()
        self.records = records or MemoryCacheRecords()
        self.entries = entries or MemoryListEntries()
        self.policy = RecordingPolicy()
        self.cache = TorrentCache(self.blobs, self.records, quota, now)
        self.lists = Lists(self.entries)
        self.catalogue = catalogue or RecordingCatalogue()
        torrents = self.catalogue.store.torrents
        self.leftovers = MemoryLeftovers(self.lists, self.cache, torrents)
        self.takedowns = Takedowns(
            self.cache, torrents, self.lists, self.policy, now, leftovers=self.leftovers
        )
        self.reconciliation = Reconciliation(self.cache, self.takedowns)
        self.uploads = Uploads(self.cache, self.takedowns, self.catalogue, NameAsTitle(), now, **limits)
        self.torrent_import = TorrentImport(self.uploads)
        self.torrent_export = TorrentExport(self.cache)

    async def restarted(self):
        services = ActionServices(self.blobs, self.records, self.entries, self.catalogue)
        await services.takedowns.start()
        await services.reconciliation.run()
        return services


@pytest.fixture
def services():
    return ActionServices()


@pytest.fixture
def make_services():
    return ActionServices
