"""One swarm: its peers in four pools by role and address family, and which of its journal rows are dirty."""

from collections.abc import Iterator

from tracker.changes import CLOCK_SKEW, LEECHER, RANK_SHIFT, rank_of_state
from tracker.model import Announce, Counts, Event, Families
from tracker.peer_mix import choose_mix
from tracker.pool import COMPLETED, EPOCH, FLAGS, PAUSED, PeerStates, Pool, state_of
from tracker.random_source import RandomSource

ROW_BITS = 12
"""A journal row holds at most 4,096 slots of each pool."""

SEEDERS4, LEECHERS4, SEEDERS6, LEECHERS6 = range(4)
LEECHER_POOLS = frozenset({LEECHERS4, LEECHERS6})
STRIDES = (6, 6, 18, 18)


class Swarm:
    """The peers of one torrent. A paused peer lies among the seeders, and counts as incomplete."""

    __slots__ = (
        "completed",
        "dirty",
        "leechers",
        "owner",
        "parts",
        "paused",
        "pools",
        "seeders",
        "socket_leechers",
        "socket_seeders",
        "touched",
    )

    def __init__(self, now: int) -> None:
        self.pools: list[Pool | None] = [None, None, None, None]
        self.seeders = 0  # the paused among them
        self.leechers = 0
        self.paused = 0
        self.socket_seeders = 0  # over WebSocket: in numbers alone, they have no address to give
        self.socket_leechers = 0
        self.completed = 0
        self.touched = now
        self.dirty = 1  # a bit a row
        self.parts = 0  # rows that the journal may hold
        self.owner = b""  # the address to whose share it counts, b"" for nobody's

    def __len__(self) -> int:
        return self.seeders + self.leechers + self.socket_seeders + self.socket_leechers

    @property
    def sockets(self) -> int:
        """How many of its peers are over WebSocket."""
        return self.socket_seeders + self.socket_leechers

    def size(self, which: int) -> int:
        """Return how many peers a pool holds."""
        pool = self.pools[which]
        return 0 if pool is None else len(pool)

    def pool(self, which: int) -> Pool:
        """Return a pool, made when it is first needed."""
        pool = self.pools[which]
        if pool is None:
            pool = self.pools[which] = Pool(STRIDES[which])
        return pool

    def counts(self) -> Counts:
        """Return the swarm in numbers."""
        complete = self.seeders - self.paused + self.socket_seeders
        downloaders = self.leechers + self.socket_leechers
        return Counts(complete, self.completed, downloaders + self.paused, downloaders)

    def count_sockets(self, seeders: int, leechers: int) -> None:
        """Count so many more or fewer peers over WebSocket; never below none."""
        self.socket_seeders = max(0, self.socket_seeders + seeders)
        self.socket_leechers = max(0, self.socket_leechers + leechers)

    def locate(self, peer: bytes) -> tuple[int, int]:
        """Return the pool and slot of a peer; slot -1 where it is in neither pool of its family."""
        first = SEEDERS4 if len(peer) == STRIDES[SEEDERS4] else SEEDERS6
        for which in (first, first + 1):
            pool = self.pools[which]
            if pool is not None and (slot := pool.find(peer)) >= 0:
                return which, slot
        return first, -1

    def first_address(self) -> bytes:
        """Return the address of the first peer, b"" where there is none."""
        pool = next((pool for pool in self.pools if pool is not None and len(pool)), None)
        return b"" if pool is None else pool.at(0)[:-2]

    def of_address(self, peer: bytes) -> int:
        """Return how many peers share an address (IPv6: its /64)."""
        first = SEEDERS4 if len(peer) == STRIDES[SEEDERS4] else SEEDERS6
        pools = self.pools[first : first + 2]
        return sum(pool.of_address(peer) for pool in pools if pool is not None)

    def put(self, announce: Announce, which: int, slot: int, now: int, known: int = 0) -> tuple[int, int]:
        """Store or refresh the announcer found at (which, slot); return where it is now.

        `completed` is counted once a peer, and only with nothing left; the flag stays with the peer. `known` is the
        rank of what other nodes may know of the peer: where the new one would not be higher, it is dated later.
        """
        paused = announce.event == Event.PAUSED and not announce.seeder
        home = (which & ~1) | int(not (announce.seeder or paused))
        old = self.pools[which].states[slot] & FLAGS if slot >= 0 else 0  # type: ignore[union-attr]
        flags = (old & COMPLETED) | (PAUSED if paused else 0)
        if announce.event == Event.COMPLETED and announce.seeder and not old & COMPLETED:
            flags |= COMPLETED
            self.completed += 1
        self.touched = now
        state = state_of(now, flags)
        if known and rank_of_state(home, state) < known:
            state = state_of(min((known >> RANK_SHIFT) + EPOCH + 1, now + CLOCK_SKEW), flags)
        if slot >= 0 and home == which:
            self.refresh(which, slot, state)
            return which, slot
        if slot >= 0:
            self.remove(which, slot)
        return home, self.insert(home, announce.peer, state)

    def refresh(self, which: int, slot: int, state: int) -> None:
        """Give a peer a new state."""
        states = self.pool(which).states
        self.paused += (state & PAUSED) // PAUSED - (states[slot] & PAUSED) // PAUSED
        states[slot] = state
        self.dirty |= 1 << (slot >> ROW_BITS)

    def insert(self, which: int, peer: bytes, state: int) -> int:
        """Add a peer that is not here yet; return its slot."""
        slot = self.pool(which).add(peer, state)
        self._count(which, 1, state)
        self.dirty |= 1 << (slot >> ROW_BITS)
        return slot

    def remove(self, which: int, slot: int) -> None:
        """Remove the peer in a slot."""
        pool = self.pool(which)
        state = pool.remove(slot)
        self._count(which, -1, state)
        self.dirty |= 1 << (slot >> ROW_BITS) | 1 << (len(pool) >> ROW_BITS)

    def replace(self, peer: bytes, slot: int, which: int, rank: int) -> None:
        """Make a peer, found at (which, slot) or not here (slot -1), what a change of another node says."""
        first = SEEDERS4 if len(peer) == STRIDES[SEEDERS4] else SEEDERS6
        home = first + (rank & LEECHER) // LEECHER
        time = (rank >> RANK_SHIFT) + EPOCH
        state = state_of(time, rank & FLAGS)
        self.touched = max(self.touched, time)
        if slot >= 0 and home == which:
            self.refresh(which, slot, state)
            return
        if slot >= 0:
            self.remove(which, slot)
        self.insert(home, peer, state)

    def load(self, which: int, peers: bytes, states: PeerStates) -> None:
        """Append many peers, none of which is here yet, without marking anything dirty."""
        self.pool(which).extend(peers, states)
        if which in LEECHER_POOLS:
            self.leechers += len(states)
        else:
            self.seeders += len(states)
            self.paused += sum(state & PAUSED for state in states) // PAUSED

    def _count(self, which: int, step: int, state: int) -> None:
        if which in LEECHER_POOLS:
            self.leechers += step
        else:
            self.seeders += step
        if state & PAUSED:
            self.paused += step

    def pick(self, announce: Announce, where: tuple[int, int], rng: RandomSource) -> tuple[bytes, bytes]:
        """Return compact peers of both families for the announcer, who is found at `where` and left out.

        A seeder and a paused peer are given leechers only. Draws: IPv4 before IPv6, seeders before leechers.
        """
        have = [self.size(which) for which in range(4)]
        if where[1] >= 0:
            have[where[0]] -= 1
        if announce.seeder or announce.event == Event.PAUSED:
            have[SEEDERS4] = have[SEEDERS6] = 0
        if announce.families == Families.V4:
            have[SEEDERS6] = have[LEECHERS6] = 0
        elif announce.families == Families.V6:
            have[SEEDERS4] = have[LEECHERS4] = 0
        shares = choose_mix(announce.numwant, *have)
        takes = (shares.seeders4, shares.leechers4, shares.seeders6, shares.leechers6)
        parts = [
            self.pool(which).pick(take, where[1] if where[0] == which else -1, rng) if take else b""
            for which, take in enumerate(takes)
        ]
        return parts[0] + parts[1], parts[2] + parts[3]

    def rows(self) -> int:
        """Return how many journal rows the swarm fills: one, or one per 4,096 slots of its largest pool."""
        longest = max(self.size(which) for which in range(4))
        return max(1, (longest + (1 << ROW_BITS) - 1) >> ROW_BITS)

    def clear(self) -> None:
        """Remove all peers and the completed count at once, whatever their number."""
        self.dirty |= (1 << self.rows()) - 1
        self.pools = [None, None, None, None]
        self.seeders = self.leechers = self.paused = self.completed = 0
        self.socket_seeders = self.socket_leechers = 0

    def entries(self) -> Iterator[tuple[int, bytes, int]]:
        """Yield (pool, peer, state) of every peer."""
        for which, pool in enumerate(self.pools):
            if pool is not None:
                for slot in range(len(pool)):
                    yield which, pool.at(slot), pool.states[slot]

    def merge_peer(self, which: int, peer: bytes, state: int) -> None:
        """Merge one peer of another copy of this swarm: the state of the later time wins, flags come with it.

        Commutative and idempotent, so that rows may arrive in any order and more than once.
        """
        at, slot = self.locate(peer)
        if slot < 0:
            self.insert(which, peer, state)
            return
        mine = self.pool(at).states[slot]
        completed = (mine | state) & COMPLETED
        if (state >> 2, which, state) > (mine >> 2, at, mine):
            self.remove(at, slot)
            self.insert(which, peer, state | completed)
        elif mine & COMPLETED != completed:
            self.refresh(at, slot, mine | completed)
