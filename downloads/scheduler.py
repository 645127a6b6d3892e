"""The download scheduler: decides after each change which content is fetched, seeded or paused.

Every call runs in the operation queue, so no state changes between a check and its consequence.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from downloads.job_registry import ActiveContent, ActiveJob, JobRegistry
from downloads.limits import TOO_LARGE, DownloadLimits, StorageQuota
from downloads.runner import Runner
from downloads.store import ContentRow, JobRow, JobStore

ALL_ACTIVE = "As many downloads run as may at once."

_RETRY = 300.0  # seconds before content is retried after an engine error

log = structlog.get_logger()


class Scheduler:
    """Applies slots, queue, quotas and seeding limits; keeps registry, store and engine consistent."""

    def __init__(
        self,
        limits: DownloadLimits,
        registry: JobRegistry,
        store: JobStore,
        runner: Runner,
        quota: StorageQuota,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._registry = registry
        self._store = store
        self._runner = runner
        self._quota = quota
        self._clock = clock
        self._engine_runs = False

    def begin(self) -> None:
        """Start what waits from now on: the engine runs."""
        self._engine_runs = True

    def has_slot(self, account: int) -> bool:
        """Tell whether an account has a free slot."""
        jobs = self._registry.unfinished_of(account)
        taken = sum(job.active and job.content.wait_reason != TOO_LARGE for job in jobs)
        return taken < self._limits.slots

    def may_run(self, content: ActiveContent) -> bool:
        """Tell whether content runs, or the limit of active downloads allows it."""
        return content.running or len(self._runner.fetching) < self._limits.active

    def next_position(self, account: int) -> int | None:
        """Return the position at the end of the queue, None when the account's queue is full."""
        waiting = sum(bool(job.row.queued) for job in self._registry.unfinished_of(account))
        return None if waiting >= self._limits.queue else self._registry.last_position + 1

    async def reschedule(self, content: ActiveContent) -> None:
        """Run or pause content as its jobs, the limits and the quotas say."""
        active = [job for job in content.jobs.values() if job.active]
        charged = [job for job in active if self._quota.charge(job)]
        if content.complete:
            seeding = (job.row.seed for job in active if not self.has_seeded_enough(job))
            run = not content.row.rested and self._limits.should_seed(seeding)
        else:
            content.wait_reason = self._wait_reason(content) if active else ""
            run = bool(charged) and not content.wait_reason
            if run and content.row.known and not content.row.begun:
                self._quota.reserve(content)
                await self.save_content(content, replace(content.row, begun=True))
        if run:
            content.failure = ""
            await self._runner.run(content)
        else:
            self._runner.pause(content)

    async def start_waiting(self) -> None:
        """Start content and queued jobs that waited for what was just released; before `begin` they go on waiting.

        A block that is enforced at the start of the service, or by a command beside no service, releases too.
        """
        if not self._engine_runs:
            return
        for content in [content for content in self._registry.unfinished.values() if not content.running]:
            if any(job.active for job in content.jobs.values()):
                await self.reschedule(content)
        for job in self._registry.queue():
            if self.has_slot(job.row.account) and self.may_run(job.content):
                await self.save_job(job, replace(job.row, queued=0))
                await self.reschedule(job.content)

    async def on_finished(self, content: ActiveContent) -> None:
        """Mark content complete."""
        if content.complete:
            return
        self._quota.mark_complete(content)
        row = self._with_progress(content)
        await self.save_content(content, replace(row, complete=True, finished=int(self._clock())))
        await self.dequeue(content)
        self._runner.classify(content)
        log.info("downloads.finished", content=content.row.id, size=content.row.size)
        await self.reschedule(content)
        await self.start_waiting()

    async def dequeue(self, content: ActiveContent) -> None:
        """Take the jobs of complete content out of the queue."""
        for job in [job for job in content.jobs.values() if job.row.queued]:
            await self.save_job(job, replace(job.row, queued=0))

    async def on_failed(self, content: ActiveContent, reason: str) -> None:
        """Pause content after an engine error, to be retried later."""
        content.failure, content.retry_at = reason, self._clock() + _RETRY
        log.warning("downloads.failed", content=content.row.id, reason=reason)
        await self.reschedule(content)
        await self.start_waiting()

    async def check(self) -> None:
        """Check disk space and seeding limits: pause, resume or stop seeding accordingly."""
        for content in tuple(self._runner.fetching):
            await self.reschedule(content)
        for content in tuple(self._runner.seeding):
            status = self._runner.status(content)
            uploaded = status.uploaded if status is not None else content.row.uploaded
            if self._limits.seeding_done(content.row, uploaded, self._clock()):
                await self.save_content(content, replace(self._with_progress(content), rested=True))
                await self._runner.detach(content)
            elif any(self.has_seeded_enough(job) for job in content.jobs.values()):
                await self.reschedule(content)
                if not content.running:
                    await self.save_content(content, self._with_progress(content))
        await self.start_waiting()

    def has_seeded_enough(self, job: ActiveJob) -> bool:
        """Tell whether complete content was seeded as long as its account asked for."""
        status = self._runner.status(job.content)
        row = job.content.row
        uploaded = max(row.uploaded, status.uploaded) if status is not None else row.uploaded
        return row.complete and self._limits.has_seeded_enough(row, job.row.labels, uploaded, self._clock())

    async def fetch_again(self, content: ActiveContent) -> None:
        """Take complete content for incomplete, so that the engine checks its files and fetches what is missing."""
        await self._runner.detach(content)
        await self.save_content(content, replace(content.row, complete=False, rested=False, finished=None))
        self._quota.mark_incomplete(content)
        await self.reschedule(content)

    async def save_progress(self) -> None:
        """Save the progress of running content."""
        contents = [*self._runner.fetching, *self._runner.seeding]
        changed = [(content, self._with_progress(content)) for content in contents]
        changed = [(content, row) for content, row in changed if row != content.row]
        for content, row in changed:
            self._registry.update(content, row)
        await self._store.save([row for _, row in changed], [])

    async def save_content(self, content: ActiveContent, row: ContentRow) -> None:
        """Replace a content's row, in the store and the registry."""
        await self._store.save([row], [])
        self._registry.update(content, row)

    async def save_job(self, job: ActiveJob, row: JobRow) -> None:
        """Replace a job's row, in the store and the registry."""
        row = replace(row, updated=int(self._clock()))
        await self._store.save([], [row])
        job.row = row

    def remove_jobs(self, jobs: Iterable[ActiveJob]) -> None:
        """Remove jobs that the store deleted, and content with its last job, files included."""
        for job in tuple(jobs):
            self._quota.discharge(job)
            self._registry.remove_job(job)
            if not job.content.jobs:
                self.remove_content(job.content)

    def remove_content(self, content: ActiveContent) -> None:
        """Remove content without jobs."""
        self._quota.release(content)
        self._registry.remove(content)
        self._runner.delete(content)

    def _wait_reason(self, content: ActiveContent) -> str:
        if content.failure and self._clock() < content.retry_at:
            return content.failure
        return self._quota.wait_reason(content) or ("" if self.may_run(content) else ALL_ACTIVE)

    def _with_progress(self, content: ActiveContent) -> ContentRow:
        status = self._runner.status(content)
        if status is None:
            return content.row
        done = int(content.row.size * status.progress)
        uploaded = max(content.row.uploaded, status.uploaded)
        return replace(content.row, downloaded=max(content.row.downloaded, done), uploaded=uploaded)
