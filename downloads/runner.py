"""Control of the engine: adds, pauses, resumes and removes content, and deletes its files."""

import asyncio

from downloads.engine import Engine, Order
from downloads.folder import ContentFolder
from downloads.ledger import Load
from downloads.model import ContentKey, State, Status
from downloads.store import JobStore
from downloads.turn import Turn
from downloads.wanted import MOST_LINKS, links_of, of_torrent


class Runner:
    """Controls an engine; `fetching` and `seeding` are the content that runs in it."""

    def __init__(self, engine: Engine, store: JobStore, folder: ContentFolder, queue: Turn) -> None:
        self.engine = engine
        self.fetching: set[Load] = set()
        self.seeding: set[Load] = set()
        self._store = store
        self._folder = folder
        self._queue = queue
        self._deletions: dict[ContentKey, asyncio.Task[None]] = {}

    async def run(self, content: Load) -> None:
        """Fetch or seed content."""
        if not content.running:
            content.running = True
            if self.engine.status(content.row.key) is None:
                request = await self._request(content)
                content.in_engine, content.additions = True, content.additions + 1
                self.engine.add(request)
            else:
                self.engine.resume(content.row.key)
        self.classify(content)

    def pause(self, content: Load) -> None:
        """Pause content."""
        if content.running:
            content.running = False
            self.engine.pause(content.row.key)
        self.classify(content)

    def classify(self, content: Load) -> None:
        """Put content into `fetching`, `seeding` or neither, as its state says."""
        self.fetching.discard(content)
        self.seeding.discard(content)
        if content.running:
            (self.seeding if content.complete else self.fetching).add(content)

    async def detach(self, content: Load) -> None:
        """Remove content from the engine; its files stay."""
        self._mark_stopped(content)
        await self.engine.remove(content.row.key, files=False)

    def delete(self, content: Load) -> None:
        """Remove content from the engine and delete its files, in the background."""
        self._mark_stopped(content)
        before = self._deletions.get(content.row.key)
        task = self._queue.spawn(self._delete_files(content, before))
        self._deletions[content.row.key] = task
        task.add_done_callback(lambda done: self._deleted(content.row.key, done))

    def status(self, content: Load) -> Status | None:
        """Return the status of content, None when the engine does not have it."""
        return self.engine.status(content.row.key) if content.in_engine else None

    def bytes_left(self, content: Load) -> int:
        """Return the bytes of content that are still to be fetched; what was fetched before a restart counts."""
        status = self.status(content)
        if status is None or status.state is State.CHECKING:
            return max(0, content.row.size - content.row.downloaded)
        return int(content.row.size * (1.0 - status.progress))

    async def _request(self, content: Load) -> Order:
        if (deletion := self._deletions.get(content.row.key)) is not None:
            await asyncio.wait({deletion})
        row = content.row
        torrent = await self._store.torrent(row.id)
        kept = await self._store.magnets([job.row.id for job in content.jobs.values()])
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

    def _mark_stopped(self, content: Load) -> None:
        content.running = content.in_engine = False
        self.classify(content)

    async def _delete_files(self, content: Load, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await self.engine.remove(content.row.key, files=True)
        await asyncio.to_thread(self._folder.remove, content.row.id)

    def _deleted(self, key: ContentKey, task: asyncio.Task[None]) -> None:
        if self._deletions.get(key) is task:
            del self._deletions[key]
