"""Download jobs: accounts' jobs over shared content, with slots, a queue and deletion of content without jobs."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.engine import Engine, EngineEvent, Failed, Finished, MetadataReceived
from downloads.folder import ContentFolder
from downloads.job_labelling import JobLabelling, require_labels
from downloads.job_registry import ActiveContent, ActiveJob, JobRegistry
from downloads.job_views import JobViews
from downloads.limits import DownloadLimits, StorageQuota
from downloads.magnet_resolver import MagnetResolver
from downloads.model import Content, ContentFile, Job, JobRequest, RunningContent
from downloads.requested_torrent import RequestedTorrent, RequestReader, clean_name
from downloads.runner import Runner
from downloads.scheduler import Scheduler
from downloads.store import JobHooks, JobRow, JobStore
from tasks.child_process import ChildProcesses
from tasks.fair_turns import FairSlots
from tasks.run_to_completion import RunToCompletionQueue

_PARSERS = 2
_CHECK_INTERVAL = 5.0  # seconds between two checks of disk space and seeding
_CHECKS_PER_SAVE = 12

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DownloadBackend:
    """What downloads run on; `clock` gives unix seconds."""

    engine: Engine
    store: JobStore
    folder: ContentFolder
    hooks: JobHooks
    clock: Callable[[], float]


class Downloads:
    """Jobs over an engine and a store; what a call returned is durable. Accounts are ids; callers check rights.

    Without `backend` (`available` is False) every call raises Refusal `no-downloads`.
    """

    def __init__(
        self,
        limits: DownloadLimits,
        backend: DownloadBackend | None,
        children: ChildProcesses | None = None,
    ) -> None:
        self._limits = limits
        self._queue = RunToCompletionQueue("downloads.operation_failed", expected=(Refusal,))
        self._parsers = FairSlots(_PARSERS)
        self._reader = RequestReader(children or ChildProcesses())
        self._registry = JobRegistry()
        self._backend = backend
        self._checking: asyncio.Task[None] | None = None
        if backend is not None:
            self._runner = Runner(backend.engine, backend.store, backend.folder, self._queue, self._reader)
            self._quota = StorageQuota(limits, backend.folder.free, self._runner.bytes_left)
            self._scheduler = Scheduler(
                limits, self._registry, backend.store, self._runner, self._quota, clock=backend.clock
            )
            self._views = JobViews(backend.store, self._runner, self._scheduler.has_seeded_enough)
            self._labelling = JobLabelling(self._registry, backend.store, self._scheduler, self._queue)
            self._resolver = MagnetResolver(
                self._registry,
                backend.store,
                self._scheduler,
                self._runner,
                backend.hooks,
                reader=self._reader,
            )

    @property
    def available(self) -> bool:
        """Whether there is an engine."""
        return self._backend is not None

    @property
    def engine(self) -> Engine | None:
        """The engine, None where there is none."""
        return self._backend.engine if self._backend is not None else None

    def running(self) -> list[RunningContent]:
        """Return what is fetched or seeded right now."""
        if self._backend is None:
            return []
        contents = self._runner.fetching | self._runner.seeding
        return [
            RunningContent(content.row.key, content.complete, content.row.private) for content in contents
        ]

    def queue_lengths(self) -> tuple[int, int]:
        """Return how many jobs' content is fetched right now, and how many jobs wait for a slot."""
        if self._backend is None:
            return 0, 0
        return len(self._runner.fetching), len(self._registry.queue())

    async def load(self) -> None:
        """Read content and jobs from the store; call it before anything else."""
        if (backend := self._backend) is None:
            return
        async for content_rows in backend.store.contents():
            for content_row in content_rows:
                self._registry.add(ActiveContent(content_row))
        async for job_rows in backend.store.jobs():
            for job_row in job_rows:
                self._registry.add_job(self._registry.contents[job_row.content], job_row)
        for content in self._registry.contents.values():
            if content.row.begun:
                self._quota.reserve(content)
                for job in content.jobs.values():
                    self._quota.charge(job)
        await asyncio.to_thread(backend.folder.prepare, self._registry.contents)

    async def begin(self) -> None:
        """Start the engine; content is started in the background."""
        if self._backend is None:
            return
        await self._backend.engine.start(self._on_event)
        self._scheduler.begin()
        self._queue.enqueue(self._start_all())
        self._checking = asyncio.create_task(self._check_regularly())

    async def stop(self) -> None:
        """Finish running operations, save progress and stop the engine."""
        if self._backend is None:
            return
        if self._checking is not None:
            self._checking.cancel()
            with suppress(asyncio.CancelledError):
                await self._checking
        await self._queue.drain()
        await self._scheduler.save_progress()
        await self._backend.engine.stop()

    async def create(self, account: int, request: JobRequest) -> Job:
        """Create a job for an account, or return the complete one that it has; without space yet it is paused.

        Refusal: `nothing-wished`, `two-wishes`, those of Metainfo.parse and `bad-magnet`, `blocked`,
        `already-held` (only while incomplete), `too-large-to-download`, `slots-full` (slots and
        queue are), `downloads-full` (the account has too many jobs, or no quota for complete content), `not-cached`
        (only_if_cached).
        """
        backend = self._require_backend()
        require_labels(request.labels)
        async with self._parsers.slot():
            requested = await self._reader.read(request)
        if requested.size > self._limits.largest:
            raise Refusal("too-large-to-download", f"at most {self._limits.largest} bytes")
        await backend.hooks.refuse_blocked(requested.infohashes)
        if requested.metadata is not None and not requested.private and not request.only_if_cached:
            await backend.hooks.publish(requested.metadata.torrent)
        return await self._view(await self._queue.run(self._create(account, requested, request)))

    async def held(self, account: int, request: JobRequest) -> Job:
        """Return the job that an account has of what is asked for. Refusal: as `create`, `not-found`."""
        self._require_backend()
        async with self._parsers.slot():
            requested = await self._reader.read(request)
        content = self._registry.find(account, requested.short_hashes)
        if content is None or account not in content.jobs:
            raise Refusal("not-found")
        return await self._view(content.jobs[account])

    async def jobs(self, account: int, offset: int, limit: int, *, queued: bool = False) -> list[Job]:
        """Return an account's jobs, newest first: those that wait for a slot with `queued`, else all others."""
        self._require_backend()
        jobs = reversed(self._registry.jobs_of(account).values())
        listed = [job for job in jobs if bool(job.row.queued) is queued]
        first = max(offset, 0)
        return await self._views.jobs(listed[first : first + max(limit, 0)])

    async def all_jobs(self, account: int, infohashes: Sequence[InfoHash] | None = None) -> list[Job]:
        """Return an account's jobs, oldest first, queued ones too; those of some infohashes where these are named."""
        self._require_backend()
        held = self._registry.jobs_of(account)
        if infohashes is None:
            return await self._views.jobs(list(held.values()))
        found = (self._registry.find(account, (infohash.truncated,)) for infohash in infohashes)
        jobs = {content.jobs[account] for content in found if content is not None and account in content.jobs}
        return await self._views.jobs(sorted(jobs, key=lambda job: job.row.id))

    async def every_job(self) -> list[Job]:
        """Return the jobs of all accounts, oldest first, queued ones too."""
        self._require_backend()
        jobs = [job for content in self._registry.contents.values() for job in content.jobs.values()]
        return await self._views.jobs(sorted(jobs, key=lambda job: job.row.id))

    @property
    def labelling(self) -> JobLabelling:
        """What changes the labels of jobs."""
        self._require_backend()
        return self._labelling

    async def missing(self, jobs: Sequence[Job]) -> frozenset[int]:
        """Return the ids of those jobs whose content is complete, and not on the disk any more."""
        backend = self._require_backend()
        known = [(job, self._registry.by_key(job.content.key)) for job in jobs if job.content.complete]
        rows = [(job.id, content.row.id, job.content.files) for job, content in known if content is not None]

        def look() -> frozenset[int]:
            return frozenset(number for number, row, files in rows if backend.folder.lacks(row, files))

        return await asyncio.to_thread(look) if rows else frozenset()

    async def recheck(self, account: int, job_id: int) -> None:
        """Look for complete content on the disk, and fetch again what of it is gone. Refusal: `not-found`."""
        self._require_backend()
        await self._queue.run(self._recheck(account, job_id))

    async def advance(self, account: int, job_id: int) -> None:
        """Move a queued job to the front of the queue, and start it where there is a slot. Refusal: `not-found`."""
        self._require_backend()
        await self._queue.run(self._advance(account, job_id))

    async def job(self, account: int, job_id: int) -> Job | None:
        """Find a job of an account."""
        self._require_backend()
        job = self._registry.jobs_of(account).get(job_id)
        return next(iter(await self._views.jobs([job])), None) if job is not None else None

    async def delete(self, account: int, job_id: int) -> None:
        """Delete a job, and its content with the last of its jobs. Refusal: `not-found`."""
        self._require_backend()
        await self._queue.run(self._delete(account, job_id))

    async def pause(self, account: int, job_id: int) -> Job:
        """Pause a job; its content goes on while another account's job is active. Refusal: `not-found`."""
        self._require_backend()
        return await self._view(await self._queue.run(self._pause(account, job_id)))

    async def resume(self, account: int, job_id: int) -> Job:
        """Resume a job, or put it into the queue. Refusal: `not-found`, `slots-full` (slots and queue are)."""
        self._require_backend()
        return await self._view(await self._queue.run(self._resume_job(account, job_id)))

    async def reannounce(self, account: int, job_id: int) -> None:
        """Ask the trackers for peers. Refusal: `not-found`."""
        backend = self._require_backend()
        backend.engine.reannounce(self._job(account, job_id).content.row.key)

    async def start(self, account: int, job_id: int) -> Job:
        """Start a queued job, or move it to the front of the queue. Refusal: `not-found`, `slots-full`."""
        self._require_backend()
        return await self._view(await self._queue.run(self._start(account, job_id)))

    async def cached(self, account: int, infohashes: Sequence[InfoHash]) -> list[Content]:
        """Return complete content among these; private content only to its own account."""
        self._require_backend()
        return await self._views.contents(self._registry.complete(account, infohashes))

    def received(self, account: int) -> int:
        """Return the bytes that an account's jobs have of their content, as last saved where that is incomplete."""
        self._require_backend()
        contents = [job.content for job in self._registry.jobs_of(account).values()]
        return sum(each.row.size if each.complete else each.row.downloaded for each in contents)

    async def torrent_of(self, account: int, job_id: int) -> bytes | None:
        """Return the .torrent of a job's content, None while it is not known. Refusal: `not-found`."""
        backend = self._require_backend()
        return await backend.store.torrent(self._job(account, job_id).content.row.id)

    async def open_file(self, content: Content, file: ContentFile) -> int:
        """Open a file of complete content and return its descriptor; links are not followed. Refusal: `not-found`."""
        backend = self._require_backend()
        active = self._registry.by_key(content.key)
        if active is None or not active.complete or not content.complete:
            raise Refusal("not-found")
        return await asyncio.to_thread(backend.folder.open, active.row.id, file.index, file.size)

    async def forget(self, names: Sequence[InfoHash]) -> None:
        """Delete blocked content with all its jobs; its files are deleted soon after."""
        if self._backend is not None:
            await self._queue.run(self._forget(names))

    async def check(self) -> None:
        """Check disk space and seeding limits, as is done every few seconds."""
        if self._backend is not None:
            await self._queue.run(self._scheduler.check())

    async def drain(self) -> None:
        """Wait until every background operation has ended."""
        await self._queue.drain()

    def _require_backend(self) -> DownloadBackend:
        if self._backend is None:
            raise Refusal("no-downloads")
        return self._backend

    def _job(self, account: int, job_id: int) -> ActiveJob:
        job = self._registry.jobs_of(account).get(job_id)
        if job is None:
            raise Refusal("not-found")
        return job

    async def _view(self, job: ActiveJob) -> Job:
        views = await self._views.jobs([job])
        if not views:
            raise Refusal("not-found")  # it was deleted at once
        return views[0]

    # What follows runs in the operation queue, one call at a time.

    async def _create(self, account: int, requested: RequestedTorrent, request: JobRequest) -> ActiveJob:
        backend = self._require_backend()
        await backend.hooks.refuse_blocked(requested.infohashes)
        content = self._registry.find(
            account, requested.short_hashes, own=True if requested.private else None
        )
        if content is None and requested.private:
            shared = self._registry.find(account, requested.short_hashes, own=False)
            content = shared if shared is not None and account in shared.jobs else None
        if content is not None and account in content.jobs:
            if not content.complete:
                raise Refusal("already-held")
            return content.jobs[account]
        if request.only_if_cached and (content is None or not content.complete):
            raise Refusal("not-cached")
        if len(self._registry.jobs_of(account)) >= self._limits.held:
            raise Refusal("downloads-full", f"an account holds at most {self._limits.held} torrents")
        return await self._add(account, requested, request, content)

    async def _add(
        self, account: int, requested: RequestedTorrent, request: JobRequest, content: ActiveContent | None
    ) -> ActiveJob:
        backend = self._require_backend()
        now = int(backend.clock())
        fresh = content or ActiveContent(requested.row(account, now))
        if fresh.row.size > self._limits.largest:
            raise Refusal("too-large-to-download", f"at most {self._limits.largest} bytes")
        here = fresh.complete
        if here and not self._quota.fits(account, fresh.row.size):
            raise Refusal("downloads-full", "the content is here, but the account has no room for it")
        waits = not here and not request.paused
        position = self._position(account, fresh, queued=request.as_queued) if waits else 0
        name = clean_name(request.name)
        row = JobRow(
            0,
            account,
            fresh.row.id,
            name,
            request.seed,
            request.allow_zip,
            position,
            request.paused,
            here,
            now,
            now,
            request.labels,
        )
        content_id, job_id = await backend.store.add(
            fresh.row, requested.metadata if content is None else None, row, requested.magnet
        )
        if content is None:
            fresh.row = replace(fresh.row, id=content_id)
            self._registry.add(fresh)
        job = self._registry.add_job(fresh, replace(row, id=job_id, content=content_id))
        if content is not None and requested.metadata is not None and not fresh.row.known:
            await self._resolver.resolve(fresh, requested)
            job = self._registry.jobs_of(account)[job_id]
        await self._scheduler.reschedule(job.content)
        return job

    def _position(self, account: int, content: ActiveContent, *, queued: bool) -> int:
        """Return 0 for a slot, else a position in the queue. Refusal: `slots-full`."""
        if not queued and self._scheduler.has_slot(account) and self._scheduler.may_run(content):
            return 0
        position = self._scheduler.next_position(account)
        if position is None:
            raise Refusal("slots-full")
        return position

    async def _delete(self, account: int, job_id: int) -> None:
        job = self._job(account, job_id)
        content = job.content
        last = len(content.jobs) == 1
        await self._require_backend().store.remove([job.row.id], content.row.id if last else None)
        self._scheduler.remove_jobs([job])
        if not last:
            await self._scheduler.reschedule(content)
        for other in self._registry.jobs_of(account).values():
            if other.content.complete:
                self._quota.charge(other)
        await self._scheduler.start_waiting()

    async def _pause(self, account: int, job_id: int) -> ActiveJob:
        job = self._job(account, job_id)
        if not job.row.paused:
            await self._scheduler.save_job(job, replace(job.row, paused=True, queued=0))
            await self._scheduler.reschedule(job.content)
            await self._scheduler.start_waiting()
        return job

    async def _resume_job(self, account: int, job_id: int) -> ActiveJob:
        job = self._job(account, job_id)
        job.content.retry_at = 0.0
        if job.row.paused:
            position = 0 if job.content.complete else self._position(account, job.content, queued=False)
            await self._scheduler.save_job(job, replace(job.row, paused=False, queued=position))
            self._registry.last_position = max(self._registry.last_position, position)
        await self._scheduler.reschedule(job.content)
        return job

    async def _start(self, account: int, job_id: int) -> ActiveJob:
        job = self._job(account, job_id)
        if not job.row.queued:
            return job
        if not self._scheduler.has_slot(account):
            raise Refusal("slots-full")
        queue = self._registry.queue()
        front = queue[0].row.queued - 1
        position = 0 if self._scheduler.may_run(job.content) else front or -1
        await self._scheduler.save_job(job, replace(job.row, queued=position))
        await self._scheduler.reschedule(job.content)
        return job

    async def _advance(self, account: int, job_id: int) -> None:
        job = self._job(account, job_id)
        if not job.row.queued:
            return
        starts = self._scheduler.has_slot(account) and self._scheduler.may_run(job.content)
        position = 0 if starts else self._registry.queue()[0].row.queued - 1
        await self._scheduler.save_job(job, replace(job.row, queued=position or (0 if starts else -1)))
        await self._scheduler.reschedule(job.content)

    async def _recheck(self, account: int, job_id: int) -> None:
        backend, content = self._require_backend(), self._job(account, job_id).content
        if not content.complete:
            return  # the engine checks what it fetches
        files = (await backend.store.files([content.row.id])).get(content.row.id, ())
        if await asyncio.to_thread(backend.folder.lacks, content.row.id, files):
            await self._scheduler.fetch_again(content)

    async def _forget(self, names: Sequence[InfoHash]) -> None:
        for content in self._registry.find_all(names):
            await self._resolver.evict(content)
        await self._scheduler.start_waiting()

    async def _start_all(self) -> None:
        for content in tuple(self._registry.contents.values()):
            if content.row.begun or any(job.active for job in content.jobs.values()):
                await self._scheduler.reschedule(content)
        await self._scheduler.start_waiting()

    async def _check_regularly(self) -> None:
        checks = 0
        while True:
            await asyncio.sleep(_CHECK_INTERVAL)
            checks += 1
            try:
                await self.check()
                if checks % _CHECKS_PER_SAVE == 0:
                    await self._queue.run(self._scheduler.save_progress())
            except Exception:
                log.exception("downloads.look_failed")

    def _on_event(self, event: EngineEvent) -> None:
        content = self._registry.by_key(event.key)
        # An event of removed content does not concern content of the same hash that was added since.
        if content is None or not content.in_engine:
            return
        known = isinstance(event, Failed) and content.failure == event.reason
        if not known:
            self._queue.enqueue(self._handle(content, event, content.additions))

    async def _handle(self, content: ActiveContent, event: EngineEvent, additions: int) -> None:
        if self._registry.contents.get(content.row.id) is not content or content.additions != additions:
            return
        match event:
            case Finished():
                if not content.complete:
                    await self._scheduler.on_finished(content)
                    await self._tell_completed(content)
            case MetadataReceived():
                if await self._resolver.apply(content, event.torrent):
                    self._queue.spawn(self._publish(event.torrent))
            case Failed():
                await self._scheduler.on_failed(content, event.reason)

    async def _tell_completed(self, content: ActiveContent) -> None:
        row = content.row
        await self._require_backend().hooks.completed(
            row.key.infohash, row.name, row.size, list(content.jobs)
        )

    async def _publish(self, torrent: bytes) -> None:
        with suppress(Refusal):  # blocked meanwhile; its deletion is queued
            await self._require_backend().hooks.publish(torrent)
