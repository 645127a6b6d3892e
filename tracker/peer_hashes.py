"""Keyed hashes of the peers in journal rows, by torrent and country, for the census.

A hash is taken over torrent and address under the key of the day, so without that key nobody can find out which
address it was, nor that two torrents share a peer, nor that a peer came again the next day.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from tracker.distinct_counter import HASH
from tracker.geo import Countries
from tracker.journal_row import DamagedRow, JournalRow, unpack
from tracker.pool import state_of
from tracker.swarm import STRIDES

"""Bytes of the key of a day."""
CHUNK = 256
"""Hashes that are made at a time: about half a millisecond's work."""
COUNTER_KEY = 22
"""Bytes of a counter's key: a torrent's infohash and a country's code."""

_ADDRESS = {6: 4, 18: 8}
"""What counts as one address: an IPv4 address, an IPv6 /64."""
_STATE_END = 1 << 32


class TimeSpan(NamedTuple):
    """The unix seconds from `first` on and before `end`."""

    first: int
    end: int


class HashedPeer(NamedTuple):
    """A peer that was seen: the key of its counter, and the hash of its address."""

    counter: bytes
    value: bytes


class PeerHasher:
    """Hashes the peers in rows under the key of one day."""

    def __init__(self, key: bytes, geo: Countries) -> None:
        self._key = key
        self._geo = geo

    def hashes(self, rows: Sequence[JournalRow], span: TimeSpan) -> Iterator[list[HashedPeer]]:
        """Yield the peers last seen within a span, at most CHUNK at a time, and an empty list after each row."""
        for row in rows:
            state = blake2b(row.infohash, digest_size=HASH, key=self._key)
            for addresses in _addresses(row, span):
                found = self._geo.of(addresses)
                chunk = []
                for address, country in zip(addresses, found, strict=True):
                    hashed = state.copy()
                    hashed.update(address)
                    chunk.append(HashedPeer(row.infohash + country.encode("ascii"), hashed.digest()))
                yield chunk
            yield []


def _addresses(row: JournalRow, span: TimeSpan) -> Iterator[list[bytes]]:
    first, end = _states(span)
    for stride, peers, states in _pools(row):
        if not states or max(states) < first:
            continue
        length = _ADDRESS[stride]
        slots = [slot for slot, state in enumerate(states) if first <= state < end]
        for at in range(0, len(slots), CHUNK):
            yield [peers[slot * stride : slot * stride + length] for slot in slots[at : at + CHUNK]]


def _pools(row: JournalRow) -> Iterator[tuple[int, bytes, Sequence[int]]]:
    if row.payload is None:
        return
    try:
        piece = unpack(row.payload)
    except DamagedRow:
        return
    for stride, (peers, states) in zip(STRIDES, piece.pools, strict=True):
        yield stride, peers, states


def _states(span: TimeSpan) -> tuple[int, int]:
    """Return the states between which those of a span lie, as far as states reach."""
    first, end = state_of(span.first, 0), state_of(span.end, 0)
    return max(0, first), min(end, _STATE_END)
