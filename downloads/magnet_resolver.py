"""Resolving magnet links: metadata from the engine is applied to content, which may be private, blocked or known."""

from dataclasses import replace

import structlog

from bittorrent.refusal import Refusal
from downloads.job_registry import ActiveContent, ActiveJob, JobRegistry
from downloads.model import ContentKey
from downloads.requested_torrent import RequestedTorrent, RequestReader
from downloads.runner import Runner
from downloads.scheduler import Scheduler
from downloads.store import ContentRow, JobHooks, JobStore

log = structlog.get_logger()


class MagnetResolver:
    """Applies metadata to content; every call runs in the operation queue."""

    def __init__(
        self,
        registry: JobRegistry,
        store: JobStore,
        scheduler: Scheduler,
        runner: Runner,
        hooks: JobHooks,
        *,
        reader: RequestReader,
    ) -> None:
        self._registry = registry
        self._store = store
        self._scheduler = scheduler
        self._runner = runner
        self._hooks = hooks
        self._reader = reader

    async def apply(self, content: ActiveContent, torrent: bytes) -> bool:
        """Apply the .torrent that the engine found for a magnet link; tell whether it may be published."""
        if content.row.known:
            return False
        try:
            requested = await self._reader.read_torrent(torrent)
            await self._hooks.refuse_blocked(requested.infohashes)
        except Refusal as refusal:
            await self._on_refused(content, refusal)
            return False
        await self.resolve(content, requested)
        await self._scheduler.start_waiting()
        return not requested.private

    async def resolve(self, content: ActiveContent, requested: RequestedTorrent) -> None:
        """Give content its metadata: private content is split by account, a hybrid is merged with its other hash."""
        if requested.private:
            await self._runner.detach(content)
            await self._split(content, requested)
            return
        others = [
            each for each in self._registry.find_all(requested.short_hashes) if each.row.key.account is None
        ]
        known = next((each for each in others if each is not content), None)
        if known is not None:
            await self._merge(content, known)
            content = known
        if content.row.known:
            await self._scheduler.reschedule(content)
        else:
            await self._runner.detach(content)
            await self._set_metadata(content, requested, None)

    async def evict(self, content: ActiveContent) -> None:
        """Delete content and every job for it."""
        jobs = tuple(content.jobs.values())
        await self._store.remove([job.row.id for job in jobs], content.row.id)
        log.info("downloads.evicted", infohash=content.row.key.infohash.upper, jobs=len(jobs))
        self._scheduler.remove_jobs(jobs)

    async def _on_refused(self, content: ActiveContent, refusal: Refusal) -> None:
        if refusal.code == "blocked":
            await self.evict(content)
            await self._scheduler.start_waiting()
        else:
            await self._scheduler.on_failed(content, str(refusal))

    async def _set_metadata(
        self, content: ActiveContent, requested: RequestedTorrent, account: int | None
    ) -> None:
        assert requested.metadata is not None
        row = _row(content.row, requested, account)
        await self._store.set_metadata(row, requested.metadata)
        self._registry.update(content, row)
        await self._scheduler.reschedule(content)

    async def _split(self, content: ActiveContent, requested: RequestedTorrent) -> None:
        """Give every account private content of its own; the last account keeps this one."""
        for job in tuple(content.jobs.values()):
            own = self._registry.find(job.row.account, requested.short_hashes, own=True)
            if own is not None:
                await self._remove_job(job)
            elif len(content.jobs) > 1:
                await self._split_off(job, requested)
        if content.jobs:
            (account,) = content.jobs
            await self._set_metadata(content, requested, account)

    async def _split_off(self, job: ActiveJob, requested: RequestedTorrent) -> None:
        assert requested.metadata is not None
        row = replace(_row(job.content.row, requested, job.row.account), id=0)
        number = await self._store.split(job.row.id, row, requested.metadata)
        content = ActiveContent(replace(row, id=number))
        self._registry.add(content)
        self._move(job, content)
        await self._scheduler.reschedule(content)

    async def _merge(self, content: ActiveContent, known: ActiveContent) -> None:
        await self._store.merge(content.row.id, known.row.id)
        for job in tuple(content.jobs.values()):
            if job.row.account in known.jobs:
                self._registry.remove_job(job)
            else:
                self._move(job, known)
        if known.complete:
            await self._scheduler.dequeue(known)
        self._scheduler.remove_content(content)

    async def _remove_job(self, job: ActiveJob) -> None:
        last = len(job.content.jobs) == 1
        await self._store.remove([job.row.id], job.content.row.id if last else None)
        self._scheduler.remove_jobs([job])

    def _move(self, job: ActiveJob, content: ActiveContent) -> None:
        self._registry.remove_job(job)
        self._registry.add_job(content, replace(job.row, content=content.row.id))


def _row(row: ContentRow, requested: RequestedTorrent, account: int | None) -> ContentRow:
    return replace(
        row,
        key=ContentKey(requested.infohash, account),
        v2=requested.v2,
        name=requested.name,
        size=requested.size,
        known=True,
        private=requested.private,
    )
