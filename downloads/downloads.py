"""Hides who holds which content: accounts' jobs, their slots and queue, and what is deleted when nobody holds it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.arrival import Arrival
from downloads.course import Course
from downloads.engine import Engine, Event, Failed, Finished, MetadataArrived
from downloads.folder import ContentFolder
from downloads.gate import Gate
from downloads.ledger import Hold, Ledger, Load
from downloads.limits import Limits
from downloads.model import Content, ContentFile, Job, Running, Wish
from downloads.room import Room
from downloads.runner import Runner
from downloads.showing import Showing
from downloads.store import JobRow, JobStore
from downloads.turn import Turn
from downloads.wanted import Wanted, clean_name, read

_READERS = 2
_LOOK_EVERY = 5.0  # seconds between two looks at disk and seeding
_LOOKS_TO_COUNT = 12

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Means:
    """What downloads are made with; `clock` gives unix seconds."""

    engine: Engine
    store: JobStore
    folder: ContentFolder
    gate: Gate
    clock: Callable[[], float]


class Downloads:
    """Jobs over an engine and a store; what returned is on disk. Accounts are ids; rights are the doors' matter.

    Without `means` (`available` is False) every call raises Refusal `no-downloads`.
    """

    def __init__(self, limits: Limits, means: Means | None) -> None:
        self._limits = limits
        self._turn = Turn()
        self._parsers = asyncio.Semaphore(_READERS)
        self._ledger = Ledger()
        self._means = means
        self._looking: asyncio.Task[None] | None = None
        if means is not None:
            self._runner = Runner(means.engine, means.store, means.folder, self._turn)
            self._room = Room(limits, means.folder.free, self._runner.left)
            self._course = Course(
                limits, self._ledger, means.store, self._runner, self._room, clock=means.clock
            )
            self._showing = Showing(means.store, self._runner)
            self._arrival = Arrival(self._ledger, means.store, self._course, self._runner, means.gate)

    @property
    def available(self) -> bool:
        """Whether there is an engine."""
        return self._means is not None

    @property
    def engine(self) -> Engine | None:
        """What fetches, None where there is nothing."""
        return self._means.engine if self._means is not None else None

    def running(self) -> list[Running]:
        """Return what is fetched or seeded right now."""
        if self._means is None:
            return []
        loads = self._runner.fetching | self._runner.seeding
        return [Running(load.row.key, load.complete, load.row.private) for load in loads]

    async def load(self) -> None:
        """Read from the store who holds what; the first call of all."""
        if (means := self._means) is None:
            return
        async for contents in means.store.contents():
            for row in contents:
                self._ledger.enter(Load(row))
        async for jobs in means.store.jobs():
            for job in jobs:
                self._ledger.hold(self._ledger.loads[job.content], job)
        for load in self._ledger.loads.values():
            if load.row.begun:
                self._room.begin(load)
                for hold in load.holds.values():
                    self._room.charge(hold)
        await asyncio.to_thread(means.folder.prepare, self._ledger.loads)

    async def begin(self) -> None:
        """Start the engine, and everything that is to be fetched or seeded beside what follows."""
        if self._means is None:
            return
        await self._means.engine.start(self._heard)
        self._turn.begin(self._resume())
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """End what was begun, write how far everything is, and stop the engine."""
        if self._means is None:
            return
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        await self._turn.drain()
        await self._course.note_counts()
        await self._means.engine.stop()

    async def create(self, account: int, wish: Wish) -> Job:
        """Hold content for an account, fetching it if it is not here; where there is no room yet it is paused.

        Refusal: `nothing-wished`, `two-wishes`, those of Metainfo.parse and `bad-magnet`, `blocked`,
        `already-held` (not when it is complete: then the same job), `too-large-to-download`, `slots-full` (slots and
        queue are), `downloads-full` (the account holds too many, or has no room for what is here), `not-cached`
        (only_if_cached).
        """
        means = self._need()
        async with self._parsers:
            wanted = await asyncio.to_thread(read, wish)
        if wanted.size > self._limits.largest:
            raise Refusal("too-large-to-download", f"at most {self._limits.largest} bytes")
        await means.gate.refuse(wanted.names)
        if wanted.metadata is not None and not wanted.private and not wish.only_if_cached:
            await means.gate.publish(wanted.metadata.torrent)
        return await self._shown(await self._turn.run(self._create(account, wanted, wish)))

    async def jobs(self, account: int, offset: int, limit: int, *, queued: bool = False) -> list[Job]:
        """Return an account's jobs, newest first: those that wait for a slot with `queued`, else all others."""
        self._need()
        holds = reversed(self._ledger.of(account).values())
        wanted = [hold for hold in holds if bool(hold.row.queued) is queued]
        first = max(offset, 0)
        return await self._showing.jobs(wanted[first : first + max(limit, 0)])

    async def job(self, account: int, job: int) -> Job | None:
        """Find a job of an account."""
        self._need()
        hold = self._ledger.of(account).get(job)
        return next(iter(await self._showing.jobs([hold])), None) if hold is not None else None

    async def delete(self, account: int, job: int) -> None:
        """Let go of content; it is deleted when nobody holds it. Refusal: `not-found`."""
        self._need()
        await self._turn.run(self._delete(account, job))

    async def pause(self, account: int, job: int) -> Job:
        """Let a job rest; content goes on while another account's job runs. Refusal: `not-found`."""
        self._need()
        return await self._shown(await self._turn.run(self._pause(account, job)))

    async def resume(self, account: int, job: int) -> Job:
        """Go on with a job, or put it into the queue. Refusal: `not-found`, `slots-full` (slots and queue are)."""
        self._need()
        return await self._shown(await self._turn.run(self._go_on(account, job)))

    async def reannounce(self, account: int, job: int) -> None:
        """Ask the trackers for peers. Refusal: `not-found`."""
        means = self._need()
        means.engine.reannounce(self._hold(account, job).load.row.key)

    async def start(self, account: int, job: int) -> Job:
        """Take a queued job to the front. Refusal: `not-found`, `slots-full`."""
        self._need()
        return await self._shown(await self._turn.run(self._first(account, job)))

    async def cached(self, account: int, infohashes: Sequence[InfoHash]) -> list[Content]:
        """Return what of these is here whole, private content for its own account alone."""
        self._need()
        found = (self._ledger.find(account, (infohash.cut,)) for infohash in infohashes)
        loads = dict.fromkeys(load for load in found if load is not None and load.complete)
        return await self._showing.contents(list(loads))

    async def torrent_of(self, account: int, job: int) -> bytes | None:
        """Return the .torrent of a job's content, None while it is not known. Refusal: `not-found`."""
        means = self._need()
        return await means.store.torrent(self._hold(account, job).load.row.id)

    async def open_file(self, content: Content, file: ContentFile) -> int:
        """Open a whole file for reading and return its descriptor; links are not followed. Refusal: `not-found`."""
        means = self._need()
        load = self._ledger.by_key(content.key)
        if load is None or not load.complete or not content.complete:
            raise Refusal("not-found")
        return await asyncio.to_thread(means.folder.open, load.row.id, file.index, file.size)

    async def forget(self, names: Sequence[InfoHash]) -> None:
        """Drop content that was blocked, with all its jobs; its files are deleted soon after."""
        if self._means is not None:
            await self._turn.run(self._forget(names))

    async def settled(self) -> None:
        """Wait until everything is done that was begun beside the calls."""
        await self._turn.drain()

    def _need(self) -> Means:
        if self._means is None:
            raise Refusal("no-downloads")
        return self._means

    def _hold(self, account: int, job: int) -> Hold:
        hold = self._ledger.of(account).get(job)
        if hold is None:
            raise Refusal("not-found")
        return hold

    async def _shown(self, hold: Hold) -> Job:
        jobs = await self._showing.jobs([hold])
        if not jobs:
            raise Refusal("not-found")  # it was deleted at once
        return jobs[0]

    # What follows is done in turn.

    async def _create(self, account: int, wanted: Wanted, wish: Wish) -> Hold:
        means = self._need()
        await means.gate.refuse(wanted.names)
        load = self._ledger.find(account, wanted.cuts, own=True if wanted.private else None)
        if load is None and wanted.private:
            shared = self._ledger.find(account, wanted.cuts, own=False)
            load = shared if shared is not None and account in shared.holds else None
        if load is not None and account in load.holds:
            if not load.complete:
                raise Refusal("already-held")
            return load.holds[account]
        if wish.only_if_cached and (load is None or not load.complete):
            raise Refusal("not-cached")
        if len(self._ledger.of(account)) >= self._limits.held:
            raise Refusal("downloads-full", f"an account holds at most {self._limits.held} torrents")
        return await self._add(account, wanted, wish, load)

    async def _add(self, account: int, wanted: Wanted, wish: Wish, load: Load | None) -> Hold:
        means = self._need()
        now = int(means.clock())
        fresh = load or Load(wanted.row(account, now))
        if fresh.row.size > self._limits.largest:
            raise Refusal("too-large-to-download", f"at most {self._limits.largest} bytes")
        here = fresh.complete
        if here and not self._room.fits(account, fresh.row.size):
            raise Refusal("downloads-full", "the content is here, but the account has no room for it")
        place = 0 if here else self._place(account, fresh, queued=wish.as_queued)
        name = clean_name(wish.name)
        job = JobRow(0, account, fresh.row.id, name, wish.seed, wish.allow_zip, place, False, here, now, now)
        content, number = await means.store.add(
            fresh.row, wanted.metadata if load is None else None, job, wanted.magnet
        )
        if load is None:
            fresh.row = replace(fresh.row, id=content)
            self._ledger.enter(fresh)
        hold = self._ledger.hold(fresh, replace(job, id=number, content=content))
        if load is not None and wanted.metadata is not None and not fresh.row.known:
            await self._arrival.learn(fresh, wanted)
            hold = self._ledger.of(account)[number]
        await self._course.settle(hold.load)
        return hold

    def _place(self, account: int, load: Load, *, queued: bool) -> int:
        """Return 0 for a slot, else a place in the queue. Refusal: `slots-full`."""
        if not queued and self._course.place(account) and self._course.turn_of(load):
            return 0
        place = self._course.queue_place(account)
        if place is None:
            raise Refusal("slots-full")
        return place

    async def _delete(self, account: int, job: int) -> None:
        hold = self._hold(account, job)
        load = hold.load
        last = len(load.holds) == 1
        await self._need().store.remove([hold.row.id], load.row.id if last else None)
        self._course.drop([hold])
        if not last:
            await self._course.settle(load)
        for other in self._ledger.of(account).values():
            if other.load.complete:
                self._room.charge(other)
        await self._course.freed()

    async def _pause(self, account: int, job: int) -> Hold:
        hold = self._hold(account, job)
        if not hold.row.paused:
            await self._course.keep_job(hold, replace(hold.row, paused=True, queued=0))
            await self._course.settle(hold.load)
            await self._course.freed()
        return hold

    async def _go_on(self, account: int, job: int) -> Hold:
        hold = self._hold(account, job)
        hold.load.retry = 0.0
        if hold.row.paused:
            place = 0 if hold.load.complete else self._place(account, hold.load, queued=False)
            await self._course.keep_job(hold, replace(hold.row, paused=False, queued=place))
            self._ledger.last_place = max(self._ledger.last_place, place)
        await self._course.settle(hold.load)
        return hold

    async def _first(self, account: int, job: int) -> Hold:
        hold = self._hold(account, job)
        if not hold.row.queued:
            return hold
        if not self._course.place(account):
            raise Refusal("slots-full")
        queue = self._ledger.queue()
        front = queue[0].row.queued - 1
        place = 0 if self._course.turn_of(hold.load) else front or -1
        await self._course.keep_job(hold, replace(hold.row, queued=place))
        await self._course.settle(hold.load)
        return hold

    async def _forget(self, names: Sequence[InfoHash]) -> None:
        for load in self._ledger.named(names):
            await self._arrival.evict(load)
        await self._course.freed()

    async def _resume(self) -> None:
        for load in tuple(self._ledger.loads.values()):
            if load.row.begun or any(hold.active for hold in load.holds.values()):
                await self._course.settle(load)
        await self._course.freed()

    async def _look(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            looks += 1
            try:
                await self._turn.run(self._course.look())
                if looks % _LOOKS_TO_COUNT == 0:
                    await self._turn.run(self._course.note_counts())
            except Exception:
                log.exception("downloads.look_failed")

    def _heard(self, event: Event) -> None:
        load = self._ledger.by_key(event.key)
        # What is told of content that left is of no use to content of the same name that came since.
        if load is None or not load.given:
            return
        known = isinstance(event, Failed) and load.failure == event.reason
        if not known:
            self._turn.begin(self._take(load, event, load.orders))

    async def _take(self, load: Load, event: Event, order: int) -> None:
        if self._ledger.loads.get(load.row.id) is not load or load.orders != order:
            return
        match event:
            case Finished():
                await self._course.finished(load)
            case MetadataArrived():
                if await self._arrival.metadata(load, event.torrent):
                    self._turn.beside(self._publish(event.torrent))
            case Failed():
                await self._course.failed(load, event.reason)

    async def _publish(self, torrent: bytes) -> None:
        with suppress(Refusal):  # it is blocked since, and deleted in its own turn
            await self._need().gate.publish(torrent)
