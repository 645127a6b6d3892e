"""What an account may do at once and of late: clients in a torrent, downloads, peers that it is given.

Kept by an announce's account alone, in memory that is bounded, and forgotten at a restart. A store in C keeps the same.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from bittorrent.infohash import InfoHash
from tracker.account_bounds import MOST_CLIENTS
from tracker.model import BUCKETS, EXPIRED_AT_ONCE, Announce, AnnounceTerms, Event, Verdict

K = TypeVar("K")

HOUR = 3600
_V4_PEER = 6
TAG_BYTES = 8
"""Of an infohash, by which the downloads of one account are told apart."""


class Client:
    """A client of an account in a torrent: when it was seen over IPv4 and IPv6, and whether it told of completion."""

    __slots__ = ("completed", "peer_id", "seen")

    def __init__(self, peer_id: bytes) -> None:
        self.peer_id = peer_id
        self.seen = [0, 0]
        self.completed = False

    def note(self, announce: Announce, now: int, spacing: int) -> bool:
        """Note an announce; return whether it comes too early, which the first `completed` never does."""
        family = len(announce.peer) > _V4_PEER
        completes = announce.event == Event.COMPLETED and announce.seeder
        first = completes and not self.completed
        early = now - self.seen[family] < spacing and not first
        self.seen[family] = now
        self.completed = self.completed or completes
        return early


@dataclass(slots=True)
class _Clients:
    """The clients of an account in a torrent."""

    touched: int = 0
    entries: list[Client] = field(default_factory=list)

    def admit(self, announce: Announce, now: int, terms: AnnounceTerms) -> Verdict:
        """Note a client, or with `stopped` forget it: OK, EARLY, or CROWDED where there are too many others."""
        stops = announce.event == Event.STOPPED
        for slot, client in enumerate(self.entries):
            if client.peer_id == announce.peer_id:
                if stops:
                    self.entries[slot] = self.entries[-1]
                    self.entries.pop()
                    return Verdict.OK
                return Verdict.EARLY if client.note(announce, now, terms.announce_spacing) else Verdict.OK
        if stops:
            return Verdict.OK
        most = terms.peers_per_account or MOST_CLIENTS
        if len(self.entries) >= most:
            self.entries = [each for each in self.entries if now - max(each.seen) <= terms.timeout]
        if len(self.entries) >= most:
            return Verdict.CROWDED if terms.peers_per_account else Verdict.OK
        client = Client(announce.peer_id)
        client.note(announce, now, 0)
        self.entries.append(client)
        return Verdict.OK


@dataclass(slots=True)
class _Use:
    """What an account does now and did of late: its downloads by a tag with their time, and the peers it was given."""

    touched: int = 0
    at: int = 0
    level: int = 0
    entries: list[tuple[bytes, int]] = field(default_factory=list)

    def admit(self, tag: bytes, now: int, terms: AnnounceTerms, *, leaves: bool) -> bool:
        """Note a download, or with `leaves` forget it; False where there are too many others."""
        for slot, (known, _) in enumerate(self.entries):
            if known == tag:
                if leaves:
                    self.entries[slot] = self.entries[-1]
                    self.entries.pop()
                else:
                    self.entries[slot] = tag, now
                return True
        if leaves:
            return True
        if len(self.entries) >= terms.download_slots:
            self.entries = [entry for entry in self.entries if now - entry[1] <= terms.timeout]
        if len(self.entries) >= terms.download_slots:
            return False
        self.entries.append((tag, now))
        return True

    def decay(self, now: int, rate: int) -> None:
        """Let the peers that were given be forgotten at a rate of so many an hour."""
        if now > self.at:
            self.level = max(0, self.level - (now - self.at) * rate)
            self.at = now


class AccountLimits:
    """The limits of every account. At the cap of entries the one that was touched longest ago makes room."""

    def __init__(self, terms: AnnounceTerms) -> None:
        self._terms = terms
        self._clients: list[dict[tuple[InfoHash, int], _Clients]] = [{} for _ in range(BUCKETS)]
        self._accounts: list[dict[int, _Use]] = [{} for _ in range(BUCKETS)]
        self._client_count = self._account_count = 0
        self._remember = max(terms.timeout, HOUR)

    def check(self, announce: Announce, infohash: InfoHash, now: int) -> tuple[Verdict, int]:
        """Return how an announce is answered, and how many peers it may be given at most.

        CROWDED and OVER_SLOTS: it is not stored. EARLY and HARVESTING: it is, and is given no peers.
        """
        terms, verdict = self._terms, Verdict.OK
        if terms.peers_per_account or terms.announce_spacing:
            verdict = self._admit_client(announce, infohash, now)
        if verdict is Verdict.CROWDED:
            return verdict, 0
        if terms.download_slots and not self._admit_download(announce, infohash, now):
            return Verdict.OVER_SLOTS, 0
        if announce.event == Event.STOPPED or verdict is Verdict.EARLY:
            return verdict, 0
        wanted = max(announce.numwant, 0)
        if not terms.peers_per_hour or not wanted:
            return Verdict.OK, wanted
        used = self._account(announce.account, now)
        if used is None:
            return Verdict.OK, wanted
        used.decay(now, terms.peers_per_hour)
        room = (terms.peers_per_hour * HOUR - used.level) // HOUR
        return (Verdict.OK, min(wanted, room)) if room > 0 else (Verdict.HARVESTING, 0)

    def spend(self, account: int, peers: int) -> None:
        """Count peers that an account was given."""
        used = self._accounts[account % BUCKETS].get(account)
        if used is not None and self._terms.peers_per_hour:
            used.level += peers * HOUR

    def _admit_client(self, announce: Announce, infohash: InfoHash, now: int) -> Verdict:
        bucket, key = self._clients[infohash[0]], (infohash, announce.account)
        seen = bucket.pop(key, None)
        if seen is None:
            if self._client_count >= self._terms.max_sessions:
                if not bucket:
                    return Verdict.OK
                del bucket[next(iter(bucket))]
                self._client_count -= 1
            self._client_count += 1
            seen = _Clients()
        bucket[key] = seen
        seen.touched = now
        return seen.admit(announce, now, self._terms)

    def _admit_download(self, announce: Announce, infohash: InfoHash, now: int) -> bool:
        seen = self._account(announce.account, now)
        leaves = announce.seeder or announce.event == Event.STOPPED
        tag = bytes(infohash[:TAG_BYTES])
        return seen is None or seen.admit(tag, now, self._terms, leaves=leaves)

    def _account(self, account: int, now: int) -> _Use | None:
        """Return what is kept of an account, moved to the end of its bucket; None where there is no room."""
        bucket = self._accounts[account % BUCKETS]
        seen = bucket.pop(account, None)
        if seen is None:
            if self._account_count >= self._terms.max_sessions:
                if not bucket:
                    return None
                del bucket[next(iter(bucket))]
                self._account_count -= 1
            self._account_count += 1
            seen = _Use(at=now)
        bucket[account] = seen
        seen.touched = now
        return seen

    def expire(self, number: int, now: int) -> None:
        """Forget some of what was not touched for long in a bucket, the oldest first."""
        self._client_count -= self._forget(self._clients[number], now)
        self._account_count -= self._forget(self._accounts[number], now)

    def _forget(self, bucket: dict[K, _Clients] | dict[K, _Use], now: int) -> int:
        for count in range(EXPIRED_AT_ONCE):
            oldest = next(iter(bucket), None)
            if oldest is None or now - bucket[oldest].touched <= self._remember:
                return count
            del bucket[oldest]
        return EXPIRED_AT_ONCE
