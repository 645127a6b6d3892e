"""Hides how room is promised to content, so that no quota is passed and the disk never fills up."""

from collections.abc import Callable, Iterable

from downloads.ledger import Hold, Load
from downloads.limits import Limits

ACCOUNT_FULL = "The account's space for downloads is used up."
SERVICE_FULL = "The space for downloads is used up."
DISK_FULL = "The disk is nearly full."
TOO_LARGE = "The torrent's content is larger than may be fetched here."


class Room:
    """Counts the whole size of everything that was begun, for all and for each account.

    `free` gives the free bytes of the disk, `left` the bytes of content that are still to be fetched.
    """

    def __init__(self, limits: Limits, free: Callable[[], int], left: Callable[[Load], int]) -> None:
        self._limits = limits
        self._free = free
        self._left = left
        self._used = 0
        self._charges: dict[int, int] = {}
        self._writing: dict[int, Load] = {}

    def charge(self, hold: Hold) -> bool:
        """Count content for its job's account, once; tell whether it fits."""
        size, account = hold.load.row.size, hold.row.account
        if hold.charged or not hold.load.row.known:
            return True
        charged = self._charges.get(account, 0)
        if charged + size > self._limits.account_quota:
            return False
        self._charges[account] = charged + size
        hold.charged = True
        return True

    def fits(self, account: int, size: int) -> bool:
        """Tell whether an account has room for more."""
        return self._charges.get(account, 0) + size <= self._limits.account_quota

    def discharge(self, hold: Hold) -> None:
        """Count content for that account no more."""
        if hold.charged:
            hold.charged = False
            left = self._charges[hold.row.account] - hold.load.row.size
            self._charges[hold.row.account] = left
            if not left:
                del self._charges[hold.row.account]

    def obstacle(self, load: Load) -> str:
        """Say what keeps content from being fetched now, "" for nothing."""
        row = load.row
        if row.size > self._limits.largest:
            return TOO_LARGE
        if not row.begun and self._used + row.size > self._limits.quota:
            return SERVICE_FULL
        free = self._free()
        if not load.running:
            others = sum(self._left(each) for each in self._writing.values() if each is not load)
            free -= others + self._left(load)
        return DISK_FULL if free < self._limits.min_free_disk else ""

    def begin(self, load: Load) -> None:
        """Count content that is begun or here."""
        self._used += load.row.size
        if not load.complete:
            self._writing[load.row.id] = load

    def finish(self, loads: Iterable[Load]) -> None:
        """Expect nothing more to be written of these."""
        for load in loads:
            self._writing.pop(load.row.id, None)

    def end(self, load: Load) -> None:
        """Count content no more."""
        if load.row.begun:
            self._used -= load.row.size
            self._writing.pop(load.row.id, None)
