"""Hides how who was seen is read out of journal rows, and how an address becomes a hash that tells nothing.

A hash is taken over torrent and address under the key of the day, so without that key nobody can tell which
address it was, nor that two torrents share a peer, nor that somebody came again the next day.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from tracker.distinct import HASH
from tracker.geo import Countries
from tracker.pool import word_of
from tracker.row import DamagedRow, Row, unpack
from tracker.swarm import STRIDES

KEY = 32
"""Bytes of the key of a day."""
CHUNK = 256
"""Sightings that are read at a time: about half a millisecond's work."""
TALLY_KEY = 22
"""Bytes that name a tally: a torrent's infohash and a country's code."""

_ADDRESS = {6: 4, 18: 8}
"""What counts as one address: an IPv4 address, an IPv6 /64."""
_WORD_END = 1 << 32


class Span(NamedTuple):
    """The unix seconds from `first` on and before `end`."""

    first: int
    end: int


class Sighting(NamedTuple):
    """Somebody seen: the tally it belongs to, and the hash that stands for who it was."""

    tally: bytes
    value: bytes


class Lens:
    """Reads sightings out of rows, under the key of one day."""

    def __init__(self, key: bytes, geo: Countries) -> None:
        self._key = key
        self._geo = geo

    def sightings(self, rows: Sequence[Row], span: Span) -> Iterator[list[Sighting]]:
        """Yield who was last seen within a span, at most CHUNK at a time; empty lists in between are a breath."""
        for row in rows:
            state = blake2b(row.infohash, digest_size=HASH, key=self._key)
            for addresses in _addresses(row, span):
                found = self._geo.of(addresses)
                chunk = []
                for address, country in zip(addresses, found, strict=True):
                    hashed = state.copy()
                    hashed.update(address)
                    chunk.append(Sighting(row.infohash + country.encode("ascii"), hashed.digest()))
                yield chunk
            yield []


def _addresses(row: Row, span: Span) -> Iterator[list[bytes]]:
    first, end = _words(span)
    for stride, peers, words in _pools(row):
        if not words or max(words) < first:
            continue
        length = _ADDRESS[stride]
        slots = [slot for slot, word in enumerate(words) if first <= word < end]
        for at in range(0, len(slots), CHUNK):
            yield [peers[slot * stride : slot * stride + length] for slot in slots[at : at + CHUNK]]


def _pools(row: Row) -> Iterator[tuple[int, bytes, Sequence[int]]]:
    if row.payload is None:
        return
    try:
        piece = unpack(row.payload)
    except DamagedRow:
        return
    for stride, (peers, words) in zip(STRIDES, piece.pools, strict=True):
        yield stride, peers, words


def _words(span: Span) -> tuple[int, int]:
    """Return the words between which those of a span lie, as far as words reach."""
    first, end = word_of(span.first, 0), word_of(span.end, 0)
    return max(0, first), min(end, _WORD_END)
