"""Hides what the engine is told about content: its order, to go on, to rest, to forget."""

import asyncio

from downloads.engine import Engine, Order
from downloads.folder import ContentFolder
from downloads.ledger import Load
from downloads.model import ContentKey, State, Status
from downloads.store import JobStore
from downloads.turn import Turn
from downloads.wanted import MOST_LINKS, links_of, of_torrent


class Runner:
    """Tells an engine; `fetching` and `seeding` are what it works on."""

    def __init__(self, engine: Engine, store: JobStore, folder: ContentFolder, turn: Turn) -> None:
        self.engine = engine
        self.fetching: set[Load] = set()
        self.seeding: set[Load] = set()
        self._store = store
        self._folder = folder
        self._turn = turn
        self._leaving: dict[ContentKey, asyncio.Task[None]] = {}

    async def run(self, load: Load) -> None:
        """Let content be fetched or seeded."""
        if not load.running:
            load.running = True
            if self.engine.status(load.row.key) is None:
                order = await self._order(load)
                load.given, load.orders = True, load.orders + 1
                self.engine.add(order)
            else:
                self.engine.resume(load.row.key)
        self.sort(load)

    def rest(self, load: Load) -> None:
        """Let content rest."""
        if load.running:
            load.running = False
            self.engine.pause(load.row.key)
        self.sort(load)

    def sort(self, load: Load) -> None:
        """Count content as what it is now."""
        self.fetching.discard(load)
        self.seeding.discard(load)
        if load.running:
            (self.seeding if load.complete else self.fetching).add(load)

    async def forget(self, load: Load) -> None:
        """Take content out of the engine; its files stay."""
        self._stop(load)
        await self.engine.remove(load.row.key, files=False)

    def destroy(self, load: Load) -> None:
        """Take content out of the engine and delete its files, beside everything else."""
        self._stop(load)
        before = self._leaving.get(load.row.key)
        task = self._turn.beside(self._destroy(load, before))
        self._leaving[load.row.key] = task
        task.add_done_callback(lambda done: self._left(load.row.key, done))

    def status(self, load: Load) -> Status | None:
        """Return how content is doing, None when the engine does not have it."""
        return self.engine.status(load.row.key) if load.given else None

    def left(self, load: Load) -> int:
        """Return the bytes of content that are still to be fetched; what was fetched before a restart counts."""
        status = self.status(load)
        if status is None or status.state is State.CHECKING:
            return max(0, load.row.size - load.row.downloaded)
        return int(load.row.size * (1.0 - status.progress))

    async def _order(self, load: Load) -> Order:
        if (leaving := self._leaving.get(load.row.key)) is not None:
            await asyncio.wait({leaving})
        row = load.row
        torrent = await self._store.torrent(row.id)
        kept = await self._store.magnets([hold.row.id for hold in load.holds.values()])
        magnets = [links_of(magnet) for magnet in kept.values()]
        if torrent is not None:
            magnets.insert(0, links_of((await asyncio.to_thread(of_torrent, torrent)).magnet))
        most = 5 * MOST_LINKS
        return Order(
            key=row.key,
            folder=self._folder.of(row.id),
            torrent=torrent,
            trackers=tuple(dict.fromkeys(link for magnet in magnets for link in magnet.trackers))[:most],
            web_seeds=tuple(dict.fromkeys(link for magnet in magnets for link in magnet.web_seeds))[:most],
            peers=tuple(dict.fromkeys(peer for magnet in magnets for peer in magnet.peers))[:most],
            private=row.private,
            paused=False,
            v2=row.v2,
        )

    def _stop(self, load: Load) -> None:
        load.running = load.given = False
        self.sort(load)

    async def _destroy(self, load: Load, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await self.engine.remove(load.row.key, files=True)
        await asyncio.to_thread(self._folder.remove, load.row.id)

    def _left(self, key: ContentKey, task: asyncio.Task[None]) -> None:
        if self._leaving.get(key) is task:
            del self._leaving[key]
