"""The authentication log: a line for every log-in, and for every key that was refused."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import quote

import structlog

from accounts.model import LogInAttempt

ACCEPTED = "ok"
REFUSED = frozenset(
    {
        "bad-credentials",
        "login-slowed",
        "user-disabled",
        "bad-code",
        "bad-device",
        "bad-link",
        "second-factor",
        "bad-token",
        "token-revoked",
        "token-expired",
        "key-suspended",
    }
)
"""The refusals that are lines of the log; any other says nothing of who is asking."""

_UNKNOWN = "-"
_NAME_LONGEST = 64
_REMEMBERED = 1000
_NETWORKS = 4096
_LINES_PER_MINUTE = 60
_MINUTE = 60.0

log = structlog.get_logger()


class LogInWay(StrEnum):
    """How a password or a one-time link was sent; a key is named by its dialect."""

    PAGE = "page"
    API = "api"
    GAZELLE = "gazelle"
    QBITTORRENT = "qbittorrent"
    PASSWORD_CHANGE = "password-change"  # noqa: S105 - a name
    LINK = "link"
    SECOND_FACTOR = "second-factor"
    DEVICE = "device"


class AuthenticationLog:
    """Writes the lines, and remembers the last thousand.

    A network (an IPv4 address, an IPv6 /64) has 60 lines of failures a minute, so that guesses do not fill the disk.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recent: deque[LogInAttempt] = deque(maxlen=_REMEMBERED)
        self.counts: Counter[str] = Counter()
        """Attempts since the start, by outcome."""
        self._lines: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def accepted(self, way: str, address: bytes, account: str) -> None:
        """Note a log-in that succeeded."""
        self.counts[ACCEPTED] += 1
        attempt = self._attempt(way, address, account, ACCEPTED)
        self._recent.append(attempt)
        log.info(f"authentication accepted: {_line(attempt)}")

    def refused(self, way: str, address: bytes, account: str, code: str) -> None:
        """Note an attempt that was refused with a code of `REFUSED`; any other changes nothing."""
        if code not in REFUSED:
            return
        self.counts[code] += 1
        if not self._has_line(address if len(address) == 4 else address[:8]):
            return
        attempt = self._attempt(way, address, account, code)
        self._recent.append(attempt)
        log.warning(f"authentication failed: {_line(attempt)}")

    def recent(self) -> list[LogInAttempt]:
        """Return the last lines since the start, oldest first."""
        return list(self._recent)

    def forget(self, before: int) -> int:
        """Forget the lines from before a time, in unix seconds; return how many."""
        forgotten = 0
        while self._recent and self._recent[0].time < before:
            self._recent.popleft()
            forgotten += 1
        return forgotten

    def forget_account(self, name: str) -> None:
        """Forget the lines of an account; those that were written to the service's log stay there."""
        shown = _shown(name).lower()
        kept = [attempt for attempt in self._recent if attempt.account.lower() != shown]
        self._recent = deque(kept, maxlen=_REMEMBERED)

    def _attempt(self, way: str, address: bytes, account: str, outcome: str) -> LogInAttempt:
        return LogInAttempt(int(self._clock()), _address(address), _shown(account) or _UNKNOWN, way, outcome)

    def _has_line(self, network: bytes) -> bool:
        """Count a line of a network; False where it has had those of this minute."""
        now = self._clock()
        since, count = self._lines.get(network, (now, 0))
        if not 0 <= now - since < _MINUTE:
            since, count = now, 0
        self._lines[network] = since, count + 1
        self._lines.move_to_end(network)
        if len(self._lines) > _NETWORKS:
            self._lines.popitem(last=False)
        return count < _LINES_PER_MINUTE


def _shown(account: str) -> str:
    return quote(account[:_NAME_LONGEST].encode("utf-8", "replace"), safe="")[: 3 * _NAME_LONGEST]


def _line(attempt: LogInAttempt) -> str:
    # Every part is without spaces, quotes and backslashes, so that the line is the same text in JSON.
    return f"address={attempt.address} account={attempt.account} way={attempt.way} outcome={attempt.outcome}"


def _address(address: bytes) -> str:
    # The address that stands for every unknown client is zeros, and is nobody's.
    return str(ip_address(address)) if len(address) in (4, 16) and any(address) else _UNKNOWN
