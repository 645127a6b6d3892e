"""Journal rows: a part of a swarm as bytes, written and read.

Little-endian: version (u8), completed (u64), touched (u32, seconds from EPOCH), then for each of the four
pools a count (u16), the compact peers and their states (u32). Row N holds the slots N*4096 .. N*4096+4095.
Where other nodes have counted completed downloads, row 0 ends with theirs: a node (u32) and its count (u64) each,
by node ascending. Version 1 is the same without them, and is read as well.
"""

import struct
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from tracker.changes import MAX_COMPLETED, MAX_NODES
from tracker.pool import EPOCH, PAUSED, STATE_TYPE, PeerStates, Pool
from tracker.swarm import LEECHER_POOLS, ROW_BITS, STRIDES, Swarm

VERSION = 2
_HEAD = struct.Struct("<BQI")
_COUNT = struct.Struct("<H")
_NODE = struct.Struct("<IQ")
_STATE = 4
_SPAN = 1 << ROW_BITS
_LOW = 0 if sys.byteorder == "little" else _STATE - 1  # the byte of a state in memory that has its flags
_NOT_PAUSED = bytes(each for each in range(256) if not each & PAUSED)


NO_OTHERS: Mapping[int, int] = MappingProxyType({})
MAX_PART = 1 << 20
"""Parts of one swarm; a row beyond them is damaged, since no swarm can be that large."""


class JournalRow(NamedTuple):
    """A journal row; without a payload it is one to delete.

    The infohash, of 20 bytes, is plain bytes where many rows come at once: an InfoHash is one more object that every
    garbage collection meanwhile looks at.
    """

    infohash: bytes
    part: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class RowContent:
    """What a payload holds: for each pool its compact peers and their states; completed counts of other nodes."""

    completed: int
    touched: int
    pools: tuple[tuple[bytes, PeerStates], ...]
    others: Mapping[int, int]


class DamagedRow(Exception):
    """A payload that no version of this program wrote."""


def pack(swarm: Swarm, part: int, others: Mapping[int, int] = NO_OTHERS) -> bytes:
    """Return the payload of one part of a swarm, with the completed counts of other nodes."""
    chunks = [_HEAD.pack(VERSION, swarm.completed, swarm.touched - EPOCH)]
    for pool in swarm.pools:
        chunks += _pack_pool(pool, part) if pool is not None else (_COUNT.pack(0),)
    if part == 0:
        chunks += [_NODE.pack(node, others[node]) for node in sorted(others)]
    return b"".join(chunks)


def _pack_pool(pool: Pool, part: int) -> tuple[bytes, bytes, bytes]:
    first, end = part * _SPAN, (part + 1) * _SPAN
    states = pool.states[first:end]
    peers = bytes(pool.peers[first * pool.stride : end * pool.stride])
    return _COUNT.pack(len(states)), peers, _little(states).tobytes()


def unpack(payload: bytes) -> RowContent:
    """Read a payload; raises DamagedRow."""
    try:
        version, completed, touched = _HEAD.unpack_from(payload)
        if not 1 <= version <= VERSION:
            raise DamagedRow(f"version {version}")
        if completed > MAX_COMPLETED:
            raise DamagedRow("completed")
        at = _HEAD.size
        pools: list[tuple[bytes, PeerStates]] = []
        for stride in STRIDES:
            at, peers, states = _unpack_pool(payload, at, stride)
            if len(pools) in LEECHER_POOLS and states.tobytes()[_LOW::_STATE].translate(None, _NOT_PAUSED):
                raise DamagedRow("a leecher is paused")
            pools.append((peers, states))
        others = _unpack_nodes(payload[at:]) if at < len(payload) else NO_OTHERS
    except (struct.error, ValueError) as error:
        raise DamagedRow(str(error)) from error
    return RowContent(completed, touched + EPOCH, tuple(pools), others)


def _unpack_nodes(tail: bytes) -> Mapping[int, int]:
    others = list(_NODE.iter_unpack(tail))
    ascending = all(one < other for (one, _), (other, _) in pairwise(others))
    if not ascending or len(others) > MAX_NODES or any(count > MAX_COMPLETED for _, count in others):
        raise DamagedRow("nodes")
    return dict(others)


def _unpack_pool(payload: bytes, at: int, stride: int) -> tuple[int, bytes, PeerStates]:
    (count,) = _COUNT.unpack_from(payload, at)
    at += _COUNT.size
    middle, end = at + count * stride, at + count * (stride + _STATE)
    if end > len(payload) or count > _SPAN:
        raise DamagedRow("count")
    states = array(STATE_TYPE)
    states.frombytes(payload[middle:end])
    return end, payload[at:middle], _little(states)


def _little(states: PeerStates) -> PeerStates:
    if sys.byteorder == "big":
        states = states[:]
        states.byteswap()
    return states
