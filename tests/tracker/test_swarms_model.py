"""The store against a slow model that keeps every peer in a plain dictionary."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bittorrent.infohash import InfoHash
from tests.support.swarm_stores import NO_SHARES, STORES, native, python
from tracker.model import Announce, AnnounceTerms, Counts, Event, Families, SocketChange
from tracker.peer_mix import choose_mix
from tracker.swarms import RETRY_SOON

HASHES = [InfoHash(bytes([number]) * 20) for number in range(4)]
PEERS4 = [bytes([10, 0, 0, host, 0, port]) for host in range(12) for port in (1, 2, 3, 4)]
PEERS6 = [bytes([0x20, 1, 0, 0, 0, 0, 0, net, *[0] * 7, host, 0, 1]) for net in range(4) for host in range(4)]
TERMS = AnnounceTerms(max_torrents=3, max_peers=90, peers_per_address=3, shares=NO_SHARES)


@dataclass
class Peer:
    seeder: bool
    paused: bool
    completed: bool
    seen: int


@dataclass
class Model:
    peers: dict[bytes, Peer] = field(default_factory=dict)
    completed: int = 0
    sockets: list[int] = field(default_factory=lambda: [0, 0])
    """Seeders and leechers over WebSocket."""

    def __len__(self) -> int:
        return len(self.peers) + sum(self.sockets)

    def counts(self) -> Counts:
        complete = sum(peer.seeder for peer in self.peers.values())
        downloaders = sum(not peer.seeder and not peer.paused for peer in self.peers.values())
        incomplete = len(self.peers) - complete + self.sockets[1]
        return Counts(complete + self.sockets[0], self.completed, incomplete, downloaders + self.sockets[1])

    def listed(self, stride: int, leechers: bool, asker: bytes) -> set[bytes]:
        return {
            key
            for key, peer in self.peers.items()
            if len(key) == stride and key != asker and leechers == (not peer.seeder and not peer.paused)
        }


def prefix(peer: bytes) -> bytes:
    return peer[: 4 if len(peer) == 6 else 8]


class StoreMachine(RuleBasedStateMachine):
    make = staticmethod(python)

    @initialize(seed=st.integers(0, 2**64 - 1))
    def start(self, seed):
        self.store = self.make(TERMS, seed)
        self.model: dict[InfoHash, Model] = {}
        self.journal = {}
        self.now = 1_800_000_000

    @rule(
        infohash=st.sampled_from(HASHES),
        peer=st.sampled_from(PEERS4 + PEERS6),
        event=st.sampled_from(Event),
        seeder=st.booleans(),
        numwant=st.integers(0, 60),
        families=st.sampled_from(Families),
    )
    def announce(self, infohash, peer, event, seeder, numwant, families):
        reply = self.store.announce(Announce(infohash, peer, event, seeder, numwant, families), self.now)
        swarm = self.model.get(infohash)
        if swarm is None and event == Event.STOPPED:
            assert reply.counts == Counts(0, 0, 0, 0)
            return
        full = swarm is None and len(self.model) >= TERMS.max_torrents
        if full and not reply.warning:
            self.make_room()
        elif full:
            assert (reply.interval, bool(reply.warning)) == (RETRY_SOON, True)
            return
        swarm = self.model.setdefault(infohash, Model())
        self.apply(swarm, peer, event, seeder)
        assert reply.counts == swarm.counts()
        self.check_peers(reply, swarm, peer, event, seeder, numwant, families)

    def make_room(self):
        """An empty swarm went, one whose completed count is gone if there is one."""
        empty = [infohash for infohash, swarm in self.model.items() if not len(swarm)]
        gone = [
            each for each in empty if self.model[each].completed and not self.store.scrape(each).downloaded
        ]
        uncounted = [each for each in empty if not self.model[each].completed]
        del self.model[(gone or uncounted)[0]]

    def apply(self, swarm, peer, event, seeder):
        if event == Event.STOPPED:
            swarm.peers.pop(peer, None)
            return
        old = swarm.peers.get(peer)
        if old is None:
            total = sum(len(each) for each in self.model.values())
            same = sum(prefix(key) == prefix(peer) for key in swarm.peers if len(key) == len(peer))
            if total >= TERMS.max_peers or same >= TERMS.peers_per_address:
                return
        completed = old is not None and old.completed
        if event == Event.COMPLETED and seeder and not completed:
            swarm.completed += 1
            completed = True
        paused = event == Event.PAUSED and not seeder
        swarm.peers[peer] = Peer(seeder, paused, completed, self.now)

    def check_peers(self, reply, swarm, peer, event, seeder, numwant, families):
        if event == Event.STOPPED:
            assert (reply.peers, reply.peers6) == (b"", b"")
            return
        pools = [
            swarm.listed(stride, leechers, peer)
            if leechers or not (seeder or event == Event.PAUSED)
            else set()
            for stride in (6, 18)
            for leechers in (False, True)
        ]
        if families == Families.V4:
            pools[2] = pools[3] = set()
        if families == Families.V6:
            pools[0] = pools[1] = set()
        shares = choose_mix(numwant, *map(len, pools))
        given4 = [reply.peers[at : at + 6] for at in range(0, len(reply.peers), 6)]
        given6 = [reply.peers6[at : at + 18] for at in range(0, len(reply.peers6), 18)]
        for given, first, takes in (
            (given4, 0, (shares.seeders4, shares.leechers4)),
            (given6, 2, (shares.seeders6, shares.leechers6)),
        ):
            assert len(set(given)) == len(given) == sum(takes)
            assert set(given[: takes[0]]) <= pools[first]
            assert set(given[takes[0] :]) <= pools[first + 1]

    @rule(infohash=st.sampled_from(HASHES), role=st.sampled_from([0, 1]), comes=st.booleans())
    def come_or_go_over_websocket(self, infohash, role, comes):
        swarm = self.model.get(infohash)
        difference = [0, 0]
        difference[role] = 1 if comes else -1
        reply = self.store.count_socket(SocketChange(infohash, bytes([9, 9, 9, 9]), *difference), self.now)
        if comes and sum(len(each) for each in self.model.values()) >= TERMS.max_peers:
            assert reply.warning
            return
        if swarm is None and not comes:
            assert reply.counts == Counts(0, 0, 0, 0)
            return
        full = swarm is None and len(self.model) >= TERMS.max_torrents
        if full and not reply.warning:
            self.make_room()
        elif full:
            assert (reply.interval, bool(reply.warning)) == (RETRY_SOON, True)
            return
        swarm = self.model.setdefault(infohash, Model())
        swarm.sockets[role] = max(0, swarm.sockets[role] + difference[role])
        assert (reply.counts, reply.peers, reply.peers6) == (swarm.counts(), b"", b"")

    @rule(seconds=st.integers(0, 2000))
    def wait_and_sweep(self, seconds):
        self.now += seconds
        self.store.expire(self.now, 100_000)
        crowded = len(self.model) > TERMS.max_torrents * 0.9
        for infohash, swarm in list(self.model.items()):
            for key, peer in list(swarm.peers.items()):
                if peer.seen < self.now - TERMS.timeout:
                    del swarm.peers[key]
            # Which of several completed torrents make room depends on where the sweep stood.
            forgotten = crowded and self.store.scrape(infohash) == Counts(0, 0, 0, 0)
            if not len(swarm) and (not swarm.completed or forgotten):
                del self.model[infohash]

    @rule(infohash=st.sampled_from(HASHES))
    def remove(self, infohash):
        self.store.remove(infohash)
        if infohash in self.model:
            self.model[infohash] = Model()

    @rule(fails=st.booleans())
    def flush(self, fails):
        rows = []
        while batch := self.store.take_dirty():
            rows += batch
        if fails:
            self.store.put_back(rows)
            return
        for row in rows:
            self.journal.pop((row.infohash, row.part), None)
            if row.payload is not None:
                self.journal[row.infohash, row.part] = row

    @rule(seed=st.integers(0, 2**64 - 1))
    def restart_after_a_clean_stop(self, seed):
        self.flush(fails=False)
        self.store = self.make(TERMS, seed)
        self.store.restore(list(self.journal.values()))
        for swarm in self.model.values():
            swarm.sockets = [0, 0]

    @invariant()
    def the_numbers_agree(self):
        for infohash in HASHES:
            assert self.store.scrape(infohash) == self.model.get(infohash, Model()).counts()
        totals = self.store.totals()
        assert totals.peers == sum(len(swarm) for swarm in self.model.values())
        assert totals.complete == sum(swarm.counts().complete for swarm in self.model.values())


class NativeMachine(StoreMachine):
    make = staticmethod(native)


TestPython = StoreMachine.TestCase
TestPython.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)

if "native" in STORES:
    TestNative = NativeMachine.TestCase
    TestNative.settings = TestPython.settings
