"""Limits of downloads: what the operator allows, and space reserved for all, per account and on the disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from downloads.job_registry import ActiveContent, ActiveJob
from downloads.model import JobLabels, SeedPolicy
from downloads.store import ContentRow

ACCOUNT_FULL = "The account's space for downloads is used up."
SERVICE_FULL = "The space for downloads is used up."
DISK_FULL = "The disk is nearly full."
TOO_LARGE = "The torrent's content is larger than may be fetched here."


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What the operator allows: counts of downloads, bytes, a ratio, and seconds of seeding."""

    active: int = 50
    slots: int = 5
    queue: int = 100
    held: int = 1000
    max_size: int = 200 * 2**30
    quota: int = 2**40
    account_quota: int = 2**39
    min_free_disk: int = 2 * 2**30
    seed: bool = True
    seed_ratio: float = 1.0
    seed_time: int = 86_400

    @property
    def largest(self) -> int:
        """The bytes of the largest content that can ever fit."""
        return min(self.max_size, self.quota, self.account_quota)

    def should_seed(self, policies: Iterable[SeedPolicy]) -> bool:
        """Tell whether content is seeded, given the policies of its jobs."""
        return any(
            policy is SeedPolicy.SEED or (policy is SeedPolicy.DEFAULT and self.seed) for policy in policies
        )

    def has_seeded_enough(self, row: ContentRow, labels: JobLabels, uploaded: int, now: float) -> bool:
        """Tell whether complete content has reached what one job asked for."""
        since = row.finished if row.finished is not None else row.added
        by_ratio = labels.ratio is not None and uploaded * 1000 >= labels.ratio * row.size
        return by_ratio or (labels.seed_time is not None and now - since >= labels.seed_time)

    def seeding_done(self, row: ContentRow, uploaded: int, now: float) -> bool:
        """Tell whether complete content has reached the seed ratio or the seed time."""
        since = row.finished if row.finished is not None else row.added
        return uploaded >= self.seed_ratio * row.size or now - since >= self.seed_time


class StorageQuota:
    """Counts the full size of all started content, in total and per account.

    `free` gives the free bytes of the disk, `bytes_left` the bytes of content that are still to be fetched.
    """

    def __init__(
        self, limits: DownloadLimits, free: Callable[[], int], bytes_left: Callable[[ActiveContent], int]
    ) -> None:
        self._limits = limits
        self._free = free
        self._bytes_left = bytes_left
        self._used = 0
        self._charges: dict[int, int] = {}
        self._writing: dict[int, ActiveContent] = {}

    def charge(self, job: ActiveJob) -> bool:
        """Charge content to its job's account, once; tell whether it fits."""
        size, account = job.content.row.size, job.row.account
        if job.charged or not job.content.row.known:
            return True
        charged = self._charges.get(account, 0)
        if charged + size > self._limits.account_quota:
            return False
        self._charges[account] = charged + size
        job.charged = True
        return True

    def fits(self, account: int, size: int) -> bool:
        """Tell whether an account's quota allows more bytes."""
        return self._charges.get(account, 0) + size <= self._limits.account_quota

    def discharge(self, job: ActiveJob) -> None:
        """Undo the charge to the account."""
        if job.charged:
            job.charged = False
            remaining = self._charges[job.row.account] - job.content.row.size
            self._charges[job.row.account] = remaining
            if not remaining:
                del self._charges[job.row.account]

    def wait_reason(self, content: ActiveContent) -> str:
        """Return why content cannot be fetched now, "" when it can."""
        row = content.row
        if row.size > self._limits.largest:
            return TOO_LARGE
        if not row.begun and self._used + row.size > self._limits.quota:
            return SERVICE_FULL
        free = self._free()
        if not content.running:
            others = sum(self._bytes_left(each) for each in self._writing.values() if each is not content)
            free -= others + self._bytes_left(content)
        return DISK_FULL if free < self._limits.min_free_disk else ""

    def reserve(self, content: ActiveContent) -> None:
        """Reserve space for content that is started or complete."""
        self._used += content.row.size
        if not content.complete:
            self._writing[content.row.id] = content

    def mark_complete(self, content: ActiveContent) -> None:
        """Note that nothing more will be written of content."""
        self._writing.pop(content.row.id, None)

    def mark_incomplete(self, content: ActiveContent) -> None:
        """Note that what is missing of content will be written again."""
        self._writing[content.row.id] = content

    def release(self, content: ActiveContent) -> None:
        """Release the space of content."""
        if content.row.begun:
            self._used -= content.row.size
            self._writing.pop(content.row.id, None)
