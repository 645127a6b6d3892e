"""Hides when content is fetched, seeded or at rest: slots, queue, room and seeding, decided after each change.

Everything here is called in turn, so nothing changes between a look and what follows from it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from downloads.ledger import Hold, Ledger, Load
from downloads.limits import Limits
from downloads.room import TOO_LARGE, Room
from downloads.runner import Runner
from downloads.store import ContentRow, JobRow, JobStore

ALL_ACTIVE = "As many downloads run as may at once."

_RETRY = 300.0  # seconds before content is tried again that the engine failed with

log = structlog.get_logger()


class Course:
    """Keeps ledger, store, room and engine in step."""

    def __init__(
        self,
        limits: Limits,
        ledger: Ledger,
        store: JobStore,
        runner: Runner,
        room: Room,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._store = store
        self._runner = runner
        self._room = room
        self._clock = clock

    def place(self, account: int) -> bool:
        """Tell whether an account has a slot left."""
        holds = self._ledger.unfinished_of(account)
        taken = sum(hold.active and hold.load.obstacle != TOO_LARGE for hold in holds)
        return taken < self._limits.slots

    def turn_of(self, load: Load) -> bool:
        """Tell whether content may run beside all that runs."""
        return load.running or len(self._runner.fetching) < self._limits.active

    def queue_place(self, account: int) -> int | None:
        """Return a place at the end of the queue, None where the account may not have one more wait."""
        waiting = sum(bool(hold.row.queued) for hold in self._ledger.unfinished_of(account))
        return None if waiting >= self._limits.queue else self._ledger.last_place + 1

    async def settle(self, load: Load) -> None:
        """Run content or let it rest, as its jobs, the limits and the room say."""
        active = [hold for hold in load.holds.values() if hold.active]
        charged = [hold for hold in active if self._room.charge(hold)]
        if load.complete:
            run = not load.row.rested and self._limits.seeds(hold.row.seed for hold in active)
        else:
            load.obstacle = self._obstacle(load) if active else ""
            run = bool(charged) and not load.obstacle
            if run and load.row.known and not load.row.begun:
                self._room.begin(load)
                await self.keep(load, replace(load.row, begun=True))
        if run:
            load.failure = ""
            await self._runner.run(load)
        else:
            self._runner.rest(load)

    async def freed(self) -> None:
        """Let those go on that waited for what was just given back."""
        for load in [load for load in self._ledger.unfinished.values() if not load.running]:
            if any(hold.active for hold in load.holds.values()):
                await self.settle(load)
        for hold in self._ledger.queue():
            if self.place(hold.row.account) and self.turn_of(hold.load):
                await self.keep_job(hold, replace(hold.row, queued=0))
                await self.settle(hold.load)

    async def finished(self, load: Load) -> None:
        """Note that content is whole."""
        if load.complete:
            return
        self._room.finish((load,))
        row = self._counted(load)
        await self.keep(load, replace(row, complete=True, finished=int(self._clock())))
        await self.dequeue(load)
        self._runner.sort(load)
        log.info("downloads.finished", content=load.row.id, size=load.row.size)
        await self.settle(load)
        await self.freed()

    async def dequeue(self, load: Load) -> None:
        """Let nobody wait for content that is whole."""
        for hold in [hold for hold in load.holds.values() if hold.row.queued]:
            await self.keep_job(hold, replace(hold.row, queued=0))

    async def failed(self, load: Load, reason: str) -> None:
        """Let content rest that the engine failed with, and try again later."""
        load.failure, load.retry = reason, self._clock() + _RETRY
        log.warning("downloads.failed", content=load.row.id, reason=reason)
        await self.settle(load)
        await self.freed()

    async def look(self) -> None:
        """Look at disk and seeding: what runs may have to stop, and what stands may go on."""
        for load in tuple(self._runner.fetching):
            await self.settle(load)
        for load in tuple(self._runner.seeding):
            status = self._runner.status(load)
            uploaded = status.uploaded if status is not None else load.row.uploaded
            if self._limits.seeded_enough(load.row, uploaded, self._clock()):
                await self.keep(load, replace(self._counted(load), rested=True))
                await self._runner.forget(load)
        await self.freed()

    async def note_counts(self) -> None:
        """Keep how far everything is that runs."""
        loads = [*self._runner.fetching, *self._runner.seeding]
        changed = [(load, self._counted(load)) for load in loads]
        changed = [(load, row) for load, row in changed if row != load.row]
        for load, row in changed:
            self._ledger.renew(load, row)
        await self._store.keep([row for _, row in changed], [])

    async def keep(self, load: Load, row: ContentRow) -> None:
        """Put a new row in place of content's old one."""
        await self._store.keep([row], [])
        self._ledger.renew(load, row)

    async def keep_job(self, hold: Hold, row: JobRow) -> None:
        """Put a new row in place of a job's old one."""
        row = replace(row, updated=int(self._clock()))
        await self._store.keep([], [row])
        hold.row = row

    def drop(self, holds: Iterable[Hold]) -> None:
        """Let jobs go, and content with the last of its jobs, files and all; the store knows already."""
        for hold in tuple(holds):
            self._room.discharge(hold)
            self._ledger.let_go(hold)
            if not hold.load.holds:
                self.drop_load(hold.load)

    def drop_load(self, load: Load) -> None:
        """Let content go that nobody holds."""
        self._room.end(load)
        self._ledger.leave(load)
        self._runner.destroy(load)

    def _obstacle(self, load: Load) -> str:
        if load.failure and self._clock() < load.retry:
            return load.failure
        return self._room.obstacle(load) or ("" if self.turn_of(load) else ALL_ACTIVE)

    def _counted(self, load: Load) -> ContentRow:
        status = self._runner.status(load)
        if status is None:
            return load.row
        done = int(load.row.size * status.progress)
        uploaded = max(load.row.uploaded, status.uploaded)
        return replace(load.row, downloaded=max(load.row.downloaded, done), uploaded=uploaded)
