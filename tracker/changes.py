"""Changes of single peers, for other nodes: their values, the log that consumers read, and tombstones.

A peer's rank is its second and its flags as one number, GONE being the highest flag: of two changes of one peer
the one of the higher rank wins wherever and in whatever order they arrive, and at equal seconds a departure does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bittorrent.infohash import InfoHash
from tracker.model import BUCKETS, EXPIRED_AT_ONCE
from tracker.pool import COMPLETED, EPOCH, PAUSED

LEECHER = 4
GONE = 8
CHANGE_FLAGS = COMPLETED | PAUSED | LEECHER | GONE
RANK_SHIFT = 4
MAX_CONSUMERS = 8
CHANGES_AT_ONCE = 4096
"""Changes that one reading returns; a snapshot's step returns about as many."""
CLOCK_SKEW = 600
"""Seconds by which a node's clock may be ahead; what is dated later is not applied."""
MAX_NODE = 2**32 - 1
MAX_NODES = 64
"""Other nodes whose completed counts a swarm keeps."""
MAX_COMPLETED = 2**48
"""The largest completed count of another node."""


class PeerChange(NamedTuple):
    """A peer as it is from a second (unix) on: COMPLETED, PAUSED, LEECHER, or GONE. `peer` is compact."""

    infohash: InfoHash
    peer: bytes
    time: int
    flags: int


class CompletedCount(NamedTuple):
    """The completed downloads that a node has counted in a swarm; it only grows."""

    infohash: InfoHash
    node: int
    completed: int


Change = PeerChange | CompletedCount

Position = tuple[tuple[int, int], ...]
"""How far a consumer has read: pairs of a first byte of infohashes and a sequence number."""


Place = tuple[int, int, int, int]
"""Where a snapshot goes on: first byte, and one above a swarm of it; pool, and one above a slot of it."""
SNAPSHOT_START: Place = (0, -1, 0, -1)


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes that a consumer has not acknowledged, a peer's last one each, and what to acknowledge.

    `lagged`: the log was full and has dropped some; the batch is empty and the consumer needs a snapshot.
    """

    changes: Sequence[Change]
    position: Position
    lagged: bool = False


def rank_of(time: int, flags: int) -> int:
    """Return the rank of a change at a unix second."""
    return (time - EPOCH) << RANK_SHIFT | flags


def rank_of_state(which: int, state: int) -> int:
    """Return the rank of a peer in a pool."""
    return (state >> 2) << RANK_SHIFT | (which & 1) * LEECHER | state & (COMPLETED | PAUSED)


def change_of(infohash: InfoHash, peer: bytes, rank: int) -> PeerChange:
    """Return the change that has a rank."""
    return PeerChange(infohash, peer, (rank >> RANK_SHIFT) + EPOCH, rank & CHANGE_FLAGS)


def is_change(change: PeerChange) -> bool:
    """Return whether a change is well formed: a paused peer counts among the seeders, a departure has no flags."""
    flags = change.flags
    return (
        len(change.peer) in (6, 18)
        and change.time >= EPOCH
        and (
            flags == GONE
            or not (flags & ~(COMPLETED | PAUSED | LEECHER) or (flags & PAUSED and flags & LEECHER))
        )
    )


class ChangeLog:
    """Changed peers in the order of their last change, until every consumer has acknowledged them.

    A peer is in the log once. At the cap the oldest of the same first byte are dropped, and consumers that had not
    read them are told so. A swarm's own completed count is logged under an empty peer.
    """

    def __init__(self, cap: int, node: int) -> None:
        self._cap = cap
        self._node = node
        self._entries: list[dict[tuple[InfoHash, bytes], tuple[int, int]]] = [{} for _ in range(BUCKETS)]
        self._sequence = [0] * BUCKETS
        self._dropped = [0] * BUCKETS
        self._consumers: dict[int, list[int]] = {}
        self._starts = [0] * MAX_CONSUMERS
        self._count = 0
        self.active = False
        """Whether there is a consumer; without one nothing is logged."""

    def open(self) -> int:
        """Register a consumer of all changes from now on; raises ValueError beyond MAX_CONSUMERS."""
        consumer = next((each for each in range(MAX_CONSUMERS) if each not in self._consumers), None)
        if consumer is None:
            raise ValueError("there are as many consumers of changes as there may be")
        self._consumers[consumer] = list(self._sequence)
        self._starts[consumer] = 0
        self.active = True
        return consumer

    def close(self, consumer: int) -> None:
        """Remove a consumer."""
        self._consumers.pop(consumer, None)
        self.active = bool(self._consumers)
        for bucket in range(BUCKETS):
            self._free(bucket)

    def note(self, infohash: InfoHash, peer: bytes, value: int) -> None:
        """Log a peer's rank, or under an empty peer the swarm's completed count."""
        at = infohash[0]
        entries, key = self._entries[at], (infohash, peer)
        self._sequence[at] += 1
        if entries.pop(key, None) is None:
            if self._count >= self._cap:
                if not entries:
                    self._dropped[at] = self._sequence[at]
                    return
                _, self._dropped[at] = entries.pop(next(iter(entries)))
                self._count -= 1
            self._count += 1
        entries[key] = value, self._sequence[at]

    def read(self, consumer: int, limit: int) -> ChangeBatch:
        """Return up to `limit` changes that a consumer has not acknowledged; raises KeyError."""
        read = self._consumers[consumer]
        if any(dropped > seen for dropped, seen in zip(self._dropped, read, strict=True)):
            self._consumers[consumer] = list(self._sequence)
            for bucket in range(BUCKETS):
                self._free(bucket)
            return ChangeBatch((), (), lagged=True)
        changes: list[Change] = []
        position: list[tuple[int, int]] = []
        start = self._starts[consumer]
        for bucket in (*range(start, BUCKETS), *range(start)):
            if len(changes) >= limit:
                self._starts[consumer] = bucket
                break
            last = self._read(bucket, read[bucket], limit, changes)
            if last:
                position.append((bucket, last))
        return ChangeBatch(changes, tuple(position))

    def _read(self, bucket: int, seen: int, limit: int, changes: list[Change]) -> int:
        """Append the changes of a bucket that come after a sequence number; return that of the last one, or 0."""
        last = 0
        if self._sequence[bucket] > seen:
            for (infohash, peer), (value, sequence) in self._entries[bucket].items():
                if sequence <= seen:
                    continue
                if len(changes) >= limit:
                    break
                changes.append(
                    change_of(infohash, peer, value) if peer else CompletedCount(infohash, self._node, value)
                )
                last = sequence
        return last

    def acknowledge(self, consumer: int, position: Position) -> None:
        """Note that a consumer needs what it read no longer; what changed again since stays."""
        read = self._consumers.get(consumer)
        if read is None:
            return
        for bucket, sequence in position:
            read[bucket] = max(read[bucket], min(sequence, self._sequence[bucket]))
            self._free(bucket)

    def _free(self, bucket: int) -> None:
        """Drop the entries of a bucket that every consumer has acknowledged."""
        entries = self._entries[bucket]
        seen = min((read[bucket] for read in self._consumers.values()), default=self._sequence[bucket])
        while entries:
            oldest = next(iter(entries))
            if entries[oldest][1] > seen:
                return
            del entries[oldest]
            self._count -= 1


class Tombstones:
    """Ranks of departures by infohash and peer, so that an older change does not bring a peer back.

    They are kept for the timeout of peers, beyond which nothing that old is applied; at the cap the oldest of the
    same first byte goes.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._ranks: list[dict[tuple[InfoHash, bytes], int]] = [{} for _ in range(BUCKETS)]
        self._count = 0

    def any(self, bucket: int) -> bool:
        """Return whether a bucket has any."""
        return bool(self._ranks[bucket])

    def get(self, infohash: InfoHash, peer: bytes) -> int:
        """Return a peer's rank, or 0."""
        return self._ranks[infohash[0]].get((infohash, peer), 0)

    def put(self, infohash: InfoHash, peer: bytes, rank: int) -> None:
        """Remember a departure in place of an earlier one."""
        ranks, key = self._ranks[infohash[0]], (infohash, peer)
        if ranks.pop(key, None) is None:
            if self._count >= self._cap:
                if not ranks:
                    return
                del ranks[next(iter(ranks))]
                self._count -= 1
            self._count += 1
        ranks[key] = rank

    def drop(self, infohash: InfoHash, peer: bytes) -> None:
        """Forget a peer's departure, because it is back."""
        if self._count and self._ranks[infohash[0]].pop((infohash, peer), None) is not None:
            self._count -= 1

    def expire(self, bucket: int, before: int) -> None:
        """Forget some of a bucket's departures of a rank below `before`, the oldest first."""
        ranks = self._ranks[bucket]
        for _ in range(EXPIRED_AT_ONCE):
            oldest = next(iter(ranks), None)
            if oldest is None or ranks[oldest] >= before:
                return
            del ranks[oldest]
            self._count -= 1

    def each(self, bucket: int) -> list[PeerChange]:
        """Return a bucket's departures, the oldest first."""
        return [change_of(infohash, peer, rank) for (infohash, peer), rank in self._ranks[bucket].items()]
