"""What every store of swarms counts for accounts: traffic between two announces of a client, as deltas."""

import pytest

from bittorrent.infohash import InfoHash
from tests.support.swarm_stores import STORES
from tracker.model import Announce, AnnounceTerms, Event, Reply
from tracker.sessions import DELTAS_AT_ONCE, LARGEST, KnownSession, LastTotals, SessionDelta, SessionTotals
from tracker.store import SwarmStore

NOW = 1_800_000_000
HASH, OTHER = InfoHash(b"h" * 20), InfoHash(b"o" * 20)
PEER, PEER6 = bytes([10, 0, 0, 1, 26, 225]), bytes(17) + b"\x01"
ADDRESS = PEER[:4]
CLIENT, SECOND = b"-XX0001-abcdefghijkl", b"-YY0001-abcdefghijkl"


class Client:
    """A client of an account that announces to one store."""

    def __init__(self, store: SwarmStore, account: int = 7, peer_id: bytes = CLIENT) -> None:
        self.store = store
        self.account = account
        self.peer_id = peer_id
        self.now = NOW

    def announce(
        self,
        up: int,
        down: int = 0,
        event: Event = Event.NONE,
        *,
        seeder: bool = False,
        infohash: InfoHash = HASH,
        peer: bytes = PEER,
    ) -> None:
        announce = Announce(
            infohash,
            peer,
            event,
            seeder,
            0,
            account=self.account,
            peer_id=self.peer_id,
            uploaded=up,
            downloaded=down,
        )
        assert isinstance(self.store.announce(announce, self.now), Reply)


def taken(store: SwarmStore) -> list[SessionDelta]:
    found: list[SessionDelta] = []
    while batch := store.take_deltas():
        found += batch
    return found


def deltas(store: SwarmStore) -> list[tuple[int, InfoHash, bytes, int, int, int, int]]:
    """Those in which something is counted: whose it is, and the sums but what is capped."""
    return [delta[:7] for delta in taken(store) if any(delta[3:8])]


def traffic(store: SwarmStore) -> list[tuple[int, int]]:
    return [(delta[3], delta[4]) for delta in deltas(store)]


@pytest.fixture(params=STORES)
def make(request):
    return STORES[request.param]


@pytest.fixture
def store(make):
    return make(AnnounceTerms(), 1)


@pytest.fixture
def client(store):
    return Client(store)


def test_nobody_has_no_session(store):
    nobody = Client(store, account=0)
    nobody.announce(0)
    nobody.announce(100, 100, Event.COMPLETED, seeder=True)

    assert deltas(store) == []
    assert store.session_totals() == SessionTotals(0, 0, 0)


def test_the_first_announce_sets_the_base_and_the_next_counts_from_it(store, client):
    client.announce(1000, 500)
    assert deltas(store) == []

    client.announce(1300, 900)

    assert deltas(store) == [(7, HASH, CLIENT, 300, 400, 0, 0)]
    assert deltas(store) == []


def test_what_several_announces_bring_is_summed(store, client):
    for total in (0, 10, 30, 60):
        client.announce(total, 2 * total)

    assert traffic(store) == [(60, 120)]


def test_a_repeated_announce_counts_nothing(store, client):
    client.announce(0)
    client.announce(50, 0, Event.STOPPED)
    client.announce(50, 0, Event.STOPPED)

    assert traffic(store) == [(50, 0)]


def test_started_sets_the_base_again(store, client):
    client.announce(1000)
    client.announce(2000, 0, Event.STARTED)
    client.announce(2500)

    assert traffic(store) == [(500, 0)]


@pytest.mark.parametrize(("up", "down"), [(99, 1000), (1000, 99), (0, 0)])
def test_a_decrease_of_either_total_counts_neither_and_sets_the_base_again(store, client, up, down):
    client.announce(100, 100)
    client.announce(up, down)
    assert deltas(store) == []

    client.announce(up + 1, down + 2)

    assert traffic(store) == [(1, 2)]


def test_a_client_that_announces_over_both_families_is_counted_once(store, client):
    client.announce(0)
    client.announce(0, peer=PEER6)
    client.announce(100)
    client.announce(100, peer=PEER6)

    assert traffic(store) == [(100, 0)]


def test_both_hashes_of_a_hybrid_are_one_session(store, client):
    store.join(OTHER, HASH)
    client.announce(0)
    client.announce(0, infohash=OTHER)
    client.announce(100)
    client.announce(100, infohash=OTHER)

    assert deltas(store) == [(7, HASH, CLIENT, 100, 0, 0, 0)]


def test_sessions_are_told_apart_by_account_torrent_and_peer_id(store, client):
    others = [Client(store, account=8), Client(store, peer_id=SECOND)]
    for step in (0, 1):
        client.announce(step * 10)
        client.announce(step * 20, infohash=OTHER)
        for number, other in enumerate(others, 3):
            other.announce(step * 10 * number)

    assert sorted(deltas(store)) == [
        (7, HASH, CLIENT, 10, 0, 0, 0),
        (7, HASH, SECOND, 40, 0, 0, 0),
        (7, OTHER, CLIENT, 20, 0, 0, 0),
        (8, HASH, CLIENT, 30, 0, 0, 0),
    ]


def test_seeding_counts_between_two_announces_as_a_seeder(store, client):
    client.announce(0, seeder=False)
    client.now += 100
    client.announce(0, 0, Event.COMPLETED, seeder=True)
    client.now += 1000
    client.announce(0, seeder=True)
    client.now += 200
    client.announce(0, 0, Event.STOPPED, seeder=True)
    client.now += 50
    client.announce(0, 0, Event.STARTED, seeder=True)

    assert [delta[5:] for delta in deltas(store)] == [(1200, 1)]


def test_a_gap_longer_than_the_timeout_is_no_seeding(store, client):
    client.announce(0, seeder=True)
    client.now += AnnounceTerms().timeout + 1
    client.announce(5, seeder=True)

    assert deltas(store) == [(7, HASH, CLIENT, 5, 0, 0, 0)]


def test_a_download_is_completed_once_a_session_and_only_with_nothing_left(store, client):
    client.announce(0, 0, Event.COMPLETED, seeder=False)
    for _ in range(3):
        client.announce(0, 0, Event.COMPLETED, seeder=True)

    assert [delta[6] for delta in deltas(store)] == [1]


def test_traffic_before_an_outage_is_counted_after_it(store, client):
    client.announce(100)
    client.now += AnnounceTerms().session_timeout
    store.expire(client.now, 10**9)
    client.announce(400)

    assert traffic(store) == [(300, 0)]


def test_a_session_that_was_silent_too_long_begins_again(store, client):
    client.announce(100)
    client.now += AnnounceTerms().session_timeout + 1
    client.announce(400)

    assert deltas(store) == []
    assert store.session_totals().sessions == 1


def test_the_sweep_forgets_silent_sessions_in_one_round_of_first_bytes(store, client):
    for number in range(20):
        client.announce(0, infohash=InfoHash(bytes([number * 12]) + bytes(19)))
    for _ in range(256):
        store.expire(client.now + AnnounceTerms().session_timeout + 1, 1)

    assert store.session_totals().sessions == 0


def test_a_stop_for_a_torrent_that_nobody_is_in_any_more_is_counted(store, client):
    client.announce(0)
    client.now += AnnounceTerms().timeout + 1
    store.expire(client.now, 10**9)
    assert store.totals().torrents == 0

    client.announce(70, 0, Event.STOPPED)

    assert traffic(store) == [(70, 0)]


def test_a_refused_or_restoring_announce_counts_nothing_and_the_next_one_all(store, client):
    client.announce(0)
    store.restoring = True
    client.announce(10)
    store.restoring = False
    assert deltas(store) == []

    client.announce(30)

    assert traffic(store) == [(30, 0)]


def test_at_the_cap_the_oldest_session_of_the_first_byte_goes(make):
    store = make(AnnounceTerms(max_sessions=2), 1)
    clients = [Client(store, account) for account in (1, 2, 3)]
    for each in clients:
        each.announce(0)
    clients[1].announce(5)
    clients[2].announce(6)
    assert store.session_totals().sessions == 2
    assert traffic(store) == [(5, 0), (6, 0)]

    clients[0].announce(9)

    assert deltas(store) == [], "it is a first announce again"


def test_deltas_that_nobody_takes_are_bounded_and_counted_as_lost(make):
    store = make(AnnounceTerms(max_sessions=2), 1)
    for account in (1, 2, 3):
        client = Client(store, account)
        client.announce(0)
        client.announce(account)

    assert store.session_totals() == SessionTotals(2, 2, 1)
    assert traffic(store) == [(2, 0), (3, 0)]


def test_deltas_that_were_put_back_are_summed_with_newer_ones(store, client):
    client.announce(0)
    client.announce(10)
    taken = store.take_deltas()
    client.announce(13)

    store.put_back_deltas(taken)

    assert traffic(store) == [(13, 0)]


def test_a_sum_has_a_largest_value(store, client):
    for _ in range(3):
        client.announce(0)
        client.announce(LARGEST)

    assert traffic(store) == [(LARGEST, 0)]


def test_deltas_come_in_batches_and_a_round_ends_however_many_follow(store):
    count = DELTAS_AT_ONCE + 100
    clients = [Client(store, account) for account in range(1, count + 1)]
    for each in clients:
        each.announce(0)
        each.announce(1)
    first = store.take_deltas()
    for each in clients[:50]:
        each.announce(2)
    second = store.take_deltas()

    assert len(first) == DELTAS_AT_ONCE
    assert len(second) == 100
    assert store.take_deltas() == []
    assert len(store.take_deltas()) == 50


def test_a_failed_take_begins_a_new_round(store, client):
    client.announce(0)
    client.announce(1)
    store.put_back_deltas(store.take_deltas())

    assert len(store.take_deltas()) == 1


def test_every_announce_of_an_account_says_where_its_session_stands(store, client):
    client.announce(100, 5)
    assert taken(store) == [
        SessionDelta(7, HASH, CLIENT, 0, 0, 0, 0, 0, LastTotals(100, 5, NOW, False, False), ADDRESS)
    ]
    client.announce(150, 9)
    client.now += 60
    client.announce(170, 9, Event.COMPLETED, seeder=True)
    assert taken(store) == [
        SessionDelta(7, HASH, CLIENT, 70, 4, 0, 1, 0, LastTotals(170, 9, NOW + 60, True, True), ADDRESS)
    ]
    client.announce(0, 0, Event.STARTED)
    assert [delta.last for delta in taken(store)] == [LastTotals(0, 0, NOW + 60, False, True)]


def test_a_delta_says_where_its_last_announce_came_from(store, client):
    client.announce(100)
    client.announce(100, peer=bytes(range(16)) + b"\x00\x01")
    first = taken(store)
    assert [delta.address for delta in first] == [bytes(range(8))]
    client.announce(200)
    store.put_back_deltas(first)
    assert [delta.address for delta in taken(store)] == [ADDRESS]
    store.put_back_deltas(first)
    assert taken(store) == first
    store.put_back_deltas([first[0]._replace(address=b"")])
    assert [delta.address for delta in taken(store)] == [b""]


def test_a_completion_is_not_erased_by_the_announces_that_follow_it(store, client):
    client.announce(0)
    client.announce(0, 9, Event.COMPLETED, seeder=True)
    client.announce(3, 9, seeder=True)
    client.announce(4, 9, Event.STOPPED, seeder=True)

    assert deltas(store) == [(7, HASH, CLIENT, 4, 9, 0, 1)]


def test_a_restored_session_goes_on_where_it_stood(store, client):
    last = LastTotals(100, 50, NOW - 600, True, True)
    store.restore_sessions([KnownSession(7, HASH, CLIENT, last)])

    client.announce(130, 50, Event.COMPLETED, seeder=True)

    assert deltas(store) == [(7, HASH, CLIENT, 30, 0, 600, 0)]
    assert store.session_totals() == SessionTotals(1, 0, 0)


def test_a_session_that_is_there_is_not_restored_over_and_none_is_beyond_the_cap(make):
    store = make(AnnounceTerms(max_sessions=2), 1)
    client = Client(store)
    client.announce(100)
    last = LastTotals(0, 0, NOW, False, False)
    store.restore_sessions([KnownSession(account, HASH, CLIENT, last) for account in (7, 8, 9)])
    assert store.session_totals().sessions == 2

    client.announce(110)

    assert deltas(store) == [(7, HASH, CLIENT, 10, 0, 0, 0)]


def test_what_was_put_back_does_not_turn_a_session_back(store, client):
    client.announce(0)
    client.announce(10)
    first = store.take_deltas()
    client.announce(13)
    store.put_back_deltas(first)
    assert [delta.last.uploaded for delta in taken(store)] == [13]

    store.put_back_deltas(first)
    assert [delta.last.uploaded for delta in taken(store)] == [10]


class TestAtALargestRate:
    """Bytes beyond what the time allows are told apart, and no second counts twice."""

    @pytest.fixture
    def store(self, make):
        return make(AnnounceTerms(most_rate=100), 1)

    def test_a_jump_is_cut_to_what_the_time_allows(self, store, client):
        client.announce(0)
        client.now += 10
        client.announce(1500, 1001)

        assert [(delta[3:5], delta.capped) for delta in taken(store)] == [((1000, 1000), 501)]
        client.now += 10
        client.announce(2500, 2001)
        assert [(delta[3:5], delta.capped) for delta in taken(store)] == [((1000, 1000), 0)]

    def test_what_comes_in_the_same_second_waits_for_the_next_announce(self, store, client):
        client.announce(0)
        client.now += 10
        client.announce(400)
        client.announce(800, 0, Event.COMPLETED, seeder=True)
        client.announce(900, seeder=True)
        assert deltas(store) == [(7, HASH, CLIENT, 400, 0, 0, 1)]

        client.now += 10
        client.announce(950, seeder=True)

        assert deltas(store) == [(7, HASH, CLIENT, 550, 0, 10, 0)]

    def test_announces_in_one_second_do_not_add_up_to_more(self, store, client):
        client.announce(0)
        client.now += 1
        for total in range(100, 10_000, 100):
            client.announce(total)

        assert [(delta.uploaded, delta.capped) for delta in taken(store)] == [(100, 0)]

    def test_the_largest_totals_overflow_nothing(self, make):
        store = make(AnnounceTerms(most_rate=2**62), 1)
        client = Client(store)
        client.announce(0)
        client.now += 5
        client.announce(LARGEST, LARGEST)

        assert [(delta[3:5], delta.capped) for delta in taken(store)] == [((LARGEST, LARGEST), 0)]
