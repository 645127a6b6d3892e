"""Last-used times of accounts and keys, coalesced and bounded, until they are written."""

from accounts.model import Principal

_MOST = 65_536


class LastUsed:
    """The last use of each account and key since the last write, in unix seconds.

    Beyond `most` of either, further ones are not noted until the next write.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.users: dict[int, int] = {}
        self.keys: dict[int, int] = {}

    def note(self, principal: Principal, now: int) -> None:
        """Record a use of the principal's account and key."""
        if principal.user is not None:
            self._put(self.users, principal.user.id, now)
        if principal.key is not None:
            self._put(self.keys, principal.key.id, now)

    def take(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return the recorded times of accounts and keys, and clear them."""
        taken = self.users, self.keys
        self.users, self.keys = {}, {}
        return taken

    def put_back(self, users: dict[int, int], keys: dict[int, int]) -> None:
        """Put back times that could not be written."""
        for times, returned in ((self.users, users), (self.keys, keys)):
            for number, time in returned.items():
                self._put(times, number, time)

    def _put(self, times: dict[int, int], number: int, time: int) -> None:
        if number in times or len(times) < self._most:
            times[number] = max(time, times.get(number, 0))
