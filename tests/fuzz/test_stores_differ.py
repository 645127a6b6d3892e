"""The store in C against the one in Python: the same calls must give the same bytes, whatever they are."""

import os
from ipaddress import ip_network

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bittorrent.infohash import InfoHash
from bittorrent.shares import ShareTerms
from tests.support.swarm_stores import STORES, native, python
from tracker.changes import (
    MAX_CONSUMERS,
    SNAPSHOT_START,
    Change,
    CompletedCount,
    PeerChange,
)
from tracker.journal_row import JournalRow
from tracker.model import Announce, AnnounceTerms, Event, Families, SocketChange
from tracker.sessions import KnownSession, LastTotals, SessionDelta

HASHES = [InfoHash(bytes([first]) + bytes([number]) * 19) for first in (0, 1, 255) for number in range(3)]
PEERS4 = [bytes([10, 0, 0, host, 0, port]) for host in range(40) for port in (1, 2, 3, 4)]
PEERS6 = [bytes([0x20, 1, 0, 0, 0, 0, 0, net, *[0] * 7, host, 0, 1]) for net in range(9) for host in range(6)]
PEERS = [peer for pair in zip(PEERS4[::2], PEERS4[1::2], strict=True) for peer in pair] + PEERS6


def comparable(batch):
    return list(batch.changes), tuple(batch.position), batch.lagged


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))

infohashes = st.sampled_from(HASHES)
foreign_changes = st.one_of(
    st.builds(
        PeerChange,
        infohashes,
        st.sampled_from([*PEERS[:6], PEERS6[0]]),
        st.sampled_from([-(10**7), -4000, -3000, -2, -1, 0, 1, 500, 601]),
        st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 16, -1]),
    ),
    st.builds(
        CompletedCount,
        infohashes,
        st.sampled_from([0, 1, 2, 7, 2**32 - 1, 2**32, -1]),
        st.sampled_from([-1, 0, 1, 9, 2**48, 2**48 + 1]),
    ),
)
reasons = st.sampled_from(["", "one", "two", "é" * 200, "three"])
seeds = st.integers(0, 2**64 - 1)


class TwoStores(RuleBasedStateMachine):
    @initialize(
        seed=seeds,
        cap=st.sampled_from([0, 2, 3]),
        torrents=st.sampled_from([5, 8, 100]),
        peers=st.sampled_from([90, 10_000]),
        remember=st.sampled_from([0, 5000]),
        sessions=st.sampled_from([3, 1000]),
        changes=st.sampled_from([4, 40, 100_000]),
        binds_above=st.sampled_from([0.0, 0.5, 0.8, 1.0]),
        limits=st.sampled_from([(0, 0, 0, 0), (20, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 7), (20, 2, 2, 3)]),
        exempt=st.sampled_from([(), (ip_network("10.0.0.4/30"), ip_network("2001:0:0:2::/63"))]),
    )
    def start(self, seed, cap, torrents, peers, remember, sessions, changes, binds_above, limits, exempt):
        self.terms = AnnounceTerms(
            max_torrents=torrents,
            max_peers=peers,
            peers_per_address=cap,
            remember_completed=remember,
            node=1,
            session_slack=1000,
            max_sessions=sessions,
            max_changes=changes,
            announce_spacing=limits[0],
            peers_per_account=limits[1],
            download_slots=limits[2],
            peers_per_hour=limits[3],
            shares=ShareTerms(binds_above, exempt),
        )
        self.noted: list[Change] = []
        self.taken: list[SessionDelta] = []
        self.now = 1_800_000_000
        self.journal: dict[tuple[InfoHash, int], JournalRow] = {}
        self.kept: list[JournalRow] = []
        self.restart(seed)

    def restart(self, seed):
        self.consumers: list[int] = []
        self.stores = python(self.terms, seed), native(self.terms, seed)

    def both(self, call):
        spec, native = (call(store) for store in self.stores)
        assert spec == native
        return spec

    def say(self, infohash, peer, event, seeder, numwant, families):
        announce = Announce(infohash, peer, event, seeder, numwant, families)
        self.both(lambda store: store.announce(announce, self.now))

    @rule(
        infohash=infohashes,
        peer=st.sampled_from(PEERS),
        event=st.sampled_from(Event),
        seeder=st.booleans(),
        numwant=st.integers(-1, 200),
        families=st.sampled_from(Families),
    )
    def announce(self, infohash, peer, event, seeder, numwant, families):
        self.say(infohash, peer, event, seeder, numwant, families)

    @rule(
        infohash=infohashes,
        peer=st.sampled_from((*PEERS[:3], PEERS6[0])),
        event=st.sampled_from(Event),
        seeder=st.booleans(),
        account=st.sampled_from([1, 2, 257]),
        peer_id=st.sampled_from([b"a" * 20, b"b" * 20, b"c" * 20]),
        numwant=st.sampled_from([-1, 0, 5, 200]),
        totals=st.tuples(*[st.sampled_from([0, 5, 1000, 2**63 - 1])] * 2),
    )
    def announce_for_an_account(self, infohash, peer, event, seeder, account, peer_id, numwant, totals):
        announce = Announce(
            infohash,
            peer,
            event,
            seeder,
            numwant,
            account=account,
            peer_id=peer_id,
            uploaded=totals[0],
            downloaded=totals[1],
        )
        self.both(lambda store: store.announce(announce, self.now))

    @rule(
        infohash=infohashes,
        event=st.sampled_from(Event),
        seeder=st.booleans(),
        account=st.sampled_from([0, 1, 257]),
        totals=st.tuples(*[st.sampled_from([0, 5, 1000])] * 2),
    )
    def note_a_session(self, infohash, event, seeder, account, totals):
        announce = Announce(
            infohash, PEERS4[0], event, seeder, 0, account=account, peer_id=b"a" * 20, uploaded=totals[0],
            downloaded=totals[1],
        )  # fmt: skip
        self.both(lambda store: store.note_session(announce, self.now))

    @rule(
        infohash=infohashes,
        address=st.sampled_from([PEERS4[0][:-2], PEERS4[20][:-2], PEERS6[0][:-2]]),
        change=st.sampled_from([(1, 0), (0, 1), (-1, 0), (0, -1), (1, -1), (-1, 1), (0, 0)]),
        completed=st.booleans(),
        times=st.integers(1, 5),
    )
    def count_sockets(self, infohash, address, change, completed, times):
        asked = SocketChange(infohash, address, *change, completed)
        for _ in range(times):
            self.both(lambda store: store.count_socket(asked, self.now))

    @rule(
        account=st.integers(1, 3), total=st.integers(0, 2000), age=st.integers(0, 4000), seeding=st.booleans()
    )
    def restore_a_session(self, account, total, age, seeding):
        last = LastTotals(total, total, self.now - age, seeding, seeding)
        session = KnownSession(account, HASHES[0], b"a" * 20, last)
        self.both(lambda store: store.restore_sessions([session]))

    @rule(fails=st.booleans())
    def take_deltas(self, fails):
        while batch := self.both(lambda store: store.take_deltas()):
            self.taken = batch
        if fails:
            self.both(lambda store: store.put_back_deltas(self.taken))

    @rule()
    def open_changes(self):
        if len(self.consumers) < MAX_CONSUMERS:
            self.consumers.append(self.both(lambda store: store.open_changes()))

    @rule(which=st.integers(0, MAX_CONSUMERS))
    def close_changes(self, which):
        if which < len(self.consumers):
            consumer = self.consumers.pop(which)
            self.both(lambda store: store.close_changes(consumer))

    @rule(which=st.integers(0, 2), limit=st.sampled_from([1, 7, 5000]), acknowledge=st.booleans())
    def read_changes(self, which, limit, acknowledge):
        if which >= len(self.consumers):
            return
        consumer = self.consumers[which]
        batch = self.both(lambda store: comparable(store.read_changes(consumer, limit)))
        self.noted += batch[0][-20:]
        if acknowledge:
            self.both(lambda store: store.acknowledge_changes(consumer, batch[1]))

    @rule(changes=st.lists(foreign_changes, max_size=30))
    def apply_changes(self, changes):
        dated = [
            each._replace(time=self.now + each.time) if isinstance(each, PeerChange) else each
            for each in changes
        ]
        self.both(lambda store: store.apply(dated, self.now))

    @rule()
    def apply_what_was_read_before(self):
        self.both(lambda store: store.apply(self.noted, self.now))
        self.noted = self.noted[-50:]

    @rule()
    def take_a_snapshot(self):
        place = SNAPSHOT_START
        while place is not None:
            changes, place = self.both(lambda store: store.snapshot(place))  # noqa: B023 - called at once
            self.noted = changes[-50:]

    @rule(
        passkey=st.sampled_from([b"k", b"K-_9" * 16]), account=st.integers(1, 2**63 + 1), known=st.booleans()
    )
    def register_a_passkey(self, passkey, account, known):
        if known:
            self.both(lambda store: store.set_passkey(passkey, account))
        else:
            self.both(lambda store: store.drop_passkey(passkey))
        self.both(lambda store: [store.account_of(each) for each in (b"k", b"K-_9" * 16, b"", b"x" * 65)])

    @rule(
        infohash=infohashes,
        first=st.integers(0, len(PEERS)),
        count=st.integers(1, 90),
        event=st.sampled_from(Event),
        seeder=st.booleans(),
        numwant=st.integers(0, 60),
    )
    def announce_many(self, infohash, first, count, event, seeder, numwant):
        for peer in PEERS[first : first + count]:
            self.say(infohash, peer, event, seeder, numwant, Families.BOTH)

    @rule(
        infohash=infohashes,
        first=st.integers(0, 9000),
        count=st.sampled_from([50, 1500, 5000]),
        event=st.sampled_from([Event.NONE, Event.NONE, Event.STOPPED, Event.PAUSED]),
        seeder=st.booleans(),
    )
    def a_crowd_comes_or_goes(self, infohash, first, count, event, seeder):
        for number in range(first, first + count):
            peer = (0x0B000000 + number).to_bytes(4, "big") + b"\x1a\xe1"
            self.say(infohash, peer, event, seeder, 0, Families.BOTH)

    @rule(infohash=infohashes, numwant=st.integers(-1, 60))
    def look_at_peers(self, infohash, numwant):
        self.both(lambda store: store.peers(infohash, numwant))

    @rule(seconds=st.integers(0, 3000), budget=st.sampled_from([1, 20, 300, 5000, 10**9]))
    def wait_and_sweep(self, seconds, budget):
        self.now += seconds
        self.both(lambda store: store.expire(self.now, budget))

    @rule(infohash=infohashes)
    def remove(self, infohash):
        self.both(lambda store: store.remove(infohash))

    @rule(alias=infohashes, canonical=infohashes)
    def join(self, alias, canonical):
        self.both(lambda store: store.join(alias, canonical))

    @rule(infohash=infohashes, given=st.booleans())
    def allow(self, infohash, given):
        self.both(lambda store: store.allow(infohash, given))

    @rule(infohashes=st.lists(infohashes, max_size=4), given=st.booleans(), many=st.booleans())
    def publish(self, infohashes, given, many):
        if many:
            self.both(lambda store: store.publish_all(b"".join(infohashes)))
        else:
            self.both(lambda store: [store.publish(each, given) for each in infohashes])

    @rule(infohash=infohashes, given=st.booleans(), reason=reasons)
    def deny(self, infohash, given, reason):
        self.both(lambda store: store.deny(infohash, given, reason))

    @rule(infohashes=st.lists(infohashes, max_size=4), reason=reasons, explained=st.booleans())
    def deny_many(self, infohashes, reason, explained):
        packed = b"".join(infohashes)
        if explained:
            self.both(lambda store: store.explain(packed, reason))
        else:
            self.both(lambda store: store.deny_all(packed))

    @rule(listed=st.booleans())
    def list_or_open(self, listed):
        for store in self.stores:
            store.listed = listed
            store.private = listed

    @rule(restoring=st.booleans(), peer=st.sampled_from(PEERS), infohash=infohashes)
    def announce_while_restoring(self, restoring, peer, infohash):
        for store in self.stores:
            store.restoring = True
        self.say(infohash, peer, Event.NONE, True, 50, Families.BOTH)
        for store in self.stores:
            store.restoring = False

    @rule()
    def remove_denied(self):
        self.both(lambda store: store.remove_denied())

    def take(self):
        rows = []
        while batch := self.both(lambda store: store.take_dirty()):
            rows += batch
        return rows

    @rule(fails=st.booleans(), announce_between=st.booleans())
    def flush(self, fails, announce_between):
        rows = self.take()
        self.kept = rows or self.kept
        if announce_between:
            self.say(HASHES[0], PEERS[0], Event.NONE, False, 10, Families.BOTH)
        if fails:
            self.both(lambda store: store.put_back(rows))
            return
        for row in rows:
            self.journal.pop((row.infohash, row.part), None)
            if row.payload is not None:
                self.journal[row.infohash, row.part] = row

    @rule(first=st.booleans(), chance=st.randoms(use_true_random=False))
    def a_step_of_a_flush_fails(self, first, chance):
        batch = self.both(lambda store: store.take_dirty())
        rows = batch if first else chance.sample(batch, len(batch))
        self.both(lambda store: store.put_back(rows))

    @rule(seed=seeds, chance=st.randoms(use_true_random=False), clean=st.booleans())
    def restart_from_the_journal(self, seed, chance, clean):
        if clean:
            self.flush(False, False)
        rows = list(self.journal.values())
        self.restart(seed)
        if not clean:
            chance.shuffle(rows)
        self.both(lambda store: store.restore(rows))

    @rule()
    def restore_old_rows_beside_live_peers(self):
        self.both(lambda store: store.restore(self.kept))

    @rule(infohash=infohashes, part=st.sampled_from([0, 1, 7, 70, 2**20]), payload=st.binary(max_size=60))
    def restore_a_damaged_row(self, infohash, part, payload):
        self.both(lambda store: store.restore([JournalRow(infohash, part, payload)]))

    @rule(part=st.sampled_from([0, 1, 2, 70]), infohash=infohashes)
    def restore_a_row_out_of_place(self, part, infohash):
        payload = next((row.payload for row in self.kept if row.payload is not None), None)
        self.both(lambda store: store.restore([JournalRow(infohash, part, payload)]))

    @invariant()
    def the_numbers_agree(self):
        self.both(lambda store: store.totals())
        self.both(lambda store: store.session_totals())
        self.both(lambda store: (store.largest(3), store.largest(100)))
        self.both(lambda store: (store.has_rules(), store.listed, store.private, store.restoring))
        self.both(
            lambda store: [
                (store.refusal(each), store.is_public(each), store.scrape(each)) for each in HASHES
            ]
        )

    def teardown(self):
        if hasattr(self, "stores"):
            self.take()


if "native" in STORES:
    TestStores = TwoStores.TestCase
    TestStores.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
