"""The peers of one role and one address family in memory, in wire form, so that a reply is slices.

A slot holds a compact peer (6 or 18 bytes, BEP 23 and BEP 7) in `peers` and its state in `states`:
the second it was last seen, counted from EPOCH, shifted left by two, with the flags COMPLETED and PAUSED below.
Removal moves the last slot into the hole. A small pool is scanned; a large one is indexed by address.
"""

from array import array
from typing import TypeAlias

from tracker.random_source import RandomSource

EPOCH = 1_577_836_800
COMPLETED = 1
PAUSED = 2
FLAGS = COMPLETED | PAUSED
INDEX_ABOVE = 32
"""The size beyond which a pool is indexed; below it a scan of at most 576 bytes is as fast."""

_PREFIX = {6: 4, 18: 8}
"""What counts as one address: an IPv4 address, an IPv6 /64."""

STATE_TYPE = "I"
PeerStates: TypeAlias = "array[int]"


def state_of(now: int, flags: int) -> int:
    """Return the state for a peer seen at `now` (unix seconds)."""
    return (now - EPOCH) << 2 | flags


class Pool:
    """Peers of one role and family; slots are 0 .. len-1."""

    __slots__ = ("_index", "_prefix", "peers", "states", "stride")

    def __init__(self, stride: int) -> None:
        self.stride = stride
        self.peers = bytearray()
        self.states = array(STATE_TYPE)
        self._prefix = _PREFIX[stride]
        # An address maps to its slot or, where several ports share it, to a dict of the rest to slots: so one
        # entry a peer serves both the lookup and the count of an address.
        self._index: dict[bytes, int | dict[bytes, int]] | None = None

    def __len__(self) -> int:
        return len(self.states)

    def find(self, peer: bytes) -> int:
        """Return the slot of a peer, or -1."""
        if self._index is None:
            return self._scan(peer)
        entry = self._index.get(peer[: self._prefix], -1)
        if isinstance(entry, dict):
            return entry.get(peer[self._prefix :], -1)
        return entry if entry >= 0 and self.at(entry) == peer else -1

    def _scan(self, peer: bytes) -> int:
        at = self.peers.find(peer)
        while at > 0 and at % self.stride:
            at = self.peers.find(peer, at + 1)
        return at // self.stride if at >= 0 else -1

    def at(self, slot: int) -> bytes:
        """Return the compact peer in a slot."""
        return bytes(self.peers[slot * self.stride : (slot + 1) * self.stride])

    def of_address(self, peer: bytes) -> int:
        """Return how many peers share the address (IPv6: the /64) of this one."""
        prefix = peer[: self._prefix]
        if self._index is None:
            starts = range(0, len(self.peers), self.stride)
            return sum(self.peers.startswith(prefix, start) for start in starts)
        entry = self._index.get(prefix)
        return len(entry) if isinstance(entry, dict) else int(entry is not None)

    def add(self, peer: bytes, state: int) -> int:
        """Append a peer that is not here yet; return its slot."""
        slot = len(self.states)
        self.peers += peer
        self.states.append(state)
        if self._index is not None:
            self._enter(peer, slot)
        elif slot >= INDEX_ABOVE:
            self._build()
        return slot

    def extend(self, peers: bytes, states: PeerStates) -> None:
        """Append many peers, none of which is here yet."""
        first = len(self.states)
        self.peers += peers
        self.states.extend(states)
        if self._index is None:
            if len(self.states) > INDEX_ABOVE:
                self._build()
            return
        for slot in range(first, len(self.states)):
            self._enter(self.at(slot), slot)

    def remove(self, slot: int) -> int:
        """Take the peer out of a slot, move the last one into it; return the removed state."""
        last = len(self.states) - 1
        state = self.states[slot]
        if self._index is not None:
            self._leave(self.at(slot))
        if slot != last:
            moved = self.at(last)
            self.peers[slot * self.stride : (slot + 1) * self.stride] = moved
            self.states[slot] = self.states[last]
            if self._index is not None:
                self._move(moved, slot)
        del self.peers[last * self.stride :]
        self.states.pop()
        return state

    def _build(self) -> None:
        self._index = {}
        for slot in range(len(self.states)):
            self._enter(self.at(slot), slot)

    def _enter(self, peer: bytes, slot: int) -> None:
        assert self._index is not None
        prefix, rest = peer[: self._prefix], peer[self._prefix :]
        entry = self._index.get(prefix)
        if entry is None:
            self._index[prefix] = slot
        elif isinstance(entry, dict):
            entry[rest] = slot
        else:
            self._index[prefix] = {self.at(entry)[self._prefix :]: entry, rest: slot}

    def _leave(self, peer: bytes) -> None:
        assert self._index is not None
        prefix = peer[: self._prefix]
        entry = self._index[prefix]
        if isinstance(entry, dict) and len(entry) > 1:
            del entry[peer[self._prefix :]]
        else:
            del self._index[prefix]

    def _move(self, peer: bytes, slot: int) -> None:
        assert self._index is not None
        prefix = peer[: self._prefix]
        entry = self._index[prefix]
        if isinstance(entry, dict):
            entry[peer[self._prefix :]] = slot
        else:
            self._index[prefix] = slot

    def pick(self, count: int, skip: int, rng: RandomSource) -> bytes:
        """Return `count` peers without the one in slot `skip` (-1: none), each with the same chance.

        Two windows are cut out of the ring of the other peers: the first starts anywhere, the second after a
        gap of any length that leaves room for both, so by symmetry every peer is equally likely. Draws: where
        the first starts, then the gap; none when all peers or no peers are asked for.
        """
        ring = len(self.states) - (skip >= 0)
        if count <= 0 or ring <= 0:
            return b""
        if count >= ring:
            return self._arc(0, ring, skip)
        start = rng.below(ring)
        gap = rng.below(ring - count + 1)
        first = (count + 1) // 2
        second = (start + first + gap) % ring
        return self._window(start, first, skip) + self._window(second, count - first, skip)

    def _window(self, start: int, count: int, skip: int) -> bytes:
        ring = len(self.states) - (skip >= 0)
        over = start + count - ring
        if over <= 0:
            return self._arc(start, count, skip)
        return self._arc(start, count - over, skip) + self._arc(0, over, skip)

    def _arc(self, start: int, count: int, skip: int) -> bytes:
        """Return `count` peers from the `start`th on, counted as if slot `skip` were not there."""
        stride, end = self.stride, start + count
        if skip < 0 or end <= skip:
            return bytes(self.peers[start * stride : end * stride])
        if start >= skip:
            return bytes(self.peers[(start + 1) * stride : (end + 1) * stride])
        return bytes(
            self.peers[start * stride : skip * stride] + self.peers[(skip + 1) * stride : (end + 1) * stride]
        )

    def expired(self, first: int, end: int, before: int) -> list[int]:
        """Return the slots of first .. end-1 last seen before a state, highest first."""
        states = self.states[first:end]
        if not states or min(states) >= before:
            return []
        return [first + at for at in range(len(states) - 1, -1, -1) if states[at] < before]
