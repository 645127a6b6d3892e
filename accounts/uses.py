"""Hides when accounts and keys were last used, until that is written: coalesced, and bounded."""

from accounts.model import Principal

_MOST = 65_536


class Uses:
    """The latest use of each account and key since the last write, in unix seconds.

    Beyond `most` of either, further ones are not noted until the next write.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.users: dict[int, int] = {}
        self.keys: dict[int, int] = {}

    def note(self, principal: Principal, now: int) -> None:
        """Remember that somebody asked for something."""
        if principal.user is not None:
            self._put(self.users, principal.user.id, now)
        if principal.key is not None:
            self._put(self.keys, principal.key.id, now)

    def take(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return what was noted, accounts and keys, and begin anew."""
        taken = self.users, self.keys
        self.users, self.keys = {}, {}
        return taken

    def give_back(self, users: dict[int, int], keys: dict[int, int]) -> None:
        """Take in again what could not be written."""
        for kept, returned in ((self.users, users), (self.keys, keys)):
            for number, time in returned.items():
                self._put(kept, number, time)

    def _put(self, kept: dict[int, int], number: int, time: int) -> None:
        if number in kept or len(kept) < self._most:
            kept[number] = max(time, kept.get(number, 0))
