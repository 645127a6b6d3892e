"""Runs the whole application in simulated time under one seed: `python -m tests.proof.simulation [--seeds N] [--from SEED]`.

Uploads, reads, blocks, edits, lookups, announces, flushes, log-ins and changes of passwords overlap as the seed says, clients hang up,
the clock jumps both ways, and at one moment the data folder is copied as kill -9 would leave it. What was answered
is compared with what may be true (`tests/proof/history.py`), while it runs, after its orderly end, and over the copy.
A seed that fails is printed with the command that runs it again.
"""

import asyncio
import contextlib
import gc
import random
import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import structlog

from accounts.accounts import Accounts
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from catalogue.fields import TorrentChange, TorrentDetails
from catalogue.store import UNRESTRICTED_VIEWER
from peerage.config import Settings
from peerage.wiring.application import Application
from tests.proof.history import History, Kind
from tests.proof.seeds import run_seeds
from tests.proof.simulated_loop import Deadlock, SimulatedLoop, simulated
from tests.support.application import open_test_application, settings_in
from tests.support.clock import NOON
from tests.support.services import NameAsTitle
from tests.support.torrents import hybrid_torrent, v1_torrent
from tracker.model import Announce, Event
from tracker.sweeper import sweep

DURATION = 20.0
TORRENTS = 5
STEPS = 12
SWEEP = 0.5
"""The seconds between two steps of the sweeper, which goes through all swarms in each."""
PASSWORDS = ("first password", "second password", "third password")


@dataclass(frozen=True, slots=True)
class Subject:
    """A torrent that the run is about."""

    data: bytes
    metainfo: Metainfo

    @property
    def infohash(self) -> InfoHash:
        """The hash that names it in the cache."""
        return self.metainfo.infohash


def make_subjects(chance: random.Random) -> list[Subject]:
    """Different torrents, some of both versions."""
    kinds = (v1_torrent, hybrid_torrent)
    made = [chance.choice(kinds)(f"{number} {chance.random()}") for number in range(TORRENTS)]
    return [Subject(data, Metainfo.parse(data)) for data in made]


@dataclass
class WallClock:
    """The clock of the wall, which jumps; unix seconds."""

    loop: SimulatedLoop
    offset: float = float(NOON)

    def __call__(self) -> float:
        return self.offset + self.loop.now


class Run:
    """One run: the application, what is done to it, and what was answered."""

    def __init__(self, loop: SimulatedLoop, folder: Path, chance: random.Random) -> None:
        self.loop = loop
        self.folder = folder
        self.chance = chance
        self.clock = WallClock(loop)
        self.history = History(loop.time)
        self.subjects = make_subjects(chance)
        self.copy: Path | None = None
        self.copied_at = 0.0
        self.jumped = False
        self.details = iter(range(10**9))

    def settings(self, folder: Path) -> Settings:
        """The settings of a run over a folder."""
        return settings_in(folder)

    @contextlib.asynccontextmanager
    async def application(self, folder: Path, *, settled: bool = True) -> AsyncIterator[Application]:
        """The application over a folder; unless it is to be `settled`, nothing was reconciled yet."""
        opened = open_test_application(
            self.settings(folder),
            self.clock,
            settled=settled,
            release_parser=NameAsTitle(),
            timer=self.loop.time,
        )
        async with opened as application:
            await application.tracker.restore()
            yield application

    # What is done.

    async def upload(self, application: Application) -> None:
        """Upload a torrent that may be there, blocked, or on its way."""
        subject = self.chance.choice(self.subjects)
        async with self.history.operation(Kind.UPLOAD, subject.infohash):
            await application.torrents.uploads.accept(subject.data, "simulation")

    async def block(self, application: Application) -> None:
        """Block a torrent under any of its hashes."""
        subject = self.chance.choice(self.subjects)
        async with self.history.operation(Kind.BLOCK, subject.infohash):
            await application.torrents.takedowns.block(self.a_name_of(subject), "no", "simulation")

    async def unblock(self, application: Application) -> None:
        """Take the blocks of a torrent back."""
        subject = self.chance.choice(self.subjects)
        async with self.history.operation(Kind.UNBLOCK, subject.infohash):
            await application.torrents.takedowns.unblock(subject.infohash)

    async def remove(self, application: Application) -> None:
        """Remove a torrent's file without a block."""
        subject = self.chance.choice(self.subjects)
        async with self.history.operation(Kind.REMOVE, subject.infohash):
            await application.torrents.takedowns.remove_file(subject.metainfo.infohashes)

    async def read(self, application: Application) -> None:
        """Read a torrent and compare with what may be true."""
        await self.check_file(application, self.chance.choice(self.subjects))

    async def edit(self, application: Application) -> None:
        """Describe a torrent anew."""
        subject = self.chance.choice(self.subjects)
        torrents = application.catalogue.catalogue.torrents
        known = await application.catalogue.catalogue.store.torrents.torrent(
            subject.infohash, UNRESTRICTED_VIEWER
        )
        if known is None:
            return
        text = f"description {next(self.details)}"
        async with self.history.operation(Kind.EDIT, subject.infohash, text):
            await torrents.edit(known.id, TorrentDetails(TorrentChange(description=text)))

    async def announce(self, application: Application) -> None:
        """Announce a new peer."""
        subject = self.chance.choice(self.subjects)
        if subject.metainfo.v1 is None:
            return
        port = self.chance.randrange(1, 60_000)
        async with self.history.operation(Kind.ANNOUNCE, subject.infohash):
            application.tracker.tracker.announce(announce_of(subject.metainfo.v1, port))

    async def flush(self, application: Application) -> None:
        """Flush the swarms now, beside the timer."""
        async with self.history.operation(Kind.FLUSH, None):
            await application.tracker.flusher.flush()

    async def jump(self, application: Application) -> None:
        """Set the clock of the wall forwards or back, by seconds or by days."""
        self.jumped = True
        self.clock.offset += self.chance.choice((-1, 1)) * self.chance.choice((2, 3600, 86_400))

    async def change_password(self, application: Application) -> None:
        """Change the one account's password."""
        accounts = application.accounts.accounts
        user = await accounts.user("ada")
        assert user is not None
        text = self.chance.choice(PASSWORDS)
        async with self.history.operation(Kind.PASSWORD, None, text):
            await accounts.set_password(user.id, text)

    async def log_in(self, application: Application) -> None:
        """Log in with a password that may be the right one, and compare."""
        await self.check_password(application.accounts.accounts, self.chance.choice(PASSWORDS))

    def a_name_of(self, subject: Subject) -> InfoHash:
        """One of a torrent's hashes."""
        return self.chance.choice(subject.metainfo.infohashes)

    # What must be true.

    async def check_file(self, application: Application, subject: Subject) -> None:
        """Compare a torrent's file and record with what may be true."""
        began = self.loop.now
        held = await application.torrents.cache.get(subject.infohash)
        must = self.history.file(subject.infohash, began)
        assert held is None or held.plain() == subject.data, "other bytes than were uploaded"
        assert not (must.there and held is None), "an upload that was answered is not there"
        assert not (must.gone and held is not None), "a file is there after its block or removal"
        began = self.loop.now
        store = application.catalogue.catalogue.store.torrents
        record = await store.torrent(subject.infohash, UNRESTRICTED_VIEWER)
        must = self.history.record(subject.infohash, began)
        assert not (must.there and record is None), "the record of an upload is not there"
        assert not (must.gone and record is not None), "a record is there after its block"
        text = self.history.last_edit(subject.infohash, began)
        assert record is None or text is None or record.description == text, "an edit is lost"

    async def check_password(self, accounts: Accounts, text: str) -> None:
        """Compare a log-in with what may be true."""
        began = self.loop.now
        try:
            await accounts.log_in("ada", text, b"address")
            right = True
        except Refusal as refusal:
            if refusal.code != "bad-credentials":
                return
            right = False
        known = self.history.last_password(began)
        assert known is None or right == (known == text), f"log-in {right}, the password is {known == text}"

    async def check_all(self, application: Application) -> None:
        """Compare everything once nothing is under way."""
        for subject in self.subjects:
            await self.check_file(application, subject)
            self.check_swarm(application, subject)
        for text in PASSWORDS:
            await self.check_password(application.accounts.accounts, text)
        files, stored = await application.torrents.cache.totals()
        records = [record async for batch in application.torrents.cache.walk() for record in batch]
        assert (files, stored) == (len(records), sum(record.stored for record in records)), "the quota is off"
        problems = [problem async for problem in application.torrents.cache.check()]
        assert not problems, f"check finds {problems}"

    def check_swarm(self, application: Application, subject: Subject) -> None:
        """Compare a swarm with the announces that a finished flush must have seen."""
        if subject.metainfo.v1 is None or self.jumped:
            return
        counts = application.tracker.tracker.store.scrape(subject.metainfo.v1)
        least = self.history.flushed_announces(subject.infohash)
        assert counts.complete + counts.incomplete >= least, "flushed peers are lost"

    # How it runs.

    def acts(self) -> Sequence[tuple[int, Callable[[Application], Awaitable[None]]]]:
        """What may be done, with how often."""
        return (
            (6, self.upload),
            (3, self.block),
            (3, self.unblock),
            (1, self.remove),
            (6, self.read),
            (2, self.edit),
            (4, self.announce),
            (2, self.flush),
            (1, self.jump),
            (1, self.change_password),
            (2, self.log_in),
        )

    async def act(self, application: Application) -> None:
        """Do one thing after another; sometimes hang up before the answer."""
        weights, acts = zip(*self.acts(), strict=True)
        for _ in range(STEPS):
            await asyncio.sleep(self.chance.expovariate(STEPS / DURATION))
            (chosen,) = self.chance.choices(acts, weights)
            patience = self.chance.choice((None, None, None, 0.001, 0.05))
            with contextlib.suppress(TimeoutError, Refusal):
                async with asyncio.timeout(patience):
                    await chosen(application)

    async def kill(self) -> None:
        """Copy the data folder at some moment, as kill -9 would leave it."""
        await asyncio.sleep(self.chance.uniform(0.0, DURATION))
        self.copy = self.folder.with_name(self.folder.name + "-copy")
        shutil.copytree(self.folder, self.copy, ignore=shutil.ignore_patterns("*.sock", "*.lock", "lock"))
        self.copied_at = self.loop.now
        self.kept = self.history.until_now()

    async def live(self) -> None:
        """Run it from its start to its orderly end."""
        async with self.application(self.folder) as application:
            await application.accounts.accounts.add("ada", PASSWORDS[0])
            self.history.note(Kind.PASSWORD, None, PASSWORDS[0])
            timers = [
                asyncio.create_task(application.tracker.flusher.run()),
                asyncio.create_task(sweep(application.tracker.tracker.store, self.clock, SWEEP)),
            ]
            actors = [asyncio.create_task(self.act(application)) for _ in range(6)]
            try:
                await asyncio.gather(self.kill(), *actors)
            finally:
                for task in (*actors, *timers):
                    task.cancel()
                await asyncio.gather(*actors, *timers, return_exceptions=True)
        self.history.settle()

    async def verify(self) -> None:
        """Open what is left, after the orderly end and after the kill, and compare."""
        async with self.application(self.folder) as application:
            await self.check_all(application)
        assert self.copy is not None
        self.history = self.kept
        self.history.lose_unflushed()
        torn = self.tear(self.copy)
        async with self.application(self.copy, settled=False) as application:
            await asyncio.gather(
                self.reconcile(application, torn), *(self.act(application) for _ in range(3))
            )
            torrents = application.torrents
            for each in (torrents.uploads, torrents.takedowns, torrents.cache):
                await each.drain()  # of clients that hung up
            self.history.settle()
            await self.check_all(application)

    def tear(self, folder: Path) -> list[Subject]:
        """Lose the records of some files, and return those whose files are still there and not blocked."""
        torn = [each for each in self.subjects if self.chance.random() < 0.5]
        with contextlib.closing(sqlite3.connect(folder / "data" / "peerage.db")) as database:
            for subject in torn:
                database.execute("DELETE FROM record WHERE infohash = ?", (bytes(subject.infohash),))
            database.commit()
        there = [each for each in torn if self.history.file(each.infohash, self.loop.now).there]
        for subject in there:
            self.history.note(Kind.REMOVE, subject.infohash)
        return there

    async def reconcile(self, application: Application, torn: Sequence[Subject]) -> None:
        """Reconcile files with records, which is as if the files without a record were uploaded."""
        async with contextlib.AsyncExitStack() as stack:
            for subject in torn:
                await stack.enter_async_context(self.history.operation(Kind.UPLOAD, subject.infohash))
            await asyncio.sleep(self.chance.uniform(0.0, DURATION))
            await application.reconciliation.run_once()


def announce_of(infohash: InfoHash, port: int) -> Announce:
    """A seeder's announce."""
    peer = bytes((10, 0, 0, 1)) + port.to_bytes(2, "big")
    return Announce(infohash, peer, Event.STARTED, seeder=True, numwant=0)


def run_seed(seed: int) -> str:
    """Run one seed and return what went wrong, empty when nothing did."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="simulation-") as folder, simulated(random.Random(~seed)) as loop:
        asyncio.set_event_loop(loop)
        run = Run(loop, Path(folder) / "run", chance)
        try:
            loop.run_until_complete(asyncio.wait_for(run.live(), 3600))
            loop.run_until_complete(asyncio.wait_for(run.verify(), 3600))
        except (Exception, Deadlock):
            return f"at {loop.now:.3f} s: {traceback.format_exc()}"
        return "\n".join(loop.failures)


def _drop(logger: object, method: str, event: object) -> NoReturn:
    raise structlog.DropEvent


"""What lasts as long as the process."""


def prepare() -> None:
    """Say nothing of what the application logs, and make what the first run of a process would make."""
    structlog.configure(processors=[_drop])
    run_seed(0)
    gc.collect()
    gc.freeze()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds, print those that fail, and return 1 where one did."""
    return run_seeds("tests.proof.simulation", run_seed, arguments, prepare=prepare)


if __name__ == "__main__":
    sys.exit(main())
