"""Control of the engine: adds, pauses, resumes and removes content, and deletes its files."""

import asyncio

from bittorrent.magnet import Magnet
from downloads.engine import AddTorrentRequest, Engine
from downloads.folder import ContentFolder
from downloads.job_registry import ActiveContent
from downloads.model import ContentKey, ContentStatus, JobState
from downloads.requested_torrent import MOST_LINKS, RequestReader
from downloads.store import JobStore
from tasks.run_to_completion import RunToCompletionQueue


class Runner:
    """Controls an engine; `fetching` and `seeding` are the content that runs in it."""

    def __init__(
        self,
        engine: Engine,
        store: JobStore,
        folder: ContentFolder,
        queue: RunToCompletionQueue,
        reader: RequestReader,
    ) -> None:
        self.engine = engine
        self.fetching: set[ActiveContent] = set()
        self.seeding: set[ActiveContent] = set()
        self._store = store
        self._folder = folder
        self._queue = queue
        self._reader = reader
        self._deletions: dict[ContentKey, asyncio.Task[None]] = {}

    async def run(self, content: ActiveContent) -> None:
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

    def pause(self, content: ActiveContent) -> None:
        """Pause content."""
        if content.running:
            content.running = False
            self.engine.pause(content.row.key)
        self.classify(content)

    def classify(self, content: ActiveContent) -> None:
        """Put content into `fetching`, `seeding` or neither, as its state says."""
        self.fetching.discard(content)
        self.seeding.discard(content)
        if content.running:
            (self.seeding if content.complete else self.fetching).add(content)

    async def detach(self, content: ActiveContent) -> None:
        """Remove content from the engine; its files stay."""
        self._mark_stopped(content)
        await self.engine.remove(content.row.key, files=False)

    def delete(self, content: ActiveContent) -> None:
        """Remove content from the engine and delete its files, in the background."""
        self._mark_stopped(content)
        before = self._deletions.get(content.row.key)
        task = self._queue.spawn(self._delete_files(content, before))
        self._deletions[content.row.key] = task
        task.add_done_callback(lambda done: self._deleted(content.row.key, done))

    def status(self, content: ActiveContent) -> ContentStatus | None:
        """Return the status of content, None when the engine does not have it."""
        return self.engine.status(content.row.key) if content.in_engine else None

    def bytes_left(self, content: ActiveContent) -> int:
        """Return the bytes of content that are still to be fetched; what was fetched before a restart counts."""
        status = self.status(content)
        if status is None or status.state is JobState.CHECKING:
            return max(0, content.row.size - content.row.downloaded)
        return int(content.row.size * (1.0 - status.progress))

    async def _request(self, content: ActiveContent) -> AddTorrentRequest:
        if (deletion := self._deletions.get(content.row.key)) is not None:
            await asyncio.wait({deletion})
        row = content.row
        torrent = await self._store.torrent(row.id)
        kept = await self._store.magnets([job.row.id for job in content.jobs.values()])
        magnets = [Magnet.parse(magnet) for magnet in kept.values()]
        if torrent is not None:
            magnets.insert(0, Magnet.parse((await self._reader.read_torrent(torrent)).magnet))
        most = 5 * MOST_LINKS
        return AddTorrentRequest(
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

    def _mark_stopped(self, content: ActiveContent) -> None:
        content.running = content.in_engine = False
        self.classify(content)

    async def _delete_files(self, content: ActiveContent, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await self.engine.remove(content.row.key, files=True)
        await asyncio.to_thread(self._folder.remove, content.row.id)

    def _deleted(self, key: ContentKey, task: asyncio.Task[None]) -> None:
        if self._deletions.get(key) is task:
            del self._deletions[key]
