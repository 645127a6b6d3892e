"""Bulk import of .torrent files, each with its outcome."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path

from actions.archives import Candidate, candidates, total_size
from actions.metainfo_reader import PREPARING, PreparedTorrent
from actions.uploads import Uploads
from bittorrent.refusal import Refusal
from catalogue.model import Torrent
from tasks.recent_work import RecentWork, current

_CONCURRENT = 192  # torrents that are stored at once, and share their syncs
_BYTES_AT_ONCE = 32 * 2**20  # of files that are stored at once; one larger is stored alone
_BATCH = 64  # files that are read together
_BATCH_BYTES = 2 * 2**20

OnStored = Callable[[Torrent], Awaitable[None]]
"""Called with the record of an imported torrent, before its outcome is yielded."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The outcome of one file: `outcome` is "new", "known" or a refusal's code, `text` its hash or sentence.

    `done` counts the bytes of the sources that were read so far, for a progress bar; see `TorrentImport.total`.
    """

    name: str
    outcome: str
    text: str
    done: int


class TorrentImport:
    """Imports collections. Rate limits do not apply; size limits, blocks and quotas do."""

    def __init__(self, uploads: Uploads, side_by_side: int = _CONCURRENT) -> None:
        self._uploads = uploads
        self._concurrent = side_by_side

    async def total(self, paths: Sequence[Path]) -> int:
        """Return the bytes of all sources under the paths: what `ImportResult.done` counts up to."""
        return await asyncio.to_thread(total_size, list(paths))

    async def import_paths(
        self, paths: Sequence[Path], actor: str = "import", on_stored: OnStored | None = None
    ) -> AsyncIterator[ImportResult]:
        """Import every torrent of the files, folders, tar and zip archives, and yield each one's outcome.

        `on_stored` is called with the record of each torrent that is held then.
        Safe to repeat: what is held already is "known". A file that is refused is an outcome, not an exception.
        """
        running: deque[tuple[int, asyncio.Task[ImportResult]]] = deque()
        size = 0
        context = copy_context()
        context.run(
            current.set, RecentWork()
        )  # a client as others are, which makes way for those that cost less
        try:
            async with aclosing(self._prepared(paths)) as prepared:
                async for candidate, torrent in prepared:
                    own = len(torrent.file.gzip) if isinstance(torrent, PreparedTorrent) else 0
                    while len(running) >= self._concurrent or (running and size + own > _BYTES_AT_ONCE):
                        left, task = running.popleft()
                        size -= left
                        yield await task
                    size += own
                    importing = self._import(candidate, torrent, actor, on_stored)
                    task = asyncio.create_task(importing, context=context)
                    running.append((own, task))
            while running:
                yield await running.popleft()[1]
        finally:
            for _, task in running:
                task.cancel()
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)

    async def _prepared(
        self, paths: Sequence[Path]
    ) -> AsyncGenerator[tuple[Candidate, PreparedTorrent | Refusal], None]:
        """Yield each file with what was read of it; the next ones are read meanwhile."""
        reader = _CandidateReader(list(paths), self._uploads.limit)
        reading: deque[asyncio.Task[list[tuple[Candidate, PreparedTorrent | Refusal]]]] = deque()
        try:
            ended = False
            while True:
                while not ended and len(reading) <= PREPARING:
                    batch = await asyncio.to_thread(reader.next_batch)
                    ended = not batch
                    if batch:
                        reading.append(asyncio.create_task(self._prepare(batch)))
                if not reading:
                    return
                for each in await reading.popleft():
                    yield each
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
            await asyncio.to_thread(reader.close)

    async def _prepare(self, batch: Sequence[Candidate]) -> list[tuple[Candidate, PreparedTorrent | Refusal]]:
        found = [each.data for each in batch if not isinstance(each.data, Refusal)]
        read = iter(await self._uploads.prepare(found))
        return [
            (replace(each, data=b""), each.data if isinstance(each.data, Refusal) else next(read))
            for each in batch
        ]

    async def _import(
        self,
        candidate: Candidate,
        torrent: PreparedTorrent | Refusal,
        actor: str,
        on_stored: OnStored | None,
    ) -> ImportResult:
        name = candidate.name
        try:
            if isinstance(torrent, Refusal):
                raise torrent
            added = await self._uploads.accept_prepared(torrent, actor)
            infohash = added.record.infohash
            if on_stored is not None and (record := await self._uploads.record(infohash)) is not None:
                await on_stored(record)
        except Refusal as refusal:
            return ImportResult(name, refusal.code, str(refusal), candidate.done)
        outcome = "new" if added.new else "known"
        return ImportResult(name, outcome, infohash.upper, candidate.done)


class _CandidateReader:
    """The candidates of an import, read by one thread at a time; `close` waits for the running one."""

    def __init__(self, paths: list[Path], limit: int) -> None:
        self._lock = threading.Lock()
        self._items = candidates(paths, limit)

    def next_batch(self) -> list[Candidate]:
        """Return the next candidates, as many as are read together; none at the end."""
        batch: list[Candidate] = []
        size = 0
        with self._lock:
            while len(batch) < _BATCH and size < _BATCH_BYTES:
                candidate = next(self._items, None)
                if candidate is None:
                    break
                batch.append(candidate)
                size += 0 if isinstance(candidate.data, Refusal) else len(candidate.data)
        return batch

    def close(self) -> None:
        with self._lock:
            self._items.close()
