"""The job registry: all content and jobs in memory, indexed by id, account and infohash.

Its rows are those of the store; whoever changes one writes it there too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bittorrent.infohash import InfoHash
from downloads.model import ContentKey
from downloads.store import ContentRow, JobRow


@dataclass(slots=True, eq=False)
class ActiveJob:
    """A job; `charged` tells that the content's size counts against its account's quota."""

    row: JobRow
    content: "ActiveContent"
    charged: bool = False

    @property
    def active(self) -> bool:
        """Whether it is neither queued nor paused by its account."""
        return not self.row.queued and not self.row.paused


@dataclass(slots=True, eq=False)
class ActiveContent:
    """Content and its jobs by account.

    `in_engine` tells that it was added to the engine, `additions` how often; `running` that it was told to run.
    `wait_reason` says why it does not run. `failure` is the engine's error, until `retry_at` (unix seconds).
    """

    row: ContentRow
    jobs: dict[int, ActiveJob] = field(default_factory=dict)
    in_engine: bool = False
    additions: int = 0
    running: bool = False
    wait_reason: str = ""
    failure: str = ""
    retry_at: float = 0.0

    @property
    def short_hashes(self) -> tuple[InfoHash, ...]:
        """Its 20-byte infohashes."""
        first = self.row.key.infohash
        return (
            (first,)
            if self.row.v2 is None or self.row.v2.truncated == first
            else (first, self.row.v2.truncated)
        )

    @property
    def complete(self) -> bool:
        """Whether every byte was fetched."""
        return self.row.complete


class JobRegistry:
    """All content and jobs, indexed."""

    def __init__(self) -> None:
        self.contents: dict[int, ActiveContent] = {}
        self.unfinished: dict[int, ActiveContent] = {}
        self._by_name: dict[InfoHash, dict[int | None, ActiveContent]] = {}
        self.last_position = 0
        self._accounts: dict[int, dict[int, ActiveJob]] = {}
        self._unfinished: dict[int, dict[int, ActiveJob]] = {}

    def add(self, content: ActiveContent) -> None:
        """Add content."""
        self.contents[content.row.id] = content
        self.update(content, content.row)

    def update(self, content: ActiveContent, row: ContentRow) -> None:
        """Replace the row of content, and index it anew."""
        self._unindex(content)
        content.row = row
        for name in content.short_hashes:
            self._by_name.setdefault(name, {}).setdefault(row.key.account, content)
        if row.complete:
            self.unfinished.pop(row.id, None)
        else:
            self.unfinished[row.id] = content
        for job in content.jobs.values():
            self._index(job)

    def remove(self, content: ActiveContent) -> None:
        """Remove content without jobs."""
        self._unindex(content)
        self.contents.pop(content.row.id, None)
        self.unfinished.pop(content.row.id, None)

    def add_job(self, content: ActiveContent, row: JobRow) -> ActiveJob:
        """Add a job."""
        job = ActiveJob(row, content)
        content.jobs[row.account] = job
        self.last_position = max(self.last_position, row.queued)
        self._accounts.setdefault(row.account, {})[row.id] = job
        self._index(job)
        return job

    def remove_job(self, job: ActiveJob) -> None:
        """Remove a job."""
        job.content.jobs.pop(job.row.account, None)
        for index in (self._accounts, self._unfinished):
            jobs = index.get(job.row.account, {})
            jobs.pop(job.row.id, None)
            if not jobs:
                index.pop(job.row.account, None)

    def find(
        self, account: int, names: Iterable[InfoHash], *, own: bool | None = None
    ) -> ActiveContent | None:
        """Find content by a 20-byte hash as an account sees it: its own first; `own` limits to its own, or shared."""
        owners = ([account] if own is not False else []) + ([] if own else [None])
        found = (self._by_name.get(name, {}).get(owner) for owner in owners for name in names)
        return next((content for content in found if content is not None), None)

    def complete(self, account: int, names: Iterable[InfoHash]) -> list[ActiveContent]:
        """Return complete content that has one of these infohashes: an account's own before what is shared."""
        found: dict[ActiveContent, None] = {}
        for name in names:
            owners = self._by_name.get(name.truncated)
            if owners is not None:
                content = owners.get(account) or owners.get(None)
                if content is not None and content.complete:
                    found[content] = None
        return list(found)

    def find_all(self, names: Iterable[InfoHash]) -> list[ActiveContent]:
        """Return all content that has one of these infohashes, of any account."""
        found = (content for name in names for content in self._by_name.get(name.truncated, {}).values())
        return list(dict.fromkeys(found))

    def by_key(self, key: ContentKey) -> ActiveContent | None:
        """Find content by its key."""
        return self._by_name.get(key.infohash, {}).get(key.account)

    def jobs_of(self, account: int) -> dict[int, ActiveJob]:
        """Return an account's jobs by id."""
        return self._accounts.get(account, {})

    def unfinished_of(self, account: int) -> Iterator[ActiveJob]:
        """Yield an account's jobs for content that is not complete."""
        yield from self._unfinished.get(account, {}).values()

    def queue(self) -> list[ActiveJob]:
        """Return all jobs that wait for a slot, the next one first."""
        waiting = (job for content in self.unfinished.values() for job in content.jobs.values())
        return sorted((job for job in waiting if job.row.queued), key=lambda job: job.row.queued)

    def _index(self, job: ActiveJob) -> None:
        jobs = self._unfinished.setdefault(job.row.account, {})
        if job.content.complete:
            jobs.pop(job.row.id, None)
        else:
            jobs[job.row.id] = job

    def _unindex(self, content: ActiveContent) -> None:
        for name in content.short_hashes:
            owners = self._by_name.get(name, {})
            if owners.get(content.row.key.account) is content:
                del owners[content.row.key.account]
            if not owners:
                self._by_name.pop(name, None)
