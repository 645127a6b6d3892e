"""Last-used times of accounts, keys and sessions, coalesced and bounded, until they are written."""

from accounts.model import Principal

_MOST = 65_536


class LastUsed:
    """The last use of each account, key and session since the last write, in unix seconds.

    Beyond `most` of any, further ones are not noted until the next write.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.users: dict[int, int] = {}
        self.keys: dict[int, int] = {}
        self.sessions: dict[int, int] = {}

    def note(self, principal: Principal, now: int) -> None:
        """Record a use of the principal's account, and of its key or session."""
        if principal.user is not None:
            self._put(self.users, principal.user.id, now)
        if principal.key is not None:
            self._put(self.keys, principal.key.id, now)
        if principal.session is not None:
            self._put(self.sessions, principal.session, now)

    def take(self) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
        """Return the recorded times of accounts, keys and sessions, and clear them."""
        taken = self.users, self.keys, self.sessions
        self.users, self.keys, self.sessions = {}, {}, {}
        return taken

    def put_back(self, users: dict[int, int], keys: dict[int, int], sessions: dict[int, int]) -> None:
        """Put back times that could not be written."""
        for times, returned in ((self.users, users), (self.keys, keys), (self.sessions, sessions)):
            for number, time in returned.items():
                self._put(times, number, time)

    def _put(self, times: dict[int, int], number: int, time: int) -> None:
        if number in times or len(times) < self._most:
            times[number] = max(time, times.get(number, 0))
