"""What every store of swarms logs of its peers for other nodes, and how it takes over what they logged."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from tests.support.swarm_stores import STORES
from tracker.changes import (
    CHANGES_AT_ONCE,
    CLOCK_SKEW,
    GONE,
    LEECHER,
    MAX_COMPLETED,
    MAX_CONSUMERS,
    MAX_NODES,
    SNAPSHOT_START,
    Change,
    CompletedCount,
    PeerChange,
)
from tracker.journal_row import JournalRow
from tracker.model import Announce, AnnounceTerms, Event
from tracker.pool import COMPLETED, PAUSED
from tracker.store import SwarmStore

NOW = 1_800_000_000
HASH, OTHER = InfoHash(b"h" * 20), InfoHash(b"o" * 20)
HERE, THERE = 1, 2
TIMEOUT = AnnounceTerms().timeout


def v4(number: int) -> bytes:
    return (0x0A000000 + number).to_bytes(4, "big") + b"\x1a\xe1"


def v6(number: int) -> bytes:
    return (0x20010DB8 << 96 | number << 64 | 1).to_bytes(16, "big") + b"\x1a\xe1"


def announce(
    store: SwarmStore,
    peer: bytes = v4(1),
    event: Event = Event.NONE,
    *,
    seeder: bool = False,
    now: int = NOW,
    infohash: InfoHash = HASH,
) -> None:
    store.announce(Announce(infohash, peer, event, seeder, 0), now)


def read(store: SwarmStore, consumer: int) -> Sequence[Change]:
    """Every change that is not acknowledged yet; it is from then on."""
    changes: list[Change] = []
    while (batch := store.read_changes(consumer)).changes:
        changes += batch.changes
        store.acknowledge_changes(consumer, batch.position)
    assert not batch.lagged
    return changes


def snapshot(store: SwarmStore) -> list[Change]:
    changes: list[Change] = []
    place = SNAPSHOT_START
    while place is not None:
        step, place = store.snapshot(place)
        changes += step
    return changes


def peers(store: SwarmStore) -> set[Change]:
    return {each for each in snapshot(store) if isinstance(each, PeerChange) and not each.flags & GONE}


def rows(store: SwarmStore) -> list[JournalRow]:
    taken: list[JournalRow] = []
    while batch := store.take_dirty():
        taken += batch
    return taken


@pytest.fixture(params=STORES)
def make(request):
    return STORES[request.param]


@pytest.fixture
def store(make):
    return make(AnnounceTerms(node=HERE), 1)


@pytest.fixture
def other(make):
    return make(AnnounceTerms(node=THERE), 2)


def test_without_a_consumer_nothing_is_logged(store):
    announce(store)
    consumer = store.open_changes()

    assert read(store, consumer) == []


def test_a_change_is_a_peer_as_it_is_from_a_second_on(store):
    consumer = store.open_changes()
    announce(store, v4(1))
    announce(store, v6(2), seeder=True, now=NOW + 1)
    announce(store, v4(3), Event.PAUSED, now=NOW + 2)
    announce(store, v4(4), Event.COMPLETED, seeder=True, now=NOW + 3)

    assert read(store, consumer) == [
        PeerChange(HASH, v4(1), NOW, LEECHER),
        PeerChange(HASH, v6(2), NOW + 1, 0),
        PeerChange(HASH, v4(3), NOW + 2, PAUSED),
        PeerChange(HASH, v4(4), NOW + 3, COMPLETED),
        CompletedCount(HASH, HERE, 1),
    ]


def test_a_peer_is_logged_once_where_it_changed_last(store):
    consumer = store.open_changes()
    for second in range(3):
        for number in (1, 2):
            announce(store, v4(number), now=NOW + second)
    announce(store, v4(1), now=NOW + 3)

    assert read(store, consumer) == [
        PeerChange(HASH, v4(2), NOW + 2, LEECHER),
        PeerChange(HASH, v4(1), NOW + 3, LEECHER),
    ]


def test_a_departure_has_its_time_and_stays_in_a_snapshot(store):
    announce(store)
    consumer = store.open_changes()
    announce(store, event=Event.STOPPED, now=NOW + 5)

    assert read(store, consumer) == [PeerChange(HASH, v4(1), NOW + 5, GONE)]
    assert snapshot(store) == [PeerChange(HASH, v4(1), NOW + 5, GONE)]


def test_a_departure_is_logged_where_the_peer_was_never_seen(store):
    consumer = store.open_changes()
    announce(store, v4(1), Event.STOPPED)
    announce(store, v4(2), infohash=OTHER)
    announce(store, v4(3), Event.STOPPED, infohash=OTHER)

    assert [(each.infohash, each.peer) for each in read(store, consumer) if each.flags & GONE] == [
        (HASH, v4(1)),
        (OTHER, v4(3)),
    ]


def test_an_expired_peer_is_gone_from_when_it_was_last_seen(store):
    announce(store)
    consumer = store.open_changes()
    store.expire(NOW + TIMEOUT + 1, 10**9)

    assert read(store, consumer) == [PeerChange(HASH, v4(1), NOW, GONE)]


@pytest.mark.parametrize(
    "events", [(Event.NONE, Event.STOPPED), (Event.STOPPED, Event.STARTED), (Event.PAUSED, Event.NONE)]
)
def test_changes_within_a_second_are_dated_so_that_the_last_one_wins(store, other, events):
    consumer = store.open_changes()
    announce(store)
    other.apply(read(store, consumer), NOW)
    for event in events:
        announce(store, event=event)
        other.apply(read(store, consumer), NOW)

    assert peers(other) == peers(store)


def test_dates_run_ahead_of_the_clock_no_further_than_is_believed(store):
    store.open_changes()
    for _ in range(CLOCK_SKEW):
        announce(store, seeder=True)
        announce(store, seeder=False)

    [change] = peers(store)
    assert change.time == NOW + CLOCK_SKEW


def test_what_is_not_acknowledged_comes_again(store):
    consumer = store.open_changes()
    announce(store)
    first = store.read_changes(consumer)
    announce(store, v4(2))

    assert store.read_changes(consumer).changes[:1] == first.changes
    store.acknowledge_changes(consumer, first.position)
    assert store.read_changes(consumer).changes == [PeerChange(HASH, v4(2), NOW, LEECHER)]


def test_what_changed_after_it_was_read_is_not_acknowledged_with_it(store):
    consumer = store.open_changes()
    announce(store)
    batch = store.read_changes(consumer)
    announce(store, now=NOW + 1)
    store.acknowledge_changes(consumer, batch.position)

    assert read(store, consumer) == [PeerChange(HASH, v4(1), NOW + 1, LEECHER)]


def test_every_consumer_has_its_own_place(store):
    first = store.open_changes()
    announce(store, v4(1))
    second = store.open_changes()
    announce(store, v4(2))

    assert [each.peer for each in read(store, first)] == [v4(1), v4(2)]
    assert [each.peer for each in read(store, second)] == [v4(2)]
    store.close_changes(first)
    announce(store, v4(3))
    assert [each.peer for each in read(store, second)] == [v4(3)]
    with pytest.raises(KeyError):
        store.read_changes(first)
    assert store.open_changes() == first


def test_there_are_only_so_many_consumers(store):
    for _ in range(MAX_CONSUMERS):
        store.open_changes()

    with pytest.raises(ValueError, match="consumers"):
        store.open_changes()


def test_reading_goes_on_behind_the_limit_with_the_next_first_bytes(store):
    consumer = store.open_changes()
    hashes = [InfoHash(bytes([first]) + bytes(19)) for first in range(5)]
    for infohash in hashes:
        for number in range(3):
            announce(store, v4(number), infohash=infohash)
    seen: list[Change] = []
    for _ in range(5):
        batch = store.read_changes(consumer, 3)
        store.acknowledge_changes(consumer, batch.position)
        seen += batch.changes
        announce(store, v4(9), infohash=hashes[0], now=NOW + 1)

    assert {each.infohash for each in seen} == set(hashes)


def test_a_consumer_that_falls_behind_the_cap_is_told_once_and_takes_a_snapshot(make):
    store, other = make(AnnounceTerms(node=HERE, max_changes=10), 1), make(AnnounceTerms(node=THERE), 2)
    behind, up_to_date = store.open_changes(), store.open_changes()
    for number in range(8):
        announce(store, v4(number))
    read(store, up_to_date)
    for number in range(8, 12):
        announce(store, v4(number))

    assert len(read(store, up_to_date)) == 4
    batch = store.read_changes(behind)
    assert (batch.lagged, list(batch.changes)) == (True, [])
    other.apply(snapshot(store), NOW)
    assert peers(other) == peers(store)
    announce(store, v4(99))
    assert [each.peer for each in read(store, behind)] == [v4(99)]


def test_the_log_is_empty_again_once_everyone_has_read_it(make):
    store = make(AnnounceTerms(max_changes=5), 1)
    consumer = store.open_changes()
    for number in range(50):
        announce(store, v4(number))
        assert len(read(store, consumer)) == 1


def test_a_closed_log_needs_no_memory(make):
    store = make(AnnounceTerms(max_changes=5), 1)
    closed = store.open_changes()
    for number in range(5):
        announce(store, v4(number))
    store.close_changes(closed)
    consumer = store.open_changes()
    for number in range(5):
        announce(store, v4(number), now=NOW + 1)

    assert len(read(store, consumer)) == 5


def test_what_is_applied_is_not_logged_again_but_journaled(store, make):
    consumer = store.open_changes()
    changes = [PeerChange(HASH, v4(1), NOW, LEECHER), CompletedCount(HASH, THERE, 3)]
    store.apply(changes, NOW)

    assert read(store, consumer) == []
    restored = make(AnnounceTerms(node=HERE), 3)
    restored.restore(rows(store))
    assert sorted(snapshot(restored), key=repr) == sorted(changes, key=repr)
    assert restored.scrape(HASH).downloaded == 3
    assert rows(restored) == [], "it lies there in full"


def test_an_older_change_does_not_bring_back_who_is_gone(store):
    announce(store)
    store.open_changes()
    announce(store, event=Event.STOPPED, now=NOW + 10)

    store.apply([PeerChange(HASH, v4(1), NOW + 9, LEECHER)], NOW + 11)
    assert peers(store) == set()

    store.apply([PeerChange(HASH, v4(1), NOW + 11, LEECHER)], NOW + 11)
    assert peers(store) == {PeerChange(HASH, v4(1), NOW + 11, LEECHER)}


def test_neither_does_an_old_row_of_the_journal(store, make):
    announce(store)
    old = rows(store)
    other = make(AnnounceTerms(node=THERE), 2)
    other.apply([PeerChange(HASH, v4(1), NOW + 1, GONE)], NOW + 1)

    other.restore(old)

    assert peers(other) == set()


def test_a_departure_that_was_applied_is_remembered_before_the_peer_is_known(store):
    store.apply([PeerChange(HASH, v4(1), NOW, GONE)], NOW)
    store.apply([PeerChange(HASH, v4(1), NOW - 5, LEECHER)], NOW)

    assert peers(store) == set()
    assert store.totals().torrents == 0


def test_tombstones_are_forgotten_when_nothing_that_old_is_applied_any_more(store):
    store.apply([PeerChange(HASH, v4(1), NOW, GONE)], NOW)
    for _ in range(256):
        store.expire(NOW + TIMEOUT + 1, 1)
    assert snapshot(store) == []

    store.apply([PeerChange(HASH, v4(1), NOW, LEECHER)], NOW + TIMEOUT + 1)

    assert snapshot(store) == []


def test_tombstones_are_bounded(make):
    store = make(AnnounceTerms(max_changes=5), 1)
    store.apply([PeerChange(HASH, v4(number), NOW, GONE) for number in range(20)], NOW)

    assert [each.peer for each in snapshot(store)] == [v4(number) for number in range(15, 20)]


@pytest.mark.parametrize(
    "change",
    [
        PeerChange(HASH, v4(1), NOW - TIMEOUT - 1, LEECHER),
        PeerChange(HASH, v4(1), NOW + CLOCK_SKEW + 1, LEECHER),
        PeerChange(HASH, v4(1), 0, LEECHER),
        PeerChange(HASH, v4(1), NOW, PAUSED | LEECHER),
        PeerChange(HASH, v4(1), NOW, GONE | LEECHER),
        PeerChange(HASH, v4(1), NOW, 16),
        PeerChange(HASH, v4(1), NOW, -1),
        PeerChange(HASH, b"short", NOW, LEECHER),
        PeerChange(HASH, b"much too long for a peer", NOW, LEECHER),
        PeerChange(OTHER, v4(1), NOW, LEECHER),
        CompletedCount(HASH, THERE, 0),
        CompletedCount(HASH, THERE, MAX_COMPLETED + 1),
        CompletedCount(HASH, -1, 1),
        CompletedCount(HASH, 2**32, 1),
        CompletedCount(OTHER, THERE, 1),
    ],
)
def test_what_is_old_ahead_malformed_or_refused_is_passed_over(store, change):
    store.deny(OTHER, True)

    store.apply([change], NOW)

    assert (snapshot(store), store.totals().torrents) == ([], 0)


def test_the_caps_hold_for_what_is_applied(make):
    store = make(AnnounceTerms(max_torrents=1, max_peers=2), 1)
    store.apply([PeerChange(HASH, v4(number), NOW, 0) for number in range(3)], NOW)
    store.apply([PeerChange(OTHER, v4(1), NOW, 0), CompletedCount(OTHER, 5, 1)], NOW)

    assert (store.totals().torrents, store.totals().peers) == (1, 2)


def test_changes_go_to_the_swarm_that_a_hash_stands_for(store):
    store.join(OTHER, HASH)
    store.apply([PeerChange(OTHER, v4(1), NOW, 0), CompletedCount(OTHER, THERE, 2)], NOW)

    assert snapshot(store) == [CompletedCount(HASH, THERE, 2), PeerChange(HASH, v4(1), NOW, 0)]


def test_completed_counts_of_nodes_add_up(store, other):
    announce(store, v4(1), Event.COMPLETED, seeder=True)
    announce(other, v4(2), Event.COMPLETED, seeder=True)
    announce(other, v4(3), Event.COMPLETED, seeder=True)
    for _ in range(2):
        store.apply(snapshot(other), NOW)
        other.apply(snapshot(store), NOW)

    assert store.scrape(HASH).downloaded == other.scrape(HASH).downloaded == 3
    reply = store.announce(Announce(HASH, v4(9), Event.NONE, False, 0), NOW)
    assert reply.counts.downloaded == 3


def test_a_count_only_grows(store):
    for completed in (5, 3, 5):
        store.apply([CompletedCount(HASH, THERE, completed)], NOW)

    assert store.scrape(HASH).downloaded == 5


def test_a_node_that_lost_its_journal_gets_its_own_count_back(store):
    announce(store, v4(1), Event.COMPLETED, seeder=True)
    store.apply([CompletedCount(HASH, HERE, 9)], NOW)
    announce(store, v4(2), Event.COMPLETED, seeder=True)

    assert store.scrape(HASH).downloaded == 10


def test_only_so_many_nodes_count(store):
    store.apply([CompletedCount(HASH, 100 + node, 1) for node in range(MAX_NODES + 5)], NOW)

    assert store.scrape(HASH).downloaded == MAX_NODES


def test_of_the_counts_of_a_hybrids_hashes_the_larger_stay(store):
    announce(store, v4(1), Event.COMPLETED, seeder=True)
    announce(store, v4(2), Event.COMPLETED, seeder=True, infohash=OTHER)
    store.apply([CompletedCount(HASH, 5, 4), CompletedCount(OTHER, 5, 3), CompletedCount(OTHER, 6, 7)], NOW)

    store.join(OTHER, HASH)

    assert store.scrape(HASH).downloaded == 1 + 4 + 7


def test_a_swarm_that_others_have_completed_is_remembered_and_forgotten_like_its_own(store):
    store.apply([CompletedCount(HASH, THERE, 1)], NOW)
    store.expire(NOW + AnnounceTerms().remember_completed, 10**9)
    assert store.scrape(HASH).downloaded == 1

    store.expire(NOW + AnnounceTerms().remember_completed + 1, 10**9)

    assert store.totals().torrents == 0
    assert store.scrape(HASH).downloaded == 0


def test_a_removed_swarm_has_no_counts(store):
    store.apply([CompletedCount(HASH, THERE, 1)], NOW)
    store.remove(HASH)

    assert store.scrape(HASH).downloaded == 0


def test_a_snapshot_comes_in_steps_and_misses_nothing_that_stands_still(store):
    for number in range(CHANGES_AT_ONCE + 500):
        announce(store, v4(number))
    for number in range(300):
        announce(store, v4(number), infohash=InfoHash(bytes([number % 256, number // 256]) + bytes(18)))
    still = {each for each in peers(store) if not (each.infohash == HASH and each.peer < v4(400))}
    seen: set[Change] = set()
    place, number, steps = SNAPSHOT_START, 0, 0
    while place is not None:
        changes, place = store.snapshot(place)
        seen |= set(changes)
        steps += 1
        for _ in range(100):
            announce(store, v4(number), Event.STOPPED, now=NOW + 1)
            number += 1

    assert steps > 1
    assert still <= seen


# What holds for any changes in any order.

hashes = st.sampled_from([HASH, OTHER, InfoHash(b"H" * 20)])
flags = st.sampled_from([0, COMPLETED, PAUSED, PAUSED | COMPLETED, LEECHER, LEECHER | COMPLETED, GONE])
changes = st.one_of(
    st.builds(
        PeerChange, hashes, st.sampled_from([v4(1), v4(2), v6(1)]), st.integers(NOW - 3, NOW + 3), flags
    ),
    st.builds(CompletedCount, hashes, st.integers(1, 3), st.integers(1, 4)),
)


def outcome(store: SwarmStore) -> tuple[object, ...]:
    """Everything that can be seen of a store, without the order of slots and without tombstones."""
    counts = [store.scrape(infohash) for infohash in (HASH, OTHER, InfoHash(b"H" * 20))]
    found = {each for each in snapshot(store) if not (isinstance(each, PeerChange) and each.flags & GONE)}
    return found, counts, store.totals().peers, store.totals().complete


@pytest.mark.parametrize("name", STORES)
@given(
    st.lists(changes, max_size=30),
    st.lists(st.integers(0, 29), max_size=30),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_order_grouping_and_repetition_do_not_matter(name, said, repeated, cut, rng):
    one, two = STORES[name](AnnounceTerms(node=HERE), 1), STORES[name](AnnounceTerms(node=HERE), 1)
    one.apply(said, NOW)
    shuffled = said + [said[at] for at in repeated if at < len(said)]
    rng.shuffle(shuffled)
    two.apply(shuffled[:cut], NOW)
    two.apply(shuffled[cut:], NOW)

    assert outcome(two) == outcome(one)
    two.apply(snapshot(one), NOW)
    assert outcome(two) == outcome(one)
    assert sorted(snapshot(two), key=repr) == sorted(snapshot(one), key=repr)


@dataclass(frozen=True)
class Act:
    """What a client does at a node, and whether the nodes exchange something afterwards."""

    node: int
    peer: bytes
    infohash: InfoHash
    event: Event
    seeder: bool
    wait: int
    exchange: str


acts = st.lists(
    st.builds(
        Act,
        st.integers(0, 2),
        st.sampled_from([v4(1), v4(2), v6(1)]),
        st.sampled_from([HASH, OTHER]),
        st.sampled_from(Event),
        st.booleans(),
        st.sampled_from([0, 0, 1, 5]),
        st.sampled_from(["no", "no", "some", "lost", "twice"]),
    ),
    max_size=40,
)


class Nodes:
    """Three nodes that send each other what they logged: late, twice, or not at all."""

    def __init__(self) -> None:
        kinds = list(STORES.values())
        self.stores = [kinds[at % len(kinds)](AnnounceTerms(node=at), at) for at in range(3)]
        self.consumers = [store.open_changes() for store in self.stores]
        self.late: list[Change] = []
        self.now = NOW

    def do(self, act: Act, rng: random.Random) -> None:
        self.now += act.wait
        announce(
            self.stores[act.node], act.peer, act.event, seeder=act.seeder, now=self.now, infohash=act.infohash
        )
        if act.exchange == "no":
            return
        changes = list(read(self.stores[act.node], self.consumers[act.node]))
        if act.exchange == "lost":
            return
        self.late += changes
        rng.shuffle(self.late)
        for store in self.stores:
            store.apply(self.late[: len(self.late) // 2 + 1], self.now)
        if act.exchange != "twice":
            del self.late[: len(self.late) // 2]

    def settle(self) -> None:
        """Send everyone's snapshot to everyone."""
        for sender in self.stores:
            everything = snapshot(sender)
            for receiver in self.stores:
                receiver.apply(everything, self.now)


@given(acts, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_nodes_agree_once_they_have_heard_of_everything(said, rng):
    nodes = Nodes()
    for act in said:
        nodes.do(act, rng)
    nodes.settle()

    first, *others = [outcome(store) for store in nodes.stores]
    assert all(each == first for each in others)


@given(acts, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_last_word_of_a_peer_wins_at_whatever_node_it_was_said(said, rng):
    nodes = Nodes()
    last: dict[tuple[InfoHash, bytes], Act] = {}
    for act in said:
        nodes.now += 50  # no two within a second, nor within what dates may run ahead here
        nodes.do(act, rng)
        last[act.infohash, act.peer] = act
    nodes.settle()

    present = {(each.infohash, each.peer): each.flags for each in peers(nodes.stores[0])}
    for key, act in last.items():
        if act.event == Event.STOPPED:
            assert key not in present
        else:
            paused = act.event == Event.PAUSED and not act.seeder
            assert present[key] & (PAUSED | LEECHER) == (PAUSED if paused else 0 if act.seeder else LEECHER)


@given(acts)
@settings(max_examples=100, deadline=None)
def test_a_follower_of_the_log_has_what_its_leader_has(said):
    nodes = Nodes()
    leader, follower = nodes.stores[0], nodes.stores[1]
    for act in said:
        nodes.now += act.wait
        announce(leader, act.peer, act.event, seeder=act.seeder, now=nodes.now, infohash=act.infohash)
        follower.apply(read(leader, nodes.consumers[0]), nodes.now)
        assert peers(follower) == peers(leader)
        assert [follower.scrape(each) for each in (HASH, OTHER)] == [
            leader.scrape(each) for each in (HASH, OTHER)
        ]
