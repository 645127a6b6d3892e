"""Jobs and content as an account sees them, without what other accounts' jobs would reveal."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from downloads.job_registry import ActiveContent, ActiveJob
from downloads.limits import ACCOUNT_FULL
from downloads.model import Content, ContentFile, ContentStatus, Job, JobState
from downloads.runner import Runner
from downloads.store import JobStore

PAUSED_BY_ACCOUNT = "The account paused it."


class JobViews:
    """Builds the public values of jobs and content."""

    def __init__(
        self, store: JobStore, runner: Runner, has_seeded_enough: Callable[[ActiveJob], bool]
    ) -> None:
        self._store = store
        self._runner = runner
        self._has_seeded_enough = has_seeded_enough

    async def jobs(self, jobs: Sequence[ActiveJob]) -> list[Job]:
        """Return the values of jobs, in the same order."""
        files = await self._store.files([job.content.row.id for job in jobs])
        magnets = await self._store.magnets([job.row.id for job in jobs])
        return [
            self._job(job, files.get(job.content.row.id, ()), magnets[job.row.id])
            for job in jobs
            if job.row.id in magnets  # else it was deleted meanwhile
        ]

    async def contents(self, contents: Sequence[ActiveContent]) -> list[Content]:
        """Return the values of complete content."""
        files = await self._store.files([content.row.id for content in contents])
        return [
            _content(content, files[content.row.id], complete=True)
            for content in contents
            if content.row.id in files
        ]

    def _job(self, job: ActiveJob, files: tuple[ContentFile, ...], magnet: str) -> Job:
        row, content = job.row, job.content
        reason = self._pause_reason(job)
        return Job(
            id=row.id,
            account=row.account,
            content=_content(content, files, complete=_available(job)),
            name=row.name or content.row.name,
            magnet=magnet,
            seed=row.seed,
            allow_zip=row.allow_zip,
            queued=bool(row.queued),
            paused=bool(reason),
            pause_reason=reason,
            cached=row.cached,
            has_torrent=content.row.known,
            created=row.created,
            updated=row.updated,
            status=self._status(job, reason),
            labels=row.labels,
        )

    def _pause_reason(self, job: ActiveJob) -> str:
        if job.row.paused:
            return PAUSED_BY_ACCOUNT
        if job.row.queued:
            return ""
        if job.content.row.known and not job.charged:
            return job.content.wait_reason or ACCOUNT_FULL
        return "" if job.content.complete else job.content.wait_reason

    def _status(self, job: ActiveJob, reason: str) -> ContentStatus:
        content, available = job.content, _available(job)
        status = self._runner.status(content)
        if status is None:
            status = _stopped(content)
        state = _state(job, status, reason)
        if state is JobState.UPLOADING and self._has_seeded_enough(job):
            state = JobState.COMPLETED
        return ContentStatus(  # by its constructor, since a copy takes three times as long
            state=state,
            progress=1.0 if available else status.progress,
            down_rate=status.down_rate,
            up_rate=status.up_rate,
            seeds=status.seeds,
            peers=status.peers,
            eta=0 if available else status.eta,
            downloaded=status.downloaded,
            uploaded=status.uploaded,
            availability=status.availability,
            tracker=_host_of(status.tracker) if content.row.key.account is None else status.tracker,
            tracker_message=status.tracker_message,
            error=status.error or (content.wait_reason if not content.complete else ""),
        )


def _available(job: ActiveJob) -> bool:
    return job.content.complete and job.charged


def _state(job: ActiveJob, status: ContentStatus, reason: str) -> JobState:
    if reason or job.row.queued:
        return JobState.PAUSED
    if _available(job):
        if job.row.cached:
            return JobState.CACHED
        return JobState.UPLOADING if job.content.running else JobState.COMPLETED
    if not job.content.row.known:
        return JobState.METADATA
    return status.state if status.state is JobState.CHECKING else JobState.DOWNLOADING


def _content(content: ActiveContent, files: tuple[ContentFile, ...], *, complete: bool) -> Content:
    row = content.row
    return Content(
        row.key,
        row.name,
        row.size,
        files,
        complete,
        row.private,
        row.added,
        row.finished if complete else None,
    )


def _stopped(content: ActiveContent) -> ContentStatus:
    row = content.row
    done = min(1.0, row.downloaded / row.size) if row.size else 0.0
    return ContentStatus(JobState.PAUSED, progress=done, downloaded=row.downloaded, uploaded=row.uploaded)


@lru_cache(1024)
def _host_of(tracker: str) -> str:
    """Cut a tracker's URL to its host: of shared content it may hold another account's passkey."""
    address = urlsplit(tracker)
    return f"{address.scheme}://{address.netloc}" if address.netloc else ""
