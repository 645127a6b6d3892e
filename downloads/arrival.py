"""Hides what follows when a magnet's metadata becomes known: it may be private, blocked, too large, or here already."""

import asyncio
from dataclasses import replace

import structlog

from bittorrent.refusal import Refusal
from downloads.course import Course
from downloads.gate import Gate
from downloads.ledger import Hold, Ledger, Load
from downloads.model import ContentKey
from downloads.runner import Runner
from downloads.store import ContentRow, JobStore
from downloads.wanted import Wanted, of_torrent

log = structlog.get_logger()


class Arrival:
    """Takes metadata in; every call is made in turn."""

    def __init__(self, ledger: Ledger, store: JobStore, course: Course, runner: Runner, gate: Gate) -> None:
        self._ledger = ledger
        self._store = store
        self._course = course
        self._runner = runner
        self._gate = gate

    async def metadata(self, load: Load, torrent: bytes) -> bool:
        """Take what the engine found for content that was asked for by hash; tell whether others may have it."""
        if load.row.known:
            return False
        try:
            wanted = await asyncio.to_thread(of_torrent, torrent)
            await self._gate.refuse(wanted.names)
        except Refusal as refusal:
            await self._refused(load, refusal)
            return False
        await self.learn(load, wanted)
        await self._course.freed()
        return not wanted.private

    async def learn(self, load: Load, wanted: Wanted) -> None:
        """Give content its metadata: private content to each of its accounts apart, a hybrid to one of its names."""
        if wanted.private:
            await self._runner.forget(load)
            await self._part(load, wanted)
            return
        others = [each for each in self._ledger.named(wanted.cuts) if each.row.key.account is None]
        known = next((each for each in others if each is not load), None)
        if known is not None:
            await self._merge(load, known)
            load = known
        if load.row.known:
            await self._course.settle(load)
        else:
            await self._runner.forget(load)
            await self._know(load, wanted, None)

    async def evict(self, load: Load) -> None:
        """Delete content and every job for it."""
        holds = tuple(load.holds.values())
        await self._store.remove([hold.row.id for hold in holds], load.row.id)
        log.info("downloads.evicted", infohash=load.row.key.infohash.upper, jobs=len(holds))
        self._course.drop(holds)

    async def _refused(self, load: Load, refusal: Refusal) -> None:
        if refusal.code == "blocked":
            await self.evict(load)
            await self._course.freed()
        else:
            await self._course.failed(load, str(refusal))

    async def _know(self, load: Load, wanted: Wanted, account: int | None) -> None:
        assert wanted.metadata is not None
        row = _row(load.row, wanted, account)
        await self._store.learn(row, wanted.metadata)
        self._ledger.renew(load, row)
        await self._course.settle(load)

    async def _part(self, load: Load, wanted: Wanted) -> None:
        """Give every account private content of its own; the last one keeps this."""
        for hold in tuple(load.holds.values()):
            own = self._ledger.find(hold.row.account, wanted.cuts, own=True)
            if own is not None:
                await self._give_up(hold)
            elif len(load.holds) > 1:
                await self._own(hold, wanted)
        if load.holds:
            (account,) = load.holds
            await self._know(load, wanted, account)

    async def _own(self, hold: Hold, wanted: Wanted) -> None:
        assert wanted.metadata is not None
        row = replace(_row(hold.load.row, wanted, hold.row.account), id=0)
        number = await self._store.part(hold.row.id, row, wanted.metadata)
        load = Load(replace(row, id=number))
        self._ledger.enter(load)
        self._move(hold, load)
        await self._course.settle(load)

    async def _merge(self, load: Load, known: Load) -> None:
        await self._store.merge(load.row.id, known.row.id)
        for hold in tuple(load.holds.values()):
            if hold.row.account in known.holds:
                self._ledger.let_go(hold)
            else:
                self._move(hold, known)
        if known.complete:
            await self._course.dequeue(known)
        self._course.drop_load(load)

    async def _give_up(self, hold: Hold) -> None:
        last = len(hold.load.holds) == 1
        await self._store.remove([hold.row.id], hold.load.row.id if last else None)
        self._course.drop([hold])

    def _move(self, hold: Hold, load: Load) -> None:
        self._ledger.let_go(hold)
        self._ledger.hold(load, replace(hold.row, content=load.row.id))


def _row(row: ContentRow, wanted: Wanted, account: int | None) -> ContentRow:
    return replace(
        row,
        key=ContentKey(wanted.infohash, account),
        v2=wanted.v2,
        name=wanted.name,
        size=wanted.size,
        known=True,
        private=wanted.private,
    )
