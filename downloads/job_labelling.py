"""Labelling of jobs: the categories and tags of an account, which a job has, and when it has seeded enough."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bittorrent.refusal import Refusal
from downloads.job_registry import ActiveJob, JobRegistry
from downloads.model import JobLabels
from downloads.scheduler import Scheduler
from downloads.store import JobRow, JobStore, LabelKind
from tasks.run_to_completion import RunToCompletionQueue

MOST_NAMES = 200
"""Categories, and tags, that an account keeps; a job has as many tags at most."""
LONGEST_LABEL = 100


def require_labels(labels: JobLabels) -> None:
    """Refuse a category or a tag that cannot be one: `invalid` (fields `category`, `tags`)."""
    if labels.category:
        require_names(LabelKind.CATEGORY, (labels.category,))
    require_names(LabelKind.TAG, labels.tags)


def require_names(kind: LabelKind, names: Sequence[str]) -> None:
    """Refuse what cannot name a category or a tag: `invalid` (field `category` or `tags`)."""
    valid = all(0 < len(name) <= LONGEST_LABEL and name.isprintable() for name in names)
    if kind is LabelKind.CATEGORY:
        # Parts between slashes, as of a path.
        valid = valid and not any("\\" in name or "" in name.split("/") for name in names)
    else:
        valid = valid and len(names) <= MOST_NAMES and not any("," in name for name in names)
    if not valid:
        field = "category" if kind is LabelKind.CATEGORY else "tags"
        raise Refusal("invalid", fields={field: [f"A name has 1 to {LONGEST_LABEL} printable characters."]})


class JobLabelling:
    """Changes labels; each call is durable when it returns, and concerns the jobs of one account alone."""

    def __init__(
        self, registry: JobRegistry, store: JobStore, scheduler: Scheduler, queue: RunToCompletionQueue
    ) -> None:
        self._registry = registry
        self._store = store
        self._scheduler = scheduler
        self._queue = queue

    async def names(self, account: int, kind: LabelKind) -> list[str]:
        """Return the categories or tags of an account, by name."""
        return await self._store.names(account, kind)

    async def keep(self, account: int, kind: LabelKind, names: Sequence[str]) -> None:
        """Keep categories or tags. Refusal: `invalid`, `full` (the account has MOST_NAMES)."""
        require_names(kind, names)
        await self._queue.run(self._keep(account, kind, names))

    async def forget(self, account: int, kind: LabelKind, names: Sequence[str]) -> None:
        """Delete categories or tags, and take them from the jobs that have them."""
        await self._queue.run(self._forget(account, kind, names))

    async def categorize(self, account: int, jobs: Iterable[int], category: str) -> None:
        """Give jobs a category, "" for none. Refusal: `not-found` (the account has no such category)."""
        if category and category not in await self._store.names(account, LabelKind.CATEGORY):
            raise Refusal("not-found")
        await self._change(account, jobs, lambda labels: replace(labels, category=category))

    async def tag(self, account: int, jobs: Iterable[int], tags: Sequence[str]) -> None:
        """Give jobs tags, and keep them for the account. Refusal: `invalid`, `full`."""
        await self.keep(account, LabelKind.TAG, tags)
        await self._change(
            account, jobs, lambda labels: replace(labels, tags=tuple(sorted({*labels.tags, *tags})))
        )

    async def untag(self, account: int, jobs: Iterable[int], tags: Sequence[str]) -> None:
        """Take tags from jobs, all of them where none is named."""
        gone = frozenset(tags)
        await self._change(
            account,
            jobs,
            lambda labels: replace(
                labels, tags=tuple(tag for tag in labels.tags if gone and tag not in gone)
            ),
        )

    async def limit_seeding(
        self, account: int, jobs: Iterable[int], ratio: int | None, seed_time: int | None
    ) -> None:
        """Say when jobs have seeded enough, as in `JobLabels`."""
        chosen = set(jobs)
        await self._change(
            account, chosen, lambda labels: replace(labels, ratio=ratio, seed_time=seed_time), seeding=True
        )

    async def _change(
        self,
        account: int,
        jobs: Iterable[int],
        change: Callable[[JobLabels], JobLabels],
        *,
        seeding: bool = False,
    ) -> None:
        await self._queue.run(self._apply(account, frozenset(jobs), change, seeding=seeding))

    # What follows runs in the operation queue, one call at a time.

    async def _keep(self, account: int, kind: LabelKind, names: Sequence[str]) -> None:
        known = await self._store.names(account, kind)
        fresh = sorted(set(names).difference(known))
        if len(known) + len(fresh) > MOST_NAMES:
            raise Refusal("full", f"at most {MOST_NAMES}")
        if fresh:
            await self._store.add_names(account, kind, fresh)

    async def _forget(self, account: int, kind: LabelKind, names: Sequence[str]) -> None:
        gone = frozenset(names)
        changed: list[tuple[ActiveJob, JobRow]] = []
        for job in self._registry.jobs_of(account).values():
            labels = job.row.labels
            if kind is LabelKind.CATEGORY:
                left = replace(labels, category="") if labels.category in gone else labels
            else:
                left = replace(labels, tags=tuple(tag for tag in labels.tags if tag not in gone))
            if left != labels:
                changed.append((job, replace(job.row, labels=left)))
        await self._store.remove_names(account, kind, sorted(gone), [row for _, row in changed])
        for job, row in changed:
            job.row = row

    async def _apply(
        self, account: int, chosen: frozenset[int], change: Callable[[JobLabels], JobLabels], *, seeding: bool
    ) -> None:
        held = self._registry.jobs_of(account)
        jobs = [held[number] for number in sorted(chosen) if number in held]
        changed = [(job, replace(job.row, labels=change(job.row.labels))) for job in jobs]
        changed = [(job, row) for job, row in changed if row != job.row]
        if any(len(row.labels.tags) > MOST_NAMES for _, row in changed):
            raise Refusal("full", f"at most {MOST_NAMES}")
        await self._store.save([], [row for _, row in changed])
        for job, row in changed:
            job.row = row
            if seeding:
                await self._scheduler.reschedule(job.content)
