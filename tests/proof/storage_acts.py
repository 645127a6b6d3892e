"""What is done to a data folder while its disk fails, and what must be true of it afterwards."""

import asyncio
import contextlib
import copy
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path

from accounts.model import Principal
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import pack
from catalogue.fields import TorrentChange, TorrentDetails
from catalogue.store import UNRESTRICTED_VIEWER
from downloads.model import JobRequest
from peerage.commands.backup import BACKUP, Backup
from peerage.wiring.application import Application
from peerage.wiring.environment import Environment
from peerage.wiring.stores import open_stores
from storage import schema
from storage.data_folder import DataFolder, FolderError
from storage.database import DatabaseError
from storage.fsync import fsync_directory
from storage.schema import Schema
from storage.sqlite.backup import BackupError, restore_backup
from storage.sqlite.database import SqliteDatabase
from tests.proof.history import History, Kind, Operation
from tests.support.application import QUICK, repeatable_random, settings_in
from tests.support.clock import NOON
from tests.support.downloads import FakeEngine
from tests.support.tasks import turn
from tests.support.torrents import hybrid_torrent, v1_torrent
from tracker.flusher import FlushError
from tracker.model import Announce, Event

HONEST = (Refusal, OSError, DatabaseError, FolderError, FlushError, BackupError)
"""The errors by which a failing disk may be told."""
PASSWORDS = ("first password", "second password")
ACCOUNT, ADDED = "ada", "grace"
BACKUPS, RESTORED = "backups", "restored"
"""Where a run keeps its backups, and the folder that it restores one into; both beside its data folder."""
SWARMS = tuple(InfoHash(bytes([number]) * 20) for number in range(1, 6))


@dataclass(frozen=True, slots=True)
class Upload:
    """A torrent that the acts are about."""

    data: bytes
    metainfo: Metainfo

    @property
    def infohash(self) -> InfoHash:
        """The hash that names it in the cache."""
        return self.metainfo.infohash


def _upload(data: bytes) -> Upload:
    return Upload(data, Metainfo.parse(data))


KEPT, HYBRID, BLOCKED, NEW, NEWER = (
    _upload(each)
    for each in (
        v1_torrent("kept", comment=bytes(range(256)) * 8),
        hybrid_torrent("both"),
        v1_torrent("blocked"),
        v1_torrent("new", comment=bytes(range(255)) * 12),
        hybrid_torrent("newer"),
    )
)
MANY = tuple(
    _upload(make(f"one of many {number}")) for number, make in enumerate((v1_torrent, hybrid_torrent) * 4)
)
UPLOADS = (KEPT, HYBRID, BLOCKED, NEW, NEWER, *MANY)


@contextlib.asynccontextmanager
async def opened(folder: Path, *, jobs: bool = False, settled: bool = True) -> AsyncIterator[Application]:
    """The application over the data folder in a folder, opened as the service opens it.

    Unless it is to be `settled`, files and records are still being reconciled.
    """
    settings = settings_in(folder, catalogue={"readers": 1})
    environment = Environment(
        clock=lambda: float(NOON),
        random=repeatable_random(),
        password_hasher=QUICK,
        engine=FakeEngine() if jobs else None,  # type: ignore[arg-type]
    )
    async with contextlib.AsyncExitStack() as stack:
        stores = await open_stores(settings, stack)
        application = Application(settings, stores, stack, environment)
        await application.prepare()
        await application.takedowns.finish()
        await application.take_up()
        await application.tracker.restore()
        reconciling = asyncio.create_task(application.reconciliation.run_once())
        try:
            if settled:
                await reconciling
            yield application
        finally:
            await asyncio.wait({reconciling})
        reconciling.result()


class Acts:
    """Does things one after another and notes what was answered; `calls` tells how many calls the disk got."""

    def __init__(self, calls: Callable[[], int], *, faulty: bool = False) -> None:
        self._calls = calls
        self._ticks = 0
        self.faulty = faulty
        self.told: list[Exception] = []
        self.history = History(self.now)

    def now(self) -> float:
        """The number of calls so far, and a little more each time that it is asked."""
        self._ticks += 1
        return self._calls() + self._ticks * 1e-6

    async def attempt(
        self, kind: Kind, infohash: InfoHash | None, act: Callable[[], Awaitable[object]], text: str = ""
    ) -> None:
        """Do one thing; a failure that is told leaves open whether it had an effect."""
        operation = Operation(kind, infohash, text, self.now())
        self.history.operations.append(operation)
        try:
            await act()
        except HONEST as error:
            if not self.faulty:
                raise
            self.told.append(error)
            return
        operation.end, operation.done = self.now(), True

    async def upload(self, application: Application, upload: Upload) -> None:
        """Upload a torrent."""
        accept = application.torrents.uploads.accept
        await self.attempt(Kind.UPLOAD, upload.infohash, lambda: accept(upload.data, "proof"))

    async def block(self, application: Application, upload: Upload) -> None:
        """Block a torrent under the last of its names."""
        block = application.torrents.takedowns.block
        name = upload.metainfo.infohashes[-1]
        await self.attempt(Kind.BLOCK, upload.infohash, lambda: block(name, "no", "proof"))

    async def unblock(self, application: Application, upload: Upload) -> None:
        """Take a block back."""
        unblock = application.torrents.takedowns.unblock
        await self.attempt(Kind.UNBLOCK, upload.infohash, lambda: unblock(upload.infohash))

    async def edit(self, application: Application, upload: Upload, text: str) -> None:
        """Describe a torrent."""

        async def act() -> None:
            store = application.catalogue.catalogue.store.torrents
            known = await store.torrent(upload.infohash, UNRESTRICTED_VIEWER)
            assert known is not None, "the record of an upload is not there"
            details = TorrentDetails(TorrentChange(description=text))
            await application.catalogue.catalogue.torrents.edit(known.id, details)

        await self.attempt(Kind.EDIT, upload.infohash, act, text)

    async def set_password(self, application: Application, text: str) -> None:
        """Change the account's password."""

        async def act() -> None:
            user = await application.accounts.accounts.user(ACCOUNT)
            assert user is not None, "the account is not there"
            await application.accounts.accounts.set_password(user.id, text)

        await self.attempt(Kind.PASSWORD, None, act, text)

    async def add_account(self, application: Application, name: str, password: str) -> None:
        """Add an account."""
        add = application.accounts.accounts.add
        await self.attempt(Kind.ACCOUNT, None, lambda: add(name, password), name)

    async def announce_all(self, application: Application, port: int) -> None:
        """Announce one more peer in every swarm, and flush: a flush that is cut holds it in all of them or in none."""
        peer = bytes((10, 0, 0, 1)) + port.to_bytes(2, "big")
        for each in SWARMS:
            announce = Announce(each, peer, Event.STARTED, seeder=True, numwant=0)
            application.tracker.tracker.announce(announce)
        await self.attempt(Kind.FLUSH, None, application.tracker.flusher.flush)

    async def repair(self, application: Application) -> None:
        """Check every file, and repair what is found."""

        async def act() -> None:
            async for _ in application.torrents.cache.check(repair=True):
                pass

        await self.attempt(Kind.FLUSH, None, act)

    async def create_job(self, application: Application, upload: Upload) -> None:
        """Ask for a torrent's content."""
        create = application.downloads.downloads.create
        await self.attempt(Kind.JOB, upload.infohash, lambda: create(1, JobRequest(torrent=upload.data)))

    async def delete_jobs(self, application: Application, upload: Upload) -> None:
        """Delete the job of a torrent."""
        downloads = application.downloads.downloads
        for job in await downloads.jobs(1, 0, 100):
            if job.content.key.infohash == upload.infohash:
                await self.attempt(
                    Kind.DELETE_JOB, upload.infohash, lambda job=job: downloads.delete(1, job.id)
                )

    async def back_up(self, application: Application) -> None:
        """Make a backup of everything, as the command does; one that lacks something is told."""

        async def act() -> None:
            arguments = Backup(application.settings.data.parent / BACKUPS, keep=2)
            async for made in BACKUP.run(application, Principal(operator="proof"), arguments):
                if made.missing or made.damaged:
                    raise BackupError(f"{made} is not whole")

        await self.attempt(Kind.BACKUP, None, act)

    async def restore(self, application: Application) -> None:
        """Restore the newest backup into another folder."""
        folder = application.settings.data.parent

        async def act() -> None:
            restore_newest(folder, folder / RESTORED)

        await self.attempt(Kind.RESTORE, None, act)


def restore_newest(folder: Path, target: Path) -> None:
    """Restore the newest backup beside a run's data folder, as the command does, to where `opened` finds it."""
    target.mkdir(exist_ok=True)
    fsync_directory(folder)
    with DataFolder(target / "data", restoring=True) as data:
        restore_backup(folder / BACKUPS, data, NOON, force=False)


Steps = Callable[[Acts, Application], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps over a prepared data folder; `empty` begins without one, `old` with one of an earlier revision.

    With `damaged` two of its files are not what was stored, with `torn` files and records are not of the same torrents,
    as crashes leave them; with `backups` those that it makes are restored.
    """

    name: str
    steps: Steps
    jobs: bool = False
    empty: bool = False
    old: bool = False
    backups: bool = False
    damaged: bool = False
    torn: bool = False


async def prepare(acts: Acts, application: Application) -> None:
    """What is there before a disk fails."""
    await acts.add_account(application, ACCOUNT, PASSWORDS[0])
    acts.history.note(Kind.PASSWORD, None, PASSWORDS[0])
    for each in (KEPT, HYBRID):
        await acts.upload(application, each)
    await acts.edit(application, KEPT, "kept")
    await acts.block(application, BLOCKED)
    await acts.announce_all(application, 1)


async def _uploads(acts: Acts, application: Application) -> None:
    for each in (NEW, KEPT, NEWER):
        await acts.upload(application, each)


async def _together(acts: Acts, application: Application) -> None:
    await asyncio.gather(*(acts.upload(application, each) for each in (NEW, KEPT, *MANY)))


async def _takedown(acts: Acts, application: Application) -> None:
    await acts.block(application, HYBRID)
    await acts.block(application, KEPT)
    await acts.unblock(application, BLOCKED)
    await acts.upload(application, BLOCKED)


async def _flushes(acts: Acts, application: Application) -> None:
    for port in range(2, 6):
        await acts.announce_all(application, port)
    await acts.attempt(Kind.FLUSH, None, application.stores.swarms.purge_deleted)


async def _records(acts: Acts, application: Application) -> None:
    await acts.set_password(application, PASSWORDS[1])
    await acts.add_account(application, ADDED, PASSWORDS[0])
    for text in ("one", "two"):
        await acts.edit(application, KEPT, text)
    await acts.attempt(Kind.FLUSH, None, application.stores.records.purge_deleted)
    await acts.edit(application, HYBRID, "three")


async def _jobs(acts: Acts, application: Application) -> None:
    await acts.create_job(application, NEW)
    await acts.create_job(application, HYBRID)
    await acts.delete_jobs(application, NEW)
    await acts.create_job(application, NEWER)


async def _backups(acts: Acts, application: Application) -> None:
    await acts.back_up(application)
    await acts.upload(application, NEW)
    await acts.block(application, KEPT)
    await acts.back_up(application)
    await acts.restore(application)


async def _repair(acts: Acts, application: Application) -> None:
    await acts.repair(application)
    await acts.upload(application, HYBRID)
    await acts.upload(application, KEPT)


def damage(folder: Path, history: History) -> None:
    """Alter one stored file and remove another, as a failing disk does."""
    for upload, data in ((KEPT, b"altered"), (HYBRID, None)):
        path = _path_of(folder, upload)
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
        history.note(Kind.REMOVE, upload.infohash)


def _path_of(folder: Path, upload: Upload) -> Path:
    name = upload.infohash.upper
    return folder / "data" / "torrents" / name[:2] / name[2:4] / f"{name[4:]}.torrent.gz"


def tear(folder: Path, history: History) -> None:
    """Leave a file without its record, a record without its file, and the file of a torrent that is blocked."""
    damage(folder, History(lambda: inf))
    for upload in (KEPT, BLOCKED):
        path = _path_of(folder, upload)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(upload.data))
    with contextlib.closing(sqlite3.connect(folder / "data" / "peerage.db")) as database:
        database.execute("DELETE FROM record WHERE infohash = ?", (bytes(KEPT.infohash),))
        database.commit()
    history.note(Kind.REMOVE, HYBRID.infohash)


async def _reconciled(acts: Acts, application: Application) -> None:
    await acts.upload(application, NEW)
    await acts.upload(application, HYBRID)
    await acts.block(application, KEPT)


async def _nothing(acts: Acts, application: Application) -> None:
    """Opening and closing are enough."""


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("upload", _uploads),
        Scenario("uploads-together", _together),
        Scenario("takedown", _takedown),
        Scenario("flush", _flushes),
        Scenario("records", _records),
        Scenario("job", _jobs, jobs=True),
        Scenario("backup", _backups, backups=True),
        Scenario("repair", _repair, damaged=True),
        Scenario("reconcile", _reconciled, torn=True),
        Scenario("migration", _nothing, old=True),
        Scenario("first-start", _uploads, empty=True),
    )
}


async def make_old(folder: Path) -> None:
    """Write a data folder of the first revision, with a takedown in it."""
    data = folder / "data"
    data.mkdir()
    for name, head in (("peerage.db", schema.PEERAGE), ("swarms.db", schema.SWARMS)):
        database = await SqliteDatabase.open(data / name, Schema(head.revisions, "0001"), "FULL", 1)
        if name == "peerage.db":
            async with database.transaction() as transaction:
                await transaction.run(
                    "INSERT INTO entry VALUES (:infohash, 'deny', 'why', 'who', 9)",
                    {"infohash": bytes(BLOCKED.infohash)},
                )
                await transaction.run(
                    "INSERT INTO spelling VALUES (:infohash, 'deny', :infohash)",
                    {"infohash": bytes(BLOCKED.infohash)},
                )
        await database.close()


def at_moment(history: History, moment: float) -> History:
    """What was answered before a moment; what came later may have had its effect or not."""
    found = History(lambda: inf)
    for each in history.operations:
        kept = copy.copy(each)
        if kept.end > moment:
            kept.end, kept.done, kept.refused = inf, False, False
        found.operations.append(kept)
    return found


async def check_backups(folder: Path, scratch: Path, history: History) -> None:
    """Restore what a backup that was answered holds, and hold it against what was answered before it began."""
    done = [each for each in history.operations if each.kind is Kind.BACKUP and each.done]
    if done:
        restore_newest(folder, scratch)
        async with opened(scratch) as application:
            await check(application, at_moment(history, done[-1].began))
    if any(each.kind is Kind.RESTORE and each.done for each in history.operations):
        async with opened(folder / RESTORED) as application:
            await check(application, at_moment(history, done[-1].began))


def at_cut(history: History, calls: int) -> History:
    """What was answered before the call of that number."""
    found = History(lambda: inf)
    for each in history.operations:
        if int(each.began) <= calls:
            kept = copy.copy(each)
            if int(kept.end if kept.end < inf else -1) > calls or kept.end == inf:
                kept.end, kept.done, kept.refused = inf, False, False
            found.operations.append(kept)
    return found


async def check(application: Application, history: History, *, honest: bool = False) -> None:
    """Hold what a folder has against what was answered; with `honest` only against what may never be."""
    for upload in UPLOADS:
        await _check_upload(application, history, upload, honest)
    if honest:
        return
    await _check_accounts(application, history)
    await _check_jobs(application, history)
    counts = {application.tracker.tracker.store.scrape(each).complete for each in SWARMS}
    assert len(counts) == 1, f"half of a flush: {counts}"
    problems = [problem async for problem in application.torrents.cache.check()]
    damaged = {each.infohash for each in history.operations if each.kind is Kind.REMOVE}
    found = [each for each in problems if each.infohash not in damaged]
    assert not found, f"check finds {found}"


async def _check_upload(application: Application, history: History, upload: Upload, honest: bool) -> None:
    held = await application.torrents.cache.get(upload.infohash)
    assert held is None or held.plain() == upload.data, "other bytes than were uploaded"
    if honest:
        return
    must = history.file(upload.infohash, inf)
    assert not (must.there and held is None), "an upload that was answered is not there"
    assert not (must.gone and held is not None), "a file is there after its block"
    store = application.catalogue.catalogue.store.torrents
    record = await store.torrent(upload.infohash, UNRESTRICTED_VIEWER)
    must = history.record(upload.infohash, inf)
    assert not (must.there and record is None), "the record of an upload is not there"
    assert not (must.gone and record is not None), "a record is there after its block"
    text = history.last_edit(upload.infohash, inf)
    assert record is None or text is None or record.description == text, "an edit is lost"
    entries = {each.infohash for each in await application.torrents.takedowns.lists.entries()}
    names = {each.truncated for each in upload.metainfo.infohashes}
    if history.blocked(upload.infohash, inf):
        assert entries & {*names, *upload.metainfo.infohashes}, "a block is lost"


async def _check_accounts(application: Application, history: History) -> None:
    accounts = application.accounts.accounts
    for each in history.operations:
        if each.kind is Kind.ACCOUNT and each.done:
            assert await accounts.user(each.text) is not None, f"the account {each.text} is lost"
    if (known := history.last_password(inf)) is not None:
        user = await accounts.user(ACCOUNT)
        assert user is not None, "the account is lost"
        assert await accounts.check_password(user.id, known), "a change of the password is lost"


async def _check_jobs(application: Application, history: History) -> None:
    downloads = application.downloads.downloads
    if not downloads.available:
        return
    jobs = [*await downloads.jobs(1, 0, 100), *await downloads.jobs(1, 0, 100, queued=True)]
    held = {each.content.key.infohash for each in jobs}
    for upload in UPLOADS:
        must = history.job(upload.infohash, inf)
        assert not (must.there and upload.infohash not in held), "a job that was answered is not there"
        assert not (must.gone and upload.infohash in held), "a job is there after it was deleted"


async def run(scenario: Scenario, folder: Path, acts: Acts) -> None:
    """Open, do the steps, and close; with faults each of these may fail, and tell."""
    try:
        async with opened(folder, jobs=scenario.jobs, settled=False) as application:
            await scenario.steps(acts, application)
    except HONEST as error:
        if not acts.faulty:
            raise
        acts.told.append(error)
    await turn()
