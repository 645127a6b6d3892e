"""The tracker's value types: an announce, its reply, and a swarm in numbers."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from bittorrent.infohash import InfoHash
from bittorrent.query import Event
from bittorrent.shares import ShareTerms

__all__ = [
    "Announce",
    "AnnounceFailure",
    "AnnounceTerms",
    "Counts",
    "Event",
    "Families",
    "Reply",
    "SocketChange",
    "SwarmTotals",
    "Transport",
    "Verdict",
]

MAX_NUMWANT = 200
"""The most peers that a reply holds."""
NOBODY = 0
"""The account of an announce without a passkey."""
DISABLED_ACCOUNT = 2**63
"""What stands in the place of the account of a passkey whose account is disabled."""
SUSPENDED_PASSKEY = 2**63 + 1
"""What stands in the place of the account of a passkey that a moderator suspended."""
MAX_PASSKEYS = 2**20
"""The most passkeys that a store knows."""
MOST_LARGEST = 100
"""The most swarms that a store names as its largest."""
BUCKETS = 256
"""Swarms, sessions and changes are kept by the infohash's first byte."""
EXPIRED_AT_ONCE = 2048
"""Sessions or tombstones of a bucket that one step of the sweep forgets."""
_NO_PEER_ID = bytes(20)


class TooManyPasskeys(Exception):
    """A store knows MAX_PASSKEYS already."""


class Families(IntEnum):
    """Address families that a reply may hold: both over HTTP, the packet's own over UDP."""

    BOTH = 0
    V4 = 4
    V6 = 6


class Transport(IntEnum):
    """The transport of a request; a peer over WEBSOCKET is counted by `SocketChange`, never announced as an address."""

    HTTP = 0
    UDP = 1
    WEBSOCKET = 2


class Verdict(IntEnum):
    """The outcome of an announce: UNLISTED and DENIED are refusals, all others successes, with a warning but for OK.

    FULL and RESTORING put it off. CROWDED and OVER_SLOTS (an account: its clients in a torrent, its downloads) store
    nothing; EARLY and HARVESTING (too many peers given of late) do, and give it no peers.
    """

    OK = 0
    FULL = 1
    RESTORING = 2
    UNLISTED = 3
    DENIED = 4
    CROWDED = 5
    OVER_SLOTS = 6
    EARLY = 7
    HARVESTING = 8


class Announce(NamedTuple):
    """One announce, checked: `peer` is compact (6 or 18 bytes), `numwant` lies within the transport's cap.

    `uploaded` and `downloaded` are the client's own totals, 0..2^63-1; `peer_id` has 20 bytes. They are looked at
    only where there is an account.
    """

    infohash: InfoHash
    peer: bytes
    event: Event
    seeder: bool
    numwant: int
    families: Families = Families.BOTH
    transport: Transport = Transport.HTTP
    account: int = NOBODY
    peer_id: bytes = _NO_PEER_ID
    uploaded: int = 0
    downloaded: int = 0


class SocketChange(NamedTuple):
    """What changes in a swarm's peers over WebSocket: one comes, goes, or takes the other role.

    `address` (4 or 16 bytes) is whose share a new torrent counts to. `seeders` and `leechers` are differences, -1 to 1;
    `completed` counts a download.
    """

    infohash: InfoHash
    address: bytes
    seeders: int
    leechers: int
    completed: bool = False

    @property
    def difference(self) -> int:
        """How many peers more there are by it."""
        return self.seeders + self.leechers


@dataclass(frozen=True, slots=True)
class Counts:
    """A swarm in numbers; `downloaders` is `incomplete` less the paused (BEP 21)."""

    complete: int
    downloaded: int
    incomplete: int
    downloaders: int


ZERO_COUNTS = Counts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: counts, seconds to wait, compact peers of both families, and a warning where one is due."""

    counts: Counts
    interval: int
    min_interval: int
    peers: bytes = b""
    peers6: bytes = b""
    warning: bytes = b""


UNLISTED = "unlisted"
DENIED = "denied"


@dataclass(frozen=True, slots=True)
class AnnounceFailure:
    """A refused announce: the code of a row in the table of refusals, and what is told in place of its sentence."""

    code: str
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class AnnounceTerms:
    """Intervals and caps that the operator sets; times in seconds, 0 lifts the cap per address.

    `node` numbers this store among those that exchange changes. A session outlives its peer by `session_slack`, so
    that traffic before an outage is still counted. `most_rate` is in bytes a second, 0 for any.

    The limits of an account, 0 for none: seconds between two announces of a client over one address family, its clients
    in a torrent, its downloads at once, and the peers that it is given in an hour.
    """

    interval: int = 1800
    min_interval: int = 900
    max_torrents: int = 1_000_000
    max_peers: int = 10_000_000
    peers_per_address: int = 256
    remember_completed: int = 30 * 86_400
    node: int = 0
    session_slack: int = 86_400
    max_sessions: int = 1_000_000
    max_changes: int = 100_000
    most_rate: int = 0
    announce_spacing: int = 0
    peers_per_account: int = 0
    download_slots: int = 0
    peers_per_hour: int = 0
    shares: ShareTerms = field(default_factory=ShareTerms)

    @property
    def jitter(self) -> int:
        """The most by which an interval varies to either side: a tenth."""
        return self.interval // 10

    @property
    def timeout(self) -> int:
        """How long a silent peer is kept: one and a half of the longest interval, and some slack."""
        return (self.interval + self.jitter) * 3 // 2 + 60

    @property
    def session_timeout(self) -> int:
        """How long the totals of a silent client are kept."""
        return self.timeout + self.session_slack


@dataclass(frozen=True, slots=True)
class SwarmTotals:
    """The whole store in numbers."""

    torrents: int
    peers: int
    complete: int
    incomplete: int
