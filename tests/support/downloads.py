"""Downloads set up for a test: a real store and folder, and a fake engine."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from downloads.downloads import DownloadBackend, Downloads
from downloads.engine import Failed, Finished, MetadataReceived
from downloads.folder import ContentFolder
from downloads.limits import DownloadLimits
from downloads.model import ContentStatus, JobRequest, JobState
from storage.database import Database
from storage.jobs import SqlJobs
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase
from tests.support.clock import Clock
from tests.support.torrents import torrent

IDLE = ContentStatus(JobState.DOWNLOADING)
LIMITS = DownloadLimits(min_free_disk=0)
ACCOUNT = "INSERT INTO account (id, name, folded, role, enabled, joined) VALUES (?, ?, ?, 'user', 1, 0)"


def magnet(data):
    """A link to a .torrent."""
    return str(Metainfo.parse(data).magnet())


def make_request(title="one", size=1000, /, **fields):
    """A request for a torrent of that name and size."""
    names = {each.name for each in JobRequest.__dataclass_fields__.values()}
    asked = {name: fields.pop(name) for name in tuple(fields) if name in names}
    return JobRequest(torrent=torrent(title, size, **fields), **asked)


class FakeEngine:
    """An engine that records its requests and emits the events of a test; content has the status `state` at first."""

    port = 6881

    def __init__(self, state=IDLE):
        self.state = state
        self.requests = {}
        self.paused = set()
        self.statuses = {}
        self.removed = []
        self.announced = []
        self.on_event = None

    async def start(self, on_event):
        self.on_event = on_event

    async def stop(self):
        self.requests.clear()

    def add(self, request):
        assert request.key not in self.requests
        self.requests[request.key] = request

    async def remove(self, key, *, files):
        self.removed.append((key, files))
        self.requests.pop(key, None)
        self.statuses.pop(key, None)
        self.paused.discard(key)

    def pause(self, key):
        self.paused.add(key)

    def resume(self, key):
        self.paused.discard(key)

    def reannounce(self, key):
        self.announced.append(key)

    def connect(self, key, peers):
        raise AssertionError

    def status(self, key):
        return self.statuses.get(key, self.state) if key in self.requests else None

    async def fetch_metadata(self, infohash, *, peers, trackers, dht, seconds):
        raise AssertionError

    @property
    def running(self):
        return {key for key in self.requests if key not in self.paused}


@dataclass
class FakeHooks:
    """The blocklist and the cache, as downloads see them."""

    blocked: set = field(default_factory=set)
    published: list = field(default_factory=list)
    done: list = field(default_factory=list)

    async def refuse_blocked(self, names):
        if self.blocked & {name.truncated for name in names}:
            raise Refusal("blocked")

    async def completed(self, *said):
        self.done.append(said)

    async def publish(self, data):
        self.published.append(data)


class FakeFolder(ContentFolder):
    """A folder on a disk whose free bytes a test sets."""

    free_bytes = 2**50

    def free(self):
        return self.free_bytes


@dataclass
class DownloadSetup:
    """Downloads and what they run on."""

    downloads: Downloads
    engine: FakeEngine
    folder: FakeFolder
    hooks: FakeHooks
    store: SqlJobs
    database: Database
    clock: Clock

    async def create(self, account, *arguments, **fields):
        return await self.downloads.create(account, make_request(*arguments, **fields))

    async def job(self, job):
        return await self.downloads.job(job.account, job.id)

    async def finish(self, job):
        """Complete a job's content in the engine."""
        key = job.content.key
        (where := self.engine.requests[key].folder).mkdir(parents=True, exist_ok=True)
        for file in Metainfo.parse(self.engine.requests[key].torrent).files:
            (where / "0").write_bytes(bytes(file.length))
        self.change(job, progress=1.0)
        await self.emit(Finished(key))

    def change(self, job, **changes):
        key = job.content.key
        self.engine.statuses[key] = replace(self.engine.status(key), **changes)

    async def fail(self, job, reason):
        await self.emit(Failed(job.content.key, reason))

    async def find_metadata(self, job, data):
        """Find a magnet's metadata in the engine."""
        await self.emit(MetadataReceived(job.content.key, data))

    async def emit(self, event):
        self.engine.on_event(event)
        await self.downloads.drain()

    async def check(self):
        """Run the periodic check."""
        await self.downloads.check()
        await self.downloads.drain()

    def names(self):
        """What runs in the engine, by name."""
        torrents = [self.engine.requests[key].torrent for key in self.engine.running]
        return sorted(Metainfo.parse(each).name if each else "?" for each in torrents)


@contextlib.asynccontextmanager
async def open_downloads(path: Path, *, stop=True, engine=None, before=None, **limits):
    """Open downloads over a folder; without `stop` they end as by a kill. `before` is called before the engine runs."""
    database = await SqliteDatabase.open(path / "peerage.db", PEERAGE, "NORMAL")
    async with database.transaction() as transaction:
        for number in range(1, 5):
            await transaction.run(
                ACCOUNT.replace("INSERT", "INSERT OR IGNORE"), (number, f"n{number}", f"n{number}")
            )
    engine = engine or FakeEngine()
    folder, hooks, clock = FakeFolder(path / "content"), FakeHooks(), Clock()
    store = SqlJobs(database)
    downloads = Downloads(replace(LIMITS, **limits), DownloadBackend(engine, store, folder, hooks, clock))
    await downloads.load()
    if before is not None:
        await before(downloads, engine)
    await downloads.begin()
    await downloads.drain()
    try:
        async with asyncio.timeout(60):
            yield DownloadSetup(downloads, engine, folder, hooks, store, database, clock)
    finally:
        await downloads.drain()
        if stop:
            await downloads.stop()
        else:
            downloads._checking.cancel()
        await database.close()


@contextlib.contextmanager
def refused(code):
    """Expect a refusal."""
    with pytest.raises(Refusal) as told:
        yield
    assert told.value.code == code
