"""The storage quota of downloads: space is reserved per content, for all, per account and on the disk."""

from collections.abc import Callable, Iterable

from downloads.job_registry import ActiveContent, ActiveJob
from downloads.limits import DownloadLimits

ACCOUNT_FULL = "The account's space for downloads is used up."
SERVICE_FULL = "The space for downloads is used up."
DISK_FULL = "The disk is nearly full."
TOO_LARGE = "The torrent's content is larger than may be fetched here."


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

    def mark_complete(self, contents: Iterable[ActiveContent]) -> None:
        """Note that nothing more will be written of these."""
        for content in contents:
            self._writing.pop(content.row.id, None)

    def release(self, content: ActiveContent) -> None:
        """Release the space of content."""
        if content.row.begun:
            self._used -= content.row.size
            self._writing.pop(content.row.id, None)
