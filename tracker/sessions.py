"""Sessions: the last totals of each client of an account, and the traffic between its announces as deltas.

A client is an account's peer id in a torrent, not an address, so one that announces over both address families is
counted once. Sessions and deltas are kept by the infohash's first byte, as the swarms are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bittorrent.infohash import InfoHash
from tracker.model import BUCKETS, EXPIRED_AT_ONCE, Announce, AnnounceTerms, Event

LARGEST = 2**63 - 1
"""The cap of every sum."""
DELTAS_AT_ONCE = 1024
NETWORK6 = 8
"""Bytes of an IPv6 address that stand for its network, which counts as one address."""


_PEER4 = 6  # bytes of a compact peer over IPv4


SessionKey = tuple[InfoHash, bytes, int]
"""Infohash, peer id, account."""


class LastTotals(NamedTuple):
    """A session as it stood after the announce at `seen`: its totals, the base of what is counted next.

    `seeding` is whether it announced as a seeder, `completed` whether a completed download was counted.
    """

    uploaded: int
    downloaded: int
    seen: int
    seeding: bool
    completed: bool


class SessionDelta(NamedTuple):
    """What a client did since its delta was last taken: bytes, seconds of seeding, completed downloads.

    `capped` are bytes above the largest rate, which are not counted; `last` is what its sums lead up to, so whoever
    keeps both together can go on from there. `address` is where its last announce came from: an IPv4 address, or an
    IPv6 network of 64 bits.
    """

    account: int
    infohash: InfoHash
    peer_id: bytes
    uploaded: int
    downloaded: int
    seeded: int
    completed: int
    capped: int
    last: LastTotals
    address: bytes = b""


class KnownSession(NamedTuple):
    """A session to be restored."""

    account: int
    infohash: InfoHash
    peer_id: bytes
    last: LastTotals


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """Sessions in numbers; `lost` counts deltas that were dropped at the cap because nobody took them."""

    sessions: int
    deltas: int
    lost: int


class Sessions:
    """Sessions and deltas of all accounts, in the order of their last announce; at the cap the oldest go."""

    def __init__(self, terms: AnnounceTerms) -> None:
        self._terms = terms
        self._sessions: list[dict[SessionKey, LastTotals]] = [{} for _ in range(BUCKETS)]
        self._deltas: list[dict[SessionKey, SessionDelta]] = [{} for _ in range(BUCKETS)]
        self._count = self._pending = self._lost = 0
        self._turn = 0  # the bucket whose deltas are taken next
        self._left = -1  # deltas of that bucket that belong to this round; -1: it is not begun

    def note(self, announce: Announce, infohash: InfoHash, now: int) -> None:
        """Take the totals of an account's announce in; `infohash` is the one that the swarm goes by.

        The first announce of a client and `started` set the base and count no traffic, nor does one whose totals
        are less than the last ones. What is more than the largest rate allows for the time is not counted but as
        `capped`; what comes within the same second waits for the next announce then. Time counts as seeding between
        two announces as a seeder that are no further apart than the timeout of peers.
        """
        key = infohash, announce.peer_id, announce.account
        bucket = self._sessions[infohash[0]]
        last = bucket.pop(key, None)
        if last is not None and now - last.seen > self._terms.session_timeout:
            self._count -= 1
            last = None
        if last is None and not self._make_room(bucket):
            return
        seeding = announce.seeder and announce.event != Event.STOPPED
        completes = announce.event == Event.COMPLETED and announce.seeder
        done = last is not None and last.completed
        up = down = capped = seeded = 0
        totals = announce.uploaded, announce.downloaded
        if last is not None:
            counts = (
                announce.event != Event.STARTED
                and totals[0] >= last.uploaded
                and totals[1] >= last.downloaded
            )
            if counts and self._terms.most_rate and now <= last.seen:
                totals = last.uploaded, last.downloaded
            elif counts:
                up, capped = self._bounded(totals[0] - last.uploaded, now - last.seen)
                down, more = self._bounded(totals[1] - last.downloaded, now - last.seen)
                capped = min(capped + more, LARGEST)
            if announce.seeder and last.seeding and 0 < now - last.seen <= self._terms.timeout:
                seeded = now - last.seen
        current = LastTotals(*totals, now, seeding, done or completes)
        bucket[key] = current
        completed, sums = int(completes and not done), (up, down, seeded)
        who = announce.account, infohash, announce.peer_id
        self._add(SessionDelta(*who, *sums, completed, capped, current, _network(announce.peer)))

    def _bounded(self, bytes_moved: int, seconds: int) -> tuple[int, int]:
        """Return how many bytes count for that time, and how many are too many."""
        most = min(self._terms.most_rate * seconds, LARGEST) if self._terms.most_rate else LARGEST
        counted = min(bytes_moved, most)
        return counted, bytes_moved - counted

    def _make_room(self, bucket: dict[SessionKey, LastTotals]) -> bool:
        """Count a new session in, in the place of the oldest of its bucket at the cap; False if there is none."""
        if self._count >= self._terms.max_sessions:
            if not bucket:
                return False
            del bucket[next(iter(bucket))]
            self._count -= 1
        self._count += 1
        return True

    def _add(self, delta: SessionDelta, *, newer: bool = True) -> None:
        bucket = self._deltas[delta.infohash[0]]
        key = delta.infohash, delta.peer_id, delta.account
        old = bucket.get(key)
        if old is not None:
            up, down, seeded, completed, capped = (
                min(mine + more, LARGEST) for mine, more in zip(old[3:8], delta[3:8], strict=True)
            )
            last, address = delta[8:] if newer else old[8:]
            bucket[key] = SessionDelta(*old[:3], up, down, seeded, completed, capped, last, address)
            return
        if self._pending >= self._terms.max_sessions:
            self._lost += 1
            if not bucket:
                return
            del bucket[next(iter(bucket))]
            self._pending -= 1
        bucket[key] = delta
        self._pending += 1

    def take_deltas(self) -> list[SessionDelta]:
        """Return the next deltas of a round through all and forget them; an empty list ends the round."""
        taken: list[SessionDelta] = []
        while self._turn < BUCKETS and len(taken) < DELTAS_AT_ONCE:
            bucket = self._deltas[self._turn]
            if self._left < 0:
                self._left = len(bucket)
            if not self._left or not bucket:
                self._turn, self._left = self._turn + 1, -1
                continue
            taken.append(bucket.pop(next(iter(bucket))))
            self._left -= 1
        self._pending -= len(taken)
        if not taken:
            self._turn = 0
        return taken

    def put_back_deltas(self, deltas: Sequence[SessionDelta]) -> None:
        """Add deltas again, because they could not be written, and begin a new round."""
        self._turn, self._left = 0, -1
        for delta in deltas:
            self._add(delta, newer=False)

    def restore(self, sessions: Sequence[KnownSession]) -> None:
        """Begin sessions where they stood; one that is there already stays as it is, and none begins at the cap."""
        for account, infohash, peer_id, last in sessions:
            bucket = self._sessions[infohash[0]]
            key = infohash, peer_id, account
            if key not in bucket and self._count < self._terms.max_sessions:
                bucket[key] = last
                self._count += 1

    def expire(self, bucket: int, now: int) -> None:
        """Forget some of the sessions of a bucket that were silent too long, the oldest first."""
        sessions = self._sessions[bucket]
        for _ in range(EXPIRED_AT_ONCE):
            oldest = next(iter(sessions), None)
            if oldest is None or now - sessions[oldest].seen <= self._terms.session_timeout:
                return
            del sessions[oldest]
            self._count -= 1

    def totals(self) -> SessionTotals:
        """Return sessions in numbers."""
        return SessionTotals(self._count, self._pending, self._lost)


def _network(peer: bytes) -> bytes:
    """Return the address of a compact peer as it is counted: IPv4, or the network of 64 bits of IPv6."""
    return peer[:-2] if len(peer) == _PEER4 else peer[:NETWORK6]
