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


SessionKey = tuple[InfoHash, bytes, int]
"""Infohash, peer id, account."""


class SessionDelta(NamedTuple):
    """What a client did since its delta was last taken: bytes, seconds of seeding, completed downloads."""

    account: int
    infohash: InfoHash
    peer_id: bytes
    uploaded: int
    downloaded: int
    seeded: int
    completed: int


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """Sessions in numbers; `lost` counts deltas that were dropped at the cap because nobody took them."""

    sessions: int
    deltas: int
    lost: int


class _Session(NamedTuple):
    uploaded: int
    downloaded: int
    seen: int
    seeding: bool
    completed: bool


class Sessions:
    """Sessions and deltas of all accounts, in the order of their last announce; at the cap the oldest go."""

    def __init__(self, terms: AnnounceTerms) -> None:
        self._terms = terms
        self._sessions: list[dict[SessionKey, _Session]] = [{} for _ in range(BUCKETS)]
        self._deltas: list[dict[SessionKey, SessionDelta]] = [{} for _ in range(BUCKETS)]
        self._count = self._pending = self._lost = 0
        self._turn = 0  # the bucket whose deltas are taken next
        self._left = -1  # deltas of that bucket that belong to this round; -1: it is not begun

    def note(self, announce: Announce, infohash: InfoHash, now: int) -> None:
        """Take the totals of an account's announce in; `infohash` is the one that the swarm goes by.

        The first announce of a client and `started` set the base and count no traffic, nor does one whose totals
        are less than the last ones. Time counts as seeding between two announces as a seeder that are no further
        apart than the timeout of peers.
        """
        key = infohash, announce.peer_id, announce.account
        bucket = self._sessions[infohash[0]]
        last = bucket.pop(key, None)
        if last is not None and now - last.seen > self._terms.session_timeout:
            self._count -= 1
            last = None
        seeding = announce.seeder and announce.event != Event.STOPPED
        completes = announce.event == Event.COMPLETED and announce.seeder
        done = last is not None and last.completed
        if last is None and not self._make_room(bucket):
            return
        bucket[key] = _Session(announce.uploaded, announce.downloaded, now, seeding, done or completes)
        up = down = seeded = 0
        if last is not None:
            if (
                announce.event != Event.STARTED
                and announce.uploaded >= last.uploaded
                and announce.downloaded >= last.downloaded
            ):
                up, down = announce.uploaded - last.uploaded, announce.downloaded - last.downloaded
            if announce.seeder and last.seeding and 0 < now - last.seen <= self._terms.timeout:
                seeded = now - last.seen
        completed = int(completes and not done)
        if up or down or seeded or completed:
            self._add(SessionDelta(announce.account, infohash, announce.peer_id, up, down, seeded, completed))

    def _make_room(self, bucket: dict[SessionKey, _Session]) -> bool:
        """Count a new session in, in the place of the oldest of its bucket at the cap; False if there is none."""
        if self._count >= self._terms.max_sessions:
            if not bucket:
                return False
            del bucket[next(iter(bucket))]
            self._count -= 1
        self._count += 1
        return True

    def _add(self, delta: SessionDelta) -> None:
        bucket = self._deltas[delta.infohash[0]]
        key = delta.infohash, delta.peer_id, delta.account
        old = bucket.get(key)
        if old is not None:
            sums = (min(mine + more, LARGEST) for mine, more in zip(old[3:], delta[3:], strict=True))
            bucket[key] = SessionDelta(*old[:3], *sums)
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
            self._add(delta)

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
