"""Batches of changes, as one node sends them to all others: written and read, from bytes to values and back.

A batch is a head and a body. Head, little-endian: version (u8), flags (u8), node (u32), run (u64, drawn at each start
of a node), sequence (u64, of the run's batches in one shard of the stream), base (u32, seconds from EPOCH, no change of
the batch is later), name (u8 and that many bytes), wants (u8, then a node (u32) and a request (u32, its lowest
bit asks for departures alone) each).
Body: groups, each of an infohash (20), the numbers of IPv4 peers, IPv6 peers and nodes in it, the compact peers of
both families, a mark for each of them, and for each node its number (u32) and completed count. A mark is the seconds
from the change's time to base, shifted by four, and its flags. Numbers and marks are in LEB128: seven bits a byte, the
least first.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bittorrent.infohash import V1_LENGTH, InfoHash
from tracker.changes import (
    CHANGE_FLAGS,
    MAX_COMPLETED,
    RANK_SHIFT,
    Change,
    CompletedCount,
    PeerChange,
    is_change,
)
from tracker.pool import EPOCH

VERSION = 1
MAX_BATCH = 2**20
"""Bytes of the largest batch."""
MOST_CHANGES = 8192
"""Changes of one batch."""
LONGEST_NAME = 64
"""Bytes of a node's name."""
MOST_WANTED = 64
"""Snapshots that one node asks for at once."""
_HEAD = struct.Struct("<BBIQQI")
_WANTED = struct.Struct("<II")
_NODE = struct.Struct("<I")
_STRIDES = (6, 18)
_IN_STEP = 1
_LAST = 2
_SEVEN = 0x7F
_MORE = 0x80
_WIDEST = 9


class DamagedBatch(Exception):
    """Bytes that no version of this program wrote."""


class LaterVersion(DamagedBatch):
    """A batch of a later version of this program."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The request of a node for a snapshot of another one; its number tells it from that node's earlier ones.

    With `departures` it asks for those alone, which a node that was away has forgotten.
    """

    node: int
    request: int
    departures: bool = False


@dataclass(frozen=True, slots=True)
class BatchHead:
    """Who sent a batch, and which of its batches it is.

    `base` is a unix second that no change of the batch is later than. `in_step`: the sender misses nothing that it
    knows of. `last`: it is the end of a snapshot.
    """

    node: int
    run: int
    sequence: int
    base: int
    name: str = ""
    in_step: bool = False
    last: bool = False
    wants: tuple[Wanted, ...] = ()


def latest(changes: Sequence[Change], now: int) -> int:
    """Return the base of a batch: the second of the latest change, or now."""
    return max((each.time for each in changes if isinstance(each, PeerChange)), default=now)


class _Group(NamedTuple):
    v4: list[PeerChange]
    v6: list[PeerChange]
    counts: list[CompletedCount]


def pack_batch(head: BatchHead, changes: Sequence[Change]) -> bytes:
    """Return a batch as bytes; hashes that changes share are written once. ValueError: it is beyond a bound."""
    name = head.name.encode()
    if len(changes) > MOST_CHANGES or len(name) > LONGEST_NAME or len(head.wants) > MOST_WANTED:
        raise ValueError("a batch is beyond its bounds")
    flags = head.in_step * _IN_STEP | head.last * _LAST
    out = bytearray(_HEAD.pack(VERSION, flags, head.node, head.run, head.sequence, max(0, head.base - EPOCH)))
    out.append(len(name))
    out += name
    out.append(len(head.wants))
    for wanted in head.wants:
        out += _WANTED.pack(wanted.node, wanted.request << 1 | wanted.departures)
    _write_groups(out, changes, head.base)
    return bytes(out)


def _write_groups(out: bytearray, changes: Sequence[Change], base: int) -> None:
    groups: dict[bytes, _Group] = {}
    for change in changes:
        group = groups.get(change.infohash)
        if group is None:
            group = groups[change.infohash] = _Group([], [], [])
        if isinstance(change, CompletedCount):
            group.counts.append(change)
        elif len(change.peer) == _STRIDES[0]:
            group.v4.append(change)
        else:
            group.v6.append(change)
    for infohash, group in groups.items():
        out += infohash
        for part in group:
            _write_number(out, len(part))
        peers = group.v4 + group.v6
        for peer in peers:
            out += peer.peer
        for peer in peers:
            _write_number(out, (base - peer.time) << RANK_SHIFT | peer.flags)
        for count in group.counts:
            out += _NODE.pack(count.node)
            _write_number(out, count.completed)


def _write_number(out: bytearray, number: int) -> None:
    while number > _SEVEN:
        out.append(number & _SEVEN | _MORE)
        number >>= 7
    out.append(number)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose head was read; its body comes with `changes`."""

    head: BatchHead
    body: bytes


def read_batch(data: bytes) -> Batch:
    """Read the head of a batch. DamagedBatch, LaterVersion."""
    if len(data) > MAX_BATCH:
        raise DamagedBatch("too long")
    if data and data[0] > VERSION:
        raise LaterVersion(f"version {data[0]}")
    try:
        version, flags, node, run, sequence, base = _HEAD.unpack_from(data)
        if version != VERSION or flags & ~(_IN_STEP | _LAST):
            raise DamagedBatch("head")
        at = _HEAD.size + 1 + data[_HEAD.size]
        name = data[_HEAD.size + 1 : at].decode()
        count = data[at]
        if len(name.encode()) > LONGEST_NAME or count > MOST_WANTED:
            raise DamagedBatch("head")
        end = at + 1 + count * _WANTED.size
        wants = tuple(
            Wanted(node, request >> 1, bool(request & 1))
            for node, request in _WANTED.iter_unpack(data[at + 1 : end])
        )
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DamagedBatch("head") from error
    if len(wants) != count:
        raise DamagedBatch("head")
    head = BatchHead(
        node, run, sequence, base + EPOCH, name, bool(flags & _IN_STEP), bool(flags & _LAST), wants
    )
    return Batch(head, data[end:])


def changes_of(batch: Batch) -> list[Change]:
    """Read the body of a batch. DamagedBatch; nothing of it is to be used then."""
    try:
        return list(_Body(batch.body, batch.head.base).changes())
    except (struct.error, IndexError) as error:
        raise DamagedBatch("cut") from error


class _Body:
    """The groups of a body, and how far they were read."""

    def __init__(self, data: bytes, base: int) -> None:
        self._data = data
        self._base = base
        self._at = 0
        self._count = 0

    def changes(self) -> Iterator[Change]:
        """Yield every change. DamagedBatch, IndexError, struct.error."""
        while self._at < len(self._data):
            infohash = InfoHash.of(self._take(V1_LENGTH))
            counts = [self._number() for _ in range(3)]
            self._count += sum(counts)
            if not any(counts) or self._count > MOST_CHANGES:
                raise DamagedBatch("counts")
            peers = [
                self._take(stride)
                for stride, count in zip(_STRIDES, counts, strict=False)
                for _ in range(count)
            ]
            for peer in peers:
                mark = self._number()
                change = PeerChange(infohash, peer, self._base - (mark >> RANK_SHIFT), mark & CHANGE_FLAGS)
                if not is_change(change):
                    raise DamagedBatch("mark")
                yield change
            for _ in range(counts[2]):
                (node,) = _NODE.unpack(self._take(_NODE.size))
                completed = self._number()
                if not 0 < completed <= MAX_COMPLETED:
                    raise DamagedBatch("completed")
                yield CompletedCount(infohash, node, completed)

    def _take(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise DamagedBatch("cut")
        return self._data[start : self._at]

    def _number(self) -> int:
        data, at = self._data, self._at
        byte = data[at]
        number = byte & _SEVEN
        shift = 0
        while byte & _MORE:
            at += 1
            shift += 7
            if shift >= 7 * _WIDEST:
                raise DamagedBatch("number")
            byte = data[at]
            number |= (byte & _SEVEN) << shift
        if shift and not byte:
            raise DamagedBatch("number")
        self._at = at + 1
        return number
