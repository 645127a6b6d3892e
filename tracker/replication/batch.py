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
from collections.abc import Sequence
from dataclasses import dataclass

from bittorrent.infohash import V1_LENGTH, InfoHash
from tracker.changes import (
    CHANGE_FLAGS,
    GONE,
    LEECHER,
    MAX_COMPLETED,
    RANK_SHIFT,
    Change,
    CompletedCount,
    PeerChange,
)
from tracker.pool import COMPLETED, EPOCH, PAUSED

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
_BRINGS = 4
_LATEST = 2**30 - 1
"""Seconds from EPOCH beyond which no store can date a peer, in 2054."""
_FLAGS = frozenset({0, COMPLETED, PAUSED, PAUSED | COMPLETED, LEECHER, LEECHER | COMPLETED, GONE})
"""The flags that a change may have, as `is_change` says."""
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
    knows of. `last`: it is the end of a snapshot. `brings`: it has come with swarms that the stream does not hold.
    """

    node: int
    run: int
    sequence: int
    base: int
    name: str = ""
    in_step: bool = False
    last: bool = False
    brings: bool = False
    wants: tuple[Wanted, ...] = ()


def latest(changes: Sequence[Change], now: int) -> int:
    """Return the base of a batch: the second of the latest change, or now."""
    return max((each.time for each in changes if isinstance(each, PeerChange)), default=now)


def pack_batch(head: BatchHead, changes: Sequence[Change]) -> bytes:
    """Return a batch as bytes; hashes that changes share are written once. ValueError: it is beyond a bound."""
    name, base = head.name.encode(), max(0, head.base - EPOCH)
    if (
        len(changes) > MOST_CHANGES
        or len(name) > LONGEST_NAME
        or len(head.wants) > MOST_WANTED
        or base > _LATEST
    ):
        raise ValueError("a batch is beyond its bounds")
    flags = head.in_step * _IN_STEP | head.last * _LAST | head.brings * _BRINGS
    out = bytearray(_HEAD.pack(VERSION, flags, head.node, head.run, head.sequence, base))
    out.append(len(name))
    out += name
    out.append(len(head.wants))
    for wanted in head.wants:
        out += _WANTED.pack(wanted.node, wanted.request << 1 | wanted.departures)
    _write_groups(out, changes, head.base)
    return bytes(out)


def _write_groups(out: bytearray, changes: Sequence[Change], base: int) -> None:
    groups: dict[bytes, list[Change]] = {}
    for change in changes:
        group = groups.get(change.infohash)
        if group is None:
            groups[change.infohash] = [change]
        else:
            group.append(change)
    for infohash, group in groups.items():
        out += infohash
        v4 = [each for each in group if isinstance(each, PeerChange) and len(each.peer) == _STRIDES[0]]
        if len(v4) == len(group):
            peers, counts = v4, []
        else:
            peers = v4 + [
                each for each in group if isinstance(each, PeerChange) and len(each.peer) != _STRIDES[0]
            ]
            counts = [each for each in group if isinstance(each, CompletedCount)]
        for number in (len(v4), len(peers) - len(v4), len(counts)):
            _write_number(out, number)
        for peer in peers:
            out += peer.peer
        for peer in peers:
            _write_number(out, (base - peer.time) << RANK_SHIFT | peer.flags)
        for count in counts:
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
        if version != VERSION or flags & ~(_IN_STEP | _LAST | _BRINGS) or base > _LATEST:
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
        node,
        run,
        sequence,
        base + EPOCH,
        name,
        bool(flags & _IN_STEP),
        bool(flags & _LAST),
        bool(flags & _BRINGS),
        wants,
    )
    return Batch(head, data[end:])


def changes_of(batch: Batch) -> list[Change]:
    """Read the body of a batch. DamagedBatch; nothing of it is to be used then."""
    try:
        return _read_groups(batch.body, batch.head.base)
    except (struct.error, IndexError) as error:
        raise DamagedBatch("cut") from error


def _read_groups(data: bytes, base: int) -> list[Change]:
    changes: list[Change] = []
    at, end = 0, len(data)
    while at < end:
        infohash = InfoHash(data[at : at + V1_LENGTH])
        at += V1_LENGTH
        v4, at = _read_number(data, at)
        v6, at = _read_number(data, at)
        nodes, at = _read_number(data, at)
        if not 0 < v4 + v6 + nodes <= MOST_CHANGES - len(changes):
            raise DamagedBatch("counts")
        middle, marks = at + v4 * _STRIDES[0], at + v4 * _STRIDES[0] + v6 * _STRIDES[1]
        if marks > end:
            raise DamagedBatch("cut")
        peers = [data[each : each + _STRIDES[0]] for each in range(at, middle, _STRIDES[0])]
        if v6:
            peers += [data[each : each + _STRIDES[1]] for each in range(middle, marks, _STRIDES[1])]
        at = marks
        for peer in peers:
            mark, at = _read_number(data, at)
            time, flags = base - (mark >> RANK_SHIFT), mark & CHANGE_FLAGS
            if flags not in _FLAGS or time < EPOCH:
                raise DamagedBatch("mark")
            changes.append(PeerChange(infohash, peer, time, flags))
        for _ in range(nodes):
            (node,) = _NODE.unpack_from(data, at)
            completed, at = _read_number(data, at + _NODE.size)
            if not 0 < completed <= MAX_COMPLETED:
                raise DamagedBatch("completed")
            changes.append(CompletedCount(infohash, node, completed))
    return changes


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where it ends. DamagedBatch: it is too long, or ends in nothing. IndexError: it is cut."""
    byte = data[at]
    if byte <= _SEVEN:
        return byte, at + 1
    number, shift = byte & _SEVEN, 0
    while byte & _MORE:
        at += 1
        shift += 7
        if shift >= 7 * _WIDEST:
            raise DamagedBatch("number")
        byte = data[at]
        number |= (byte & _SEVEN) << shift
    if not byte:
        raise DamagedBatch("number")
    return number, at + 1
