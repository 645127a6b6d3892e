"""What every store of swarms does."""

import random
from collections import Counter
from ipaddress import ip_network

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.peers import pack
from bittorrent.shares import ShareTerms
from tests.support.swarm_stores import STORES, StoreFactory
from tracker.journal_row import JournalRow
from tracker.model import (
    DENIED,
    UNLISTED,
    ZERO_COUNTS,
    Announce,
    AnnounceFailure,
    AnnounceTerms,
    Counts,
    Event,
    Families,
    Reply,
    SocketChange,
    SwarmTotals,
)
from tracker.swarms import FULL, RESTORING

NOW = 1_800_000_000
HASH = InfoHash(b"h" * 20)
OTHER = InfoHash(b"o" * 20)


class Bench:
    """A store with short names for what tests do again and again."""

    def __init__(self, make: StoreFactory, terms: AnnounceTerms, seed: int = 1) -> None:
        self.store = make(terms, seed)
        self.terms = terms

    def say(self, peer: bytes, **said) -> Reply:
        now = said.pop("now", NOW)
        said = {"infohash": HASH, "event": Event.NONE, "seeder": False, "numwant": 50} | said
        return self.store.announce(Announce(peer=peer, **said), now)

    def fill(self, seeders: int = 0, leechers: int = 0, seeders6: int = 0, leechers6: int = 0) -> None:
        for at in range(seeders):
            self.say(v4(at), seeder=True, numwant=0)
        for at in range(leechers):
            self.say(v4(100_000 + at), numwant=0)
        for at in range(seeders6):
            self.say(v6(at), seeder=True, numwant=0)
        for at in range(leechers6):
            self.say(v6(100_000 + at), numwant=0)

    def counts(self) -> tuple[int, int, int, int]:
        counts = self.store.scrape(HASH)
        return counts.complete, counts.downloaded, counts.incomplete, counts.downloaders

    def flush(self) -> list[JournalRow]:
        rows: list[JournalRow] = []
        while batch := self.store.take_dirty():
            rows += batch
        return rows


def v4(number: int, port: int = 6881) -> bytes:
    return pack((0x0A000000 + number).to_bytes(4, "big"), port)


def v6(number: int, port: int = 6881) -> bytes:
    return pack((0x20010DB8 << 96 | number << 64 | 1).to_bytes(16, "big"), port)


def split(peers: bytes, stride: int) -> list[bytes]:
    assert len(peers) % stride == 0
    return [peers[at : at + stride] for at in range(0, len(peers), stride)]


@pytest.fixture(params=STORES)
def make(request):
    return STORES[request.param]


@pytest.fixture
def bench(make):
    return Bench(make, AnnounceTerms())


def test_counts_include_the_announcer_and_the_peers_do_not(bench):
    reply = bench.say(v4(1))

    assert (reply.counts, reply.peers, reply.peers6) == (Counts(0, 0, 1, 1), b"", b"")


def test_the_same_peer_again_is_the_same_peer(bench):
    for _ in range(3):
        bench.say(v4(1))

    assert bench.counts() == (0, 0, 1, 1)


@pytest.mark.parametrize("swarm", [3, 40, 200])
@pytest.mark.parametrize("seeder", [False, True])
def test_no_one_is_given_to_himself(bench, swarm, seeder):
    bench.fill(seeders=swarm, leechers=swarm, seeders6=swarm, leechers6=swarm)

    for at in range(swarm):
        for asker in (v4(at) if seeder else v4(100_000 + at), v6(at) if seeder else v6(100_000 + at)):
            reply = bench.say(asker, seeder=seeder, numwant=30)
            assert asker not in split(reply.peers, 6) + split(reply.peers6, 18)


def test_an_answer_names_nobody_twice(bench):
    bench.fill(seeders=60, leechers=60)

    for at in range(60):
        peers = split(bench.say(v4(at)).peers, 6)
        assert len(peers) == len(set(peers)) == 50


def test_a_seeder_is_given_leechers_only(bench):
    bench.fill(seeders=100, leechers=3, leechers6=2)

    reply = bench.say(v4(1), seeder=True)

    assert set(split(reply.peers, 6)) == {v4(100_000 + at) for at in range(3)}
    assert set(split(reply.peers6, 18)) == {v6(100_000 + at) for at in range(2)}


def test_a_leecher_always_learns_of_other_leechers(bench):
    bench.fill(seeders=1000, leechers=500)
    leechers = {v4(100_000 + at) for at in range(500)}

    for at in range(50):
        peers = split(bench.say(v4(100_000 + at)).peers, 6)
        assert len(peers) == 50
        assert sum(peer in leechers for peer in peers) == 13


def test_seeders_fill_the_rest_where_leechers_are_few(bench):
    bench.fill(seeders=100, leechers=3)

    peers = split(bench.say(v4(100_000)).peers, 6)

    assert len(peers) == 50
    assert {v4(100_001), v4(100_002)} < set(peers)


def test_both_families_get_at_least_a_quarter_of_an_answer(bench):
    bench.fill(seeders=1000, leechers=300, leechers6=20)

    reply = bench.say(v4(100_000), numwant=40)

    assert len(reply.peers) // 6 + len(reply.peers6) // 18 == 40
    assert len(reply.peers6) // 18 >= 10


@pytest.mark.parametrize(("families", "expected"), [(Families.V4, (5, 0)), (Families.V6, (0, 5))])
def test_over_udp_only_the_packets_family_is_given(bench, families, expected):
    bench.fill(seeders=5, seeders6=5)

    reply = bench.say(v4(999_999), families=families)

    assert (len(reply.peers) // 6, len(reply.peers6) // 18) == expected
    assert reply.counts.complete == 10


@pytest.mark.parametrize("numwant", [0, 1, 2, 3, 4, 7, 50, 200])
def test_no_more_are_given_than_wanted(bench, numwant):
    bench.fill(seeders=300, leechers=300, seeders6=300, leechers6=300)

    reply = bench.say(v4(1, port=7), numwant=numwant)

    assert len(reply.peers) // 6 + len(reply.peers6) // 18 == numwant


@pytest.mark.parametrize("swarm", [20, 120, 999])
def test_everyone_is_given_as_often_as_anyone_else(bench, swarm):
    bench.fill(leechers=swarm)
    rounds, wanted = 3000, 10

    given = Counter(
        peer for _ in range(rounds) for peer in split(bench.say(v4(1), seeder=True, numwant=wanted).peers, 6)
    )

    expected = rounds * wanted / swarm
    chi_square = sum((given[v4(100_000 + at)] - expected) ** 2 / expected for at in range(swarm))
    assert chi_square < swarm + 6 * (2 * swarm) ** 0.5


def test_a_member_of_the_swarm_favours_no_neighbour(bench):
    bench.fill(leechers=41)
    asker, rounds = v4(100_020), 4000

    given = Counter(peer for _ in range(rounds) for peer in split(bench.say(asker, numwant=10).peers, 6))

    assert asker not in given
    assert len(given) == 40
    assert max(given.values()) - min(given.values()) < 6 * (rounds * 10 / 40) ** 0.5


def test_stopped_removes_and_gives_no_peers(bench):
    bench.fill(leechers=3)

    reply = bench.say(v4(100_000), event=Event.STOPPED)

    assert (reply.counts.incomplete, reply.peers) == (2, b"")
    assert bench.counts() == (0, 0, 2, 2)


@pytest.mark.parametrize("known_torrent", [False, True])
def test_stopped_of_an_unknown_peer_is_a_success_that_leaves_no_trace(bench, known_torrent):
    bench.fill(leechers=int(known_torrent))

    reply = bench.say(v4(7), event=Event.STOPPED)

    assert reply.warning == b""
    assert bench.store.totals().torrents == int(known_torrent)
    assert bench.counts()[2] == int(known_torrent)


def test_completed_counts_once_a_peer_and_only_with_nothing_left(bench):
    bench.say(v4(1), event=Event.COMPLETED)
    assert bench.counts() == (0, 0, 1, 1)

    for _ in range(3):
        bench.say(v4(1), event=Event.COMPLETED, seeder=True)
    bench.say(v4(1), seeder=True)
    bench.say(v4(1), event=Event.COMPLETED, seeder=True)

    assert bench.counts() == (1, 1, 0, 0)


def test_a_seeder_that_lost_data_is_a_leecher_again(bench):
    bench.say(v4(1), seeder=True)
    bench.say(v4(1), seeder=False)

    assert bench.counts() == (0, 0, 1, 1)


def test_a_paused_peer_is_listed_like_a_seeder_and_counted_as_incomplete(bench):
    bench.fill(seeders=1, leechers=1)

    asked = bench.say(v4(5), event=Event.PAUSED)

    assert bench.counts() == (1, 0, 2, 1)
    assert split(asked.peers, 6) == [v4(100_000)]
    assert v4(5) in split(bench.say(v4(100_000)).peers, 6)
    assert v4(5) not in split(bench.say(v4(0), seeder=True).peers, 6)


def test_a_paused_peer_comes_back_as_what_it_says(bench):
    bench.say(v4(5), event=Event.PAUSED)
    bench.say(v4(5))
    assert bench.counts() == (0, 0, 1, 1)

    bench.say(v4(5), event=Event.PAUSED)
    bench.say(v4(5), event=Event.COMPLETED, seeder=True)
    assert bench.counts() == (1, 1, 0, 0)


def test_a_new_torrent_beyond_the_cap_is_an_empty_success_with_a_warning(make):
    bench = Bench(make, AnnounceTerms(max_torrents=1))
    bench.say(v4(1))

    reply = bench.say(v4(1), infohash=OTHER)

    assert (reply.counts, reply.peers, reply.warning) == (ZERO_COUNTS, b"", FULL)
    assert bench.store.totals().torrents == 1
    assert bench.say(v4(2)).warning == b""


@pytest.mark.parametrize("cap", [1, 3, 40, 300])
def test_a_peer_beyond_its_addresss_cap_is_served_and_not_stored(make, cap):
    bench = Bench(make, AnnounceTerms(peers_per_address=cap))
    bench.fill(seeders=60)
    for port in range(1, cap + 1):
        bench.say(v4(500_000, port))

    reply = bench.say(v4(500_000, 60_000))

    assert len(reply.peers) // 6 == 50
    assert reply.counts.incomplete == cap
    assert bench.say(v4(500_000, 1)).counts.incomplete == cap
    assert bench.say(v4(500_001)).counts.incomplete == cap + 1


def test_a_cap_of_zero_is_none(make):
    bench = Bench(make, AnnounceTerms(peers_per_address=0))

    for port in range(1, 1000):
        bench.say(v4(1, port))

    assert bench.counts()[2] == 999


@pytest.mark.parametrize("fill", [0, 100])
def test_the_cap_counts_an_ipv6_network_of_64_bits_as_one_address(make, fill):
    bench = Bench(make, AnnounceTerms(peers_per_address=2))
    bench.fill(leechers6=fill)
    network = 0x20010DB8FFFF0000 << 64

    for host in range(5):
        bench.say(pack((network + host).to_bytes(16, "big"), 6881), seeder=host % 2 == 0)

    assert bench.store.totals().peers == fill + 2


def test_near_the_cap_of_all_an_address_may_have_as_many_peers_as_room_is_left(make):
    exempt = ShareTerms(exempt=(ip_network("10.0.0.0/24"),))
    bench = Bench(make, AnnounceTerms(max_peers=1000, peers_per_address=40, shares=exempt))
    bench.fill(leechers=800 - 40)
    for port in range(1, 60):
        bench.say(v4(500_000, port))
    assert bench.store.totals().peers == 800

    for port in range(1, 60):
        bench.say(v4(500_001, port))
    assert bench.store.totals().peers == 800 + 33

    for port in range(1, 60):
        bench.say(v6(500_002, port))
    assert bench.store.totals().peers == 833 + 28

    for port in range(1, 60):
        bench.say(v4(0, 10_000 + port))
    assert bench.store.totals().peers == 861 + 40
    for at in range(200):
        bench.say(v4(600_000 + at))
    assert bench.store.totals().peers == 1000


def test_a_peer_beyond_the_cap_of_all_is_served_and_not_stored(make):
    bench = Bench(make, AnnounceTerms(max_peers=3))
    bench.fill(leechers=10)

    assert bench.store.totals().peers == 3
    assert len(bench.say(v4(1)).peers) // 6 == 3


def test_interval_strays_by_a_tenth_and_no_more(bench):
    intervals = {bench.say(v4(1)).interval for _ in range(2000)}

    assert min(intervals) >= 1620
    assert max(intervals) <= 1980
    assert len(intervals) > 300


def test_silent_peers_expire_and_others_stay(bench):
    timeout = bench.terms.timeout
    for at in range(5000):
        bench.say(v4(at), seeder=at % 2 == 0, numwant=0, now=NOW + (timeout if at % 5 == 0 else 0))

    dropped = 0
    for _ in range(10_000):
        dropped += bench.store.expire(NOW + timeout + 1, 100)

    assert dropped == 4000
    totals = bench.store.totals()
    assert (totals.peers, totals.complete, totals.incomplete) == (1000, 500, 500)
    for at in range(0, 5000, 5):
        bench.say(v4(at), seeder=at % 2 == 0, now=NOW + timeout)
    assert bench.store.totals().peers == 1000


def test_a_peer_at_its_timeout_is_still_here(bench):
    bench.say(v4(1))

    assert bench.store.expire(NOW + bench.terms.timeout, 1000) == 0
    assert bench.store.expire(NOW + bench.terms.timeout + 1, 1000) == 1


def test_a_step_of_expiry_looks_at_no_more_than_it_may(bench):
    bench.fill(leechers=3000)

    assert bench.store.expire(NOW + 10 * bench.terms.timeout, 500) <= 500


def test_a_torrent_without_peers_is_forgotten_unless_it_was_completed(bench):
    bench.say(v4(1))
    bench.say(v4(1), event=Event.STOPPED)
    bench.say(v4(1), infohash=OTHER, seeder=True, event=Event.COMPLETED)
    bench.say(v4(1), infohash=OTHER, event=Event.STOPPED)

    bench.store.expire(NOW + 1, 1000)

    assert bench.store.totals().torrents == 1
    assert bench.store.scrape(OTHER) == Counts(0, 1, 0, 0)
    bench.store.expire(NOW + bench.terms.remember_completed + 1, 1000)
    assert bench.store.totals().torrents == 0


def test_near_the_cap_empty_torrents_make_room(make):
    bench = Bench(make, AnnounceTerms(max_torrents=10))
    for at in range(10):
        infohash = InfoHash(bytes([at]) * 20)
        bench.say(v4(1), infohash=infohash, seeder=True, event=Event.COMPLETED)
        bench.say(v4(1), infohash=infohash, event=Event.STOPPED)

    bench.store.expire(NOW + 1, 1000)

    assert bench.store.totals().torrents <= 9
    assert bench.say(v4(1 << 8), infohash=OTHER).warning == b""


def numbered(number: int) -> InfoHash:
    """A hash whose first byte is always the same, so that all of them may make room for each other."""
    return InfoHash(b"n" + number.to_bytes(19, "big"))


def refused(bench: Bench, peer: bytes, first: int, count: int) -> int:
    """Announce new torrents and return how many were refused."""
    return sum(
        bench.say(peer, infohash=numbered(first + at), numwant=0).warning == FULL for at in range(count)
    )


def far(number: int) -> bytes:
    """An address whose wide network is nobody else's."""
    return v4(number << 8)


def test_below_four_fifths_of_the_cap_one_address_may_have_everything(make):
    bench = Bench(make, AnnounceTerms(max_torrents=1000))

    assert refused(bench, v4(1), 0, 800) == 0


def test_above_it_an_address_with_more_than_its_share_gets_no_more_and_others_do(make):
    bench = Bench(make, AnnounceTerms(max_torrents=1000))
    refused(bench, far(1), 0, 800)

    assert refused(bench, far(1), 1000, 100) == 100
    assert refused(bench, far(2), 2000, 20) == 0
    assert sum(refused(bench, far(3 + at), 3000 + at, 1) for at in range(170)) == 0
    assert bench.say(far(1), infohash=numbered(5)).warning == b""


@pytest.mark.parametrize("ports", [1, 3])
def test_a_network_of_ipv6_is_an_address_and_a_wide_one_of_both_families_is_counted_too(make, ports):
    bench = Bench(make, AnnounceTerms(max_torrents=1000))
    for at in range(800):
        bench.say(v6(at, 1 + at % ports), infohash=numbered(at))

    assert refused(bench, v6(5000), 1000, 1) == 1
    assert refused(bench, far(1), 2000, 1) == 0


def test_at_the_cap_a_lone_swarm_of_a_heavy_owner_makes_room(make):
    bench = Bench(make, AnnounceTerms(max_torrents=100))
    refused(bench, far(1), 0, 80)
    for at in range(20):
        refused(bench, far(100 + at), 100 + at, 1)
    bench.flush()
    assert bench.store.totals().torrents == 100

    assert refused(bench, far(500), 1000, 3) == 0

    assert (bench.store.totals().torrents, bench.store.totals().peers) == (100, 100)
    assert [bench.store.scrape(numbered(100 + at)).incomplete for at in range(20)] == [1] * 20
    assert sum(bench.store.scrape(numbered(at)).incomplete for at in range(80)) == 77
    assert sum(row.payload is None for row in bench.flush()) == 3


def test_a_swarm_of_several_peers_stays_at_the_cap(make):
    bench = Bench(make, AnnounceTerms(max_torrents=100))
    for at in range(100):
        bench.say(far(1), infohash=numbered(at))
        bench.say(far(2), infohash=numbered(at))
        bench.say(far(3 + at), infohash=numbered(at))
    for at in range(20):
        refused(bench, far(1000 + at), 100 + at, 1)

    assert refused(bench, far(5000), 1000, 50) == 50
    assert sum(bench.store.scrape(numbered(at)).incomplete == 3 for at in range(100)) == 80


def test_equal_owners_do_not_put_each_other_out(make):
    bench = Bench(make, AnnounceTerms(max_torrents=10))
    for at in range(10):
        refused(bench, far(at), at, 1)

    assert sum(refused(bench, far(100 + at), 100 + at, 1) for at in range(20)) == 20


def test_at_the_cap_an_empty_swarm_makes_room_for_anyone(make):
    bench = Bench(make, AnnounceTerms(max_torrents=10))
    for at in range(10):
        refused(bench, far(at), at, 1)
    bench.say(far(5), infohash=numbered(5), event=Event.STOPPED)

    assert refused(bench, far(100), 100, 1) == 0
    assert bench.store.totals().torrents == 10


@pytest.mark.parametrize("peer", [far(1), v6(1)])
def test_exempt_networks_have_no_share(make, peer):
    shares = ShareTerms(exempt=(ip_network("10.0.0.0/15"), ip_network("2001:db8::/33")))
    bench = Bench(make, AnnounceTerms(max_torrents=1000, shares=shares))

    assert refused(bench, peer, 0, 1000) == 0
    assert refused(bench, far(5000), 2000, 1) == 1


def test_a_sweep_gives_shares_back(make):
    bench = Bench(make, AnnounceTerms(max_torrents=1000))
    refused(bench, far(1), 0, 800)
    assert refused(bench, far(1), 1000, 1) == 1

    bench.store.expire(NOW + bench.terms.timeout + 1, 10**6)

    assert refused(bench, far(1), 2000, 800) == 0


def test_restored_and_merged_swarms_count_to_their_first_peer(make):
    bench = Bench(make, AnnounceTerms(max_torrents=1000))
    refused(bench, far(1), 0, 800)
    rows = bench.flush()
    again = Bench(make, AnnounceTerms(max_torrents=1000))
    again.store.restore(rows)

    assert refused(again, far(1), 1000, 1) == 1
    assert refused(again, far(2), 1000, 1) == 0


def test_the_sweep_goes_on_where_swarms_made_room(make):
    bench = Bench(make, AnnounceTerms(max_torrents=100))
    refused(bench, far(1), 0, 80)
    for at in range(20):
        refused(bench, far(100 + at), 100 + at, 1)
    bench.store.expire(NOW, 1)
    for at in range(60):
        assert refused(bench, far(500 + at), 1000 + at, 1) == 0
        bench.store.remove(numbered(at))
        bench.store.expire(NOW, 1)

    assert bench.store.expire(NOW + bench.terms.timeout + 1, 10**6) > 0
    bench.store.expire(NOW + bench.terms.timeout + 1, 10**6)
    assert bench.store.totals() == SwarmTotals(0, 0, 0, 0)


def test_unknown_torrents_scrape_as_zeros(bench):
    assert bench.store.scrape(OTHER) == ZERO_COUNTS


def test_joined_hashes_are_one_swarm(bench):
    bench.store.join(OTHER, HASH)
    bench.say(v4(1), infohash=OTHER, seeder=True)

    assert split(bench.say(v4(2)).peers, 6) == [v4(1)]
    assert bench.store.scrape(OTHER) == bench.store.scrape(HASH) == Counts(1, 0, 1, 1)


def test_two_live_swarms_that_turn_out_to_be_one_are_merged(bench):
    for at in range(40):
        bench.say(v4(at), seeder=True, event=Event.COMPLETED, numwant=0)
        bench.say(v4(at), infohash=OTHER, seeder=True, event=Event.COMPLETED, numwant=0, now=NOW + 1)
    bench.say(v4(50), infohash=OTHER, event=Event.PAUSED)
    bench.say(v6(51), infohash=OTHER)
    bench.flush()

    bench.store.join(OTHER, HASH)

    assert bench.counts() == (40, 40, 2, 1)
    assert bench.store.totals().peers == 42
    bench.store.expire(NOW, 10_000)
    assert bench.store.totals().torrents == 1
    assert {row.infohash for row in bench.flush() if row.payload is None} == {OTHER}


def test_a_removed_torrent_is_empty_at_once(bench):
    bench.fill(seeders=100, leechers=100)
    bench.flush()

    bench.store.remove(HASH)

    assert bench.counts() == (0, 0, 0, 0)
    assert bench.store.totals().peers == 0
    bench.store.expire(NOW, 1000)
    assert [row.payload for row in bench.flush()] == [None]


def test_changed_swarms_come_out_once_and_key_sorted(bench):
    for number in random.Random(5).sample(range(5000), 500):
        bench.say(v4(1), infohash=InfoHash(number.to_bytes(2, "big") * 10))

    rows = bench.flush()

    assert [row.infohash for row in rows] == sorted({row.infohash for row in rows})
    assert len(rows) == 500
    assert bench.flush() == []


def test_a_scrape_changes_nothing(bench):
    bench.store.scrape(HASH)

    assert bench.flush() == []


def test_a_large_swarm_writes_only_the_rows_that_changed(bench):
    bench.fill(leechers=10_000)
    assert [row.part for row in bench.flush()] == [0, 1, 2]

    bench.say(v4(100_000 + 5000))

    assert [row.part for row in bench.flush()] == [1]


def test_a_shrunken_swarm_deletes_the_rows_it_no_longer_fills(bench):
    bench.fill(leechers=5000)
    bench.flush()
    for at in range(1000):
        bench.say(v4(100_000 + at), event=Event.STOPPED)

    rows = {row.part: row.payload for row in bench.flush()}

    assert rows[1] is None
    assert rows[0] is not None


def test_what_could_not_be_written_is_written_the_next_time(bench):
    bench.fill(leechers=5000)
    first = bench.flush()

    bench.store.put_back(first)

    assert bench.flush() == first


def test_deletions_that_could_not_be_written_are_written_the_next_time(bench):
    bench.fill(leechers=1)
    bench.flush()
    bench.store.remove(HASH)
    bench.store.expire(NOW, 100)
    gone = bench.flush()

    bench.store.put_back(gone)

    assert bench.flush() == gone == [JournalRow(HASH, 0, None)]


def populate(bench: Bench) -> None:
    chance = random.Random(9)
    bench.fill(leechers=4500, seeders6=10)
    for _ in range(3000):
        peer = v4(chance.randrange(400)) if chance.random() < 0.7 else v6(chance.randrange(400))
        infohash = chance.choice([HASH, OTHER, InfoHash(chance.randbytes(20))])
        event = chance.choice(list(Event))
        now = NOW + chance.randrange(1000)
        bench.say(peer, infohash=infohash, event=event, seeder=chance.random() < 0.4, numwant=0, now=now)


@pytest.mark.parametrize("order", ["sorted", "shuffled", "twice"])
def test_a_restart_brings_back_peers_ages_and_completed_counts(make, order):
    before = Bench(make, AnnounceTerms())
    populate(before)
    rows = before.flush()
    after = Bench(make, AnnounceTerms())
    arriving = {"sorted": rows, "twice": rows + rows, "shuffled": random.Random(3).sample(rows, len(rows))}[
        order
    ]

    after.store.restore(arriving)

    infohashes = {row.infohash for row in rows}
    assert {h: before.store.scrape(h) for h in infohashes} == {h: after.store.scrape(h) for h in infohashes}
    assert before.store.totals() == after.store.totals()
    for seconds in (200, 400, 600):
        late = NOW + before.terms.timeout + seconds
        before.store.expire(late, 10**9)
        after.store.expire(late, 10**9)
        assert before.store.totals() == after.store.totals()


def test_a_restart_counts_a_completion_no_second_time(make):
    before, after = Bench(make, AnnounceTerms()), Bench(make, AnnounceTerms())
    before.say(v4(1), event=Event.COMPLETED, seeder=True)

    after.store.restore(before.flush())
    after.say(v4(1), event=Event.COMPLETED, seeder=True)

    assert after.counts() == (1, 1, 0, 0)


def test_what_was_restored_is_not_written_again(make):
    before, after = Bench(make, AnnounceTerms()), Bench(make, AnnounceTerms())
    populate(before)

    after.store.restore(before.flush())

    assert after.flush() == []


def test_restored_rows_do_not_undo_what_has_happened_since(make):
    before, after = Bench(make, AnnounceTerms()), Bench(make, AnnounceTerms())
    before.fill(leechers=10)
    after.say(v4(100_003), seeder=True, now=NOW + 60)

    after.store.restore(before.flush())

    assert after.counts() == (1, 0, 9, 9)


def test_a_restored_row_of_a_joined_hash_goes_to_the_one_swarm_and_is_deleted(make):
    before, after = Bench(make, AnnounceTerms()), Bench(make, AnnounceTerms())
    before.say(v4(1), infohash=OTHER)
    after.store.join(OTHER, HASH)

    after.store.restore(before.flush())

    assert after.counts() == (0, 0, 1, 1)
    assert [(row.infohash, row.payload is None) for row in after.flush()] == [(HASH, False), (OTHER, True)]


@pytest.mark.parametrize("payload", [b"", b"\x07", b"\x02" + b"\xff" * 40, b"\x03" + b"\0" * 20, b"\0" * 21])
def test_a_damaged_row_is_passed_over_and_deleted(make, payload):
    bench = Bench(make, AnnounceTerms())

    bench.store.restore([JournalRow(HASH, 0, payload)])

    assert bench.store.totals().torrents == 0
    assert bench.flush() == [JournalRow(HASH, 0, None)]


def test_the_same_seed_gives_the_same_answers(make):
    one, two = Bench(make, AnnounceTerms(), seed=7), Bench(make, AnnounceTerms(), seed=7)
    for bench in (one, two):
        bench.fill(seeders=100, leechers=100, seeders6=50)

    assert [one.say(v4(at)) for at in range(50)] == [two.say(v4(at)) for at in range(50)]


def test_what_is_denied_or_not_listed_is_refused_and_scrapes_as_zeros(bench):
    bench.fill(leechers=1)
    bench.store.listed = True
    assert (bench.say(v4(2)), bench.store.refusal(HASH)) == (AnnounceFailure(UNLISTED), UNLISTED)

    bench.store.allow(HASH, True)
    assert bench.say(v4(2)).counts.incomplete == 2

    bench.store.deny(HASH, True)
    assert (bench.say(v4(2)), bench.store.scrape(HASH)) == (AnnounceFailure(DENIED), ZERO_COUNTS)
    assert bench.store.has_rules()
    bench.store.remove_denied()
    bench.store.deny(HASH, False)
    assert bench.counts() == (0, 0, 0, 0)


def test_an_announce_while_restoring_is_put_off(bench):
    bench.store.restoring = True
    assert bench.say(v4(1)).warning == RESTORING
    bench.store.restoring = False

    assert bench.say(v4(1)).counts.incomplete == 1


def test_while_restoring_only_what_is_denied_is_refused(bench):
    bench.store.restoring = bench.store.listed = True
    assert bench.say(v4(1)).warning == RESTORING
    bench.store.deny_all(bytes(range(20)) + HASH)
    assert bench.say(v4(1)) == AnnounceFailure(DENIED)
    bench.store.deny(HASH, False)
    bench.store.restoring = False
    assert bench.say(v4(1)) == AnnounceFailure(UNLISTED)


def test_what_is_allowed_may_be_public(bench):
    hashes = [InfoHash(bytes([number]) * 20) for number in range(4)]
    bench.store.publish(hashes[0], True)
    assert not bench.store.is_public(hashes[0])
    bench.store.allow_all(b"".join(hashes[:3]))
    bench.store.publish(hashes[0], True)
    bench.store.publish_all(b"".join(hashes[1:]))
    assert [bench.store.is_public(each) for each in hashes] == [True, True, True, False]
    bench.store.allow(hashes[0], True)
    bench.store.publish(hashes[1], False)
    bench.store.allow(hashes[2], False)
    bench.store.allow(hashes[2], True)
    assert [bench.store.is_public(each) for each in hashes] == [True, False, False, False]
    with pytest.raises(ValueError, match="20 bytes"):
        bench.store.publish_all(bytes(19))


def test_many_are_allowed_and_denied_at_once(bench):
    bench.store.listed = True
    hashes = [InfoHash(bytes([number]) * 20) for number in range(100)]
    bench.store.allow_all(b"".join(hashes))
    assert {bench.store.refusal(each) for each in hashes} == {None}
    bench.store.deny_all(b"".join(hashes[:7]))
    bench.store.deny_all(b"")
    assert [bench.store.refusal(each) for each in hashes[:8]] == [DENIED] * 7 + [None]
    for tell in (bench.store.allow_all, bench.store.deny_all):
        with pytest.raises(ValueError, match="20 bytes"):
            tell(bytes(19))


def test_who_announces_what_is_denied_is_told_why(bench):
    said = b"Torrent is blocked on this tracker: "
    bench.store.deny(HASH, True, "asked to")
    bench.store.deny(OTHER, True)
    assert bench.say(v4(1)) == AnnounceFailure(DENIED, said + b"asked to")
    assert bench.say(v4(1), infohash=OTHER) == AnnounceFailure(DENIED)
    bench.store.explain(HASH + OTHER + bytes(20), "\u20ac" * 100)
    told = bench.say(v4(1), infohash=OTHER).text
    assert (told.decode(), len(told)) == (said.decode() + "\u20ac" * 73, 255)
    assert come(bench, leechers=1) == AnnounceFailure(DENIED, told)
    assert bench.store.refusal(InfoHash(bytes(20))) is None
    bench.store.deny_all(HASH)
    assert bench.say(v4(1)) == AnnounceFailure(DENIED, told)
    bench.store.deny(HASH, True)
    assert bench.say(v4(1)) == AnnounceFailure(DENIED)
    with pytest.raises(ValueError, match="20 bytes"):
        bench.store.explain(bytes(19), "")


def test_a_reason_is_kept_for_as_long_as_a_torrent_is_denied_for_it(bench):
    for number in range(10):
        bench.store.deny(HASH, True, f"reason {number}")
        assert bench.say(v4(1)).text.endswith(b"reason %d" % number)
    bench.store.explain(OTHER, "of nobody")
    for infohash in (HASH, OTHER):
        bench.store.deny(infohash, True, "for both")
    bench.store.deny(HASH, False)
    assert bench.say(v4(1)).counts.incomplete == 1
    bench.store.deny(HASH, True, "another")
    assert bench.say(v4(1), infohash=OTHER).text.endswith(b"for both")


def test_joining_onto_a_swarm_that_lost_its_peers_leaves_one_swarm(bench):
    bench.say(v4(1))
    bench.say(v4(1), event=Event.STOPPED)
    bench.say(v4(2), infohash=OTHER)

    bench.store.join(OTHER, HASH)

    assert bench.store.expire(NOW, 1000) == 0
    assert bench.store.totals().torrents == 1
    assert bench.store.expire(NOW + 10 * bench.terms.timeout, 1000) == 1
    assert bench.store.totals().torrents == 0


def test_a_damaged_row_takes_no_healthy_one_along(make):
    before, after = Bench(make, AnnounceTerms()), Bench(make, AnnounceTerms())
    before.fill(leechers=5000)
    first, second = before.flush()

    after.store.restore([first, second._replace(payload=b"?")])

    assert after.counts()[2] == 4096
    assert after.flush() == [second._replace(payload=None)]


@pytest.mark.parametrize("peers", [33, 300, 4097])
def test_a_swarm_that_grew_and_shrank_finds_every_peer(bench, peers):
    bench.fill(leechers=peers, leechers6=40)
    for at in random.Random(peers).sample(range(peers), peers):
        reply = bench.say(v4(100_000 + at), event=Event.STOPPED)
        peers -= 1
        assert reply.counts.incomplete == peers + 40


def test_torrents_that_come_and_go_are_all_found(bench):
    numbers = random.Random(1).sample(range(100_000), 3000)
    hashes = [InfoHash(bytes([number % 3]) + number.to_bytes(19, "big")) for number in numbers]
    for infohash in hashes:
        bench.say(v4(1), infohash=infohash)
    for infohash in hashes[::2]:
        bench.say(v4(1), infohash=infohash, event=Event.STOPPED)

    bench.store.expire(NOW, 10**6)

    assert bench.store.totals().torrents == 1500
    assert [bench.store.scrape(infohash).incomplete for infohash in hashes] == [0, 1] * 1500


def test_a_flush_ends_though_announces_go_on(bench):
    hashes = [InfoHash(bytes([first]) * 20) for first in range(256)]
    for infohash in hashes:
        bench.say(v4(1), infohash=infohash)

    rows: list[JournalRow] = []
    while batch := bench.store.take_dirty():
        rows += batch
        bench.say(v4(2), infohash=hashes[0])
        bench.say(v4(2), infohash=hashes[255])

    assert [row.infohash for row in rows] == hashes
    assert [row.infohash for row in bench.flush()] == [hashes[0], hashes[255]]


def test_a_flush_that_failed_half_way_begins_anew(bench):
    hashes = [InfoHash(bytes([first % 2]) + first.to_bytes(2, "big") + bytes(17)) for first in range(5000)]
    for infohash in hashes:
        bench.say(v4(1), infohash=infohash)
    rows = bench.store.take_dirty() + bench.store.take_dirty()
    assert len(rows) < 5000

    bench.store.put_back(rows)

    assert [row.infohash for row in bench.flush()] == sorted(hashes)


def test_looking_at_peers_gives_what_a_leecher_is_given_and_changes_nothing(bench):
    bench.fill(seeders=2, leechers=1, seeders6=1)
    bench.flush()
    before = bench.counts()

    peers, peers6 = bench.store.peers(HASH, 50)

    assert set(split(peers, 6)) == {v4(0), v4(1), v4(100_000)}
    assert split(peers6, 18) == [v6(0)]
    assert (bench.counts(), bench.flush()) == (before, [])
    assert [len(peers) for peers in bench.store.peers(HASH, 2)] != [0, 0]
    assert sum(len(split(*each)) for each in zip(bench.store.peers(HASH, 2), (6, 18), strict=True)) == 2


@pytest.mark.parametrize("numwant", [-1, 0, 50, 10**6])
def test_looking_at_peers_of_nothing_makes_no_swarm(bench, numwant):
    assert bench.store.peers(OTHER, numwant) == (b"", b"")
    assert bench.store.totals().torrents == 0


def test_peers_are_seen_by_either_name_and_not_where_the_torrent_is_refused(bench):
    bench.fill(seeders=1)
    bench.store.join(OTHER, HASH)
    assert bench.store.peers(OTHER, 5) == (v4(0), b"")
    bench.store.deny(HASH, True)
    assert bench.store.peers(HASH, 5) == (b"", b"")


SOCKET = bytes([10, 0, 0, 1])


def come(bench, seeders=0, leechers=0, infohash=HASH, address=SOCKET, **more):
    return bench.store.count_socket(SocketChange(infohash, address, seeders, leechers, **more), NOW)


def test_peers_over_websocket_are_counted_and_not_handed_out(bench):
    bench.fill(seeders=1, leechers=1)
    come(bench, leechers=1)

    reply = come(bench, seeders=1)

    assert (reply.counts, reply.peers, reply.peers6) == (Counts(2, 0, 2, 2), b"", b"")
    heard = bench.say(v4(7))
    assert heard.counts == Counts(2, 0, 3, 3)
    assert len(split(heard.peers, 6)) == 2
    assert bench.store.peers(HASH, 50) != (b"", b"")
    assert len(split(bench.store.peers(HASH, 50)[0], 6)) == 3
    assert bench.store.totals() == SwarmTotals(1, 5, 2, 3)


def test_a_peer_over_websocket_takes_the_other_role_completes_and_goes(bench):
    come(bench, leechers=1)

    assert come(bench, 1, -1, completed=True).counts == Counts(1, 1, 0, 0)
    assert come(bench, seeders=-1).counts == Counts(0, 1, 0, 0)
    assert come(bench, seeders=-1).counts == Counts(0, 1, 0, 0), "never below none"
    assert bench.store.totals() == SwarmTotals(1, 0, 0, 0)


def test_a_departure_over_websocket_makes_no_swarm(bench):
    assert come(bench, leechers=-1).counts == ZERO_COUNTS
    assert bench.store.totals().torrents == 0


def test_refused_and_restoring_stores_count_no_newcomer_over_websocket_but_every_departure(make):
    bench = Bench(make, AnnounceTerms())
    come(bench, leechers=1)
    come(bench, leechers=1)
    bench.store.restoring = True
    assert come(bench, leechers=1).warning == RESTORING
    come(bench, leechers=-1)
    bench.store.restoring = False
    bench.store.deny(HASH, True)
    assert come(bench, leechers=1) == AnnounceFailure(DENIED)
    come(bench, leechers=-1)
    bench.store.deny(HASH, False)
    bench.store.listed = True
    assert come(bench, leechers=1) == AnnounceFailure(UNLISTED)
    bench.store.allow(HASH, True)
    assert bench.counts() == (0, 0, 0, 0)


def test_a_removed_swarm_has_no_peers_over_websocket(bench):
    come(bench, seeders=1)
    bench.store.remove(HASH)

    assert bench.counts() == (0, 0, 0, 0)
    assert bench.store.totals().peers == 0


def test_both_hashes_of_a_torrent_have_the_peers_over_websocket_of_either(bench):
    come(bench, seeders=1)
    come(bench, leechers=1, infohash=OTHER)
    bench.store.join(OTHER, HASH)

    assert bench.store.scrape(OTHER) == bench.store.scrape(HASH) == Counts(1, 0, 1, 1)
    come(bench, leechers=-1, infohash=OTHER)
    assert bench.store.scrape(HASH) == Counts(1, 0, 0, 0)
    assert bench.store.totals() == SwarmTotals(2, 1, 1, 0)


def test_a_swarm_of_peers_over_websocket_alone_outlives_the_sweep_and_is_not_evicted(make):
    bench = Bench(make, AnnounceTerms(max_torrents=1))
    come(bench, leechers=1)

    bench.store.expire(NOW + 10**6, 10**6)

    assert bench.counts() == (0, 0, 1, 1)
    assert bench.say(v4(1), infohash=InfoHash(HASH[:1] + b"x" * 19)).warning == FULL
    come(bench, leechers=-1)
    bench.store.expire(NOW + 10**6, 10**6)
    assert bench.store.totals().torrents == 0


def test_at_the_cap_of_peers_nobody_comes_over_websocket(make):
    bench = Bench(make, AnnounceTerms(max_peers=2))
    bench.fill(leechers=2)

    reply = come(bench, leechers=1)

    assert (reply.warning, bench.counts()) == (FULL, (0, 0, 2, 2))
    assert come(bench, leechers=1, infohash=OTHER).warning == FULL
    assert bench.store.totals().torrents == 1


def test_peers_over_websocket_are_not_in_the_journal_their_downloads_are(make):
    bench = Bench(make, AnnounceTerms())
    come(bench, leechers=1)
    come(bench, 1, -1, completed=True)
    rows = bench.flush()
    again = Bench(make, AnnounceTerms())

    again.store.restore(rows)

    assert again.counts() == (0, 1, 0, 0)
