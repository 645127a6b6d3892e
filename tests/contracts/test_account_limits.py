"""What every store of swarms grants an account: so many clients, downloads, announces and peers."""

import pytest

from bittorrent.infohash import InfoHash
from tests.support.swarm_stores import STORES
from tracker.model import Announce, AnnounceTerms, Event, Families
from tracker.swarms import LIMITED

NOW = 1_800_000_000
HASHES = [InfoHash(bytes([at]) * 20) for at in range(9)]
CROWDED, OVER_SLOTS, EARLY, HARVESTING = LIMITED.values()


@pytest.fixture(params=STORES)
def make(request):
    return lambda **terms: Clients(STORES[request.param](AnnounceTerms(**terms), 1))


class Clients:
    """Clients of accounts, by number, each with an address and a peer id of its own."""

    def __init__(self, store):
        self.store = store
        self.now = NOW

    def announce(
        self, client=1, account=7, infohash=HASHES[0], event=Event.NONE, *, seeder=False, v6=False, numwant=50
    ):
        address = bytes([*([0x20] * (15 if v6 else 3)), client])
        return self.store.announce(
            Announce(
                infohash, address + b"\x1a\xe1", event, seeder, numwant, Families.BOTH, account=account,
                peer_id=bytes([client]) * 20,
            ),
            self.now,
        )  # fmt: skip

    def warning(self, *given, **named):
        return self.announce(*given, **named).warning

    def fill(self, infohash, count):
        for at in range(count):
            self.announce(at + 100, 0, infohash)

    def given(self, **named):
        reply = self.announce(**named)
        return len(reply.peers) // 6 + len(reply.peers6) // 18


def test_without_limits_nothing_is_warned_of(make):
    clients = make()
    assert {clients.warning(client, infohash=each) for client in range(20) for each in HASHES} == {b""}


def test_more_clients_of_an_account_in_a_torrent_are_not_stored(make):
    clients = make(peers_per_account=2)
    assert [clients.warning(client) for client in (1, 2, 3, 1, 3)] == [b"", b"", CROWDED, b"", CROWDED]
    reply = clients.announce(3)
    assert (reply.peers, reply.counts.incomplete) == (b"", 2)
    assert clients.warning(3, account=8) == b""
    assert clients.warning(3, infohash=HASHES[1]) == b""
    assert clients.warning(3, account=0) == b""

    clients.announce(1, event=Event.STOPPED)
    assert [clients.warning(client) for client in (3, 1)] == [b"", CROWDED]
    clients.now += 20_000
    assert clients.warning(4) == b""


def test_more_downloads_at_once_are_not_stored_and_seeding_takes_no_slot(make):
    clients = make(download_slots=2)
    assert [clients.warning(infohash=each) for each in HASHES[:3]] == [b"", b"", OVER_SLOTS]
    assert clients.announce(infohash=HASHES[2]).counts.incomplete == 0
    assert [clients.warning(infohash=each, seeder=True) for each in HASHES[3:6]] == [b""] * 3
    assert clients.warning(infohash=HASHES[2], account=8) == b""
    assert clients.warning(2, infohash=HASHES[0]) == b""

    clients.announce(infohash=HASHES[0], event=Event.COMPLETED, seeder=True)
    assert [clients.warning(infohash=each) for each in HASHES[1:4]] == [b"", b"", OVER_SLOTS]
    clients.announce(infohash=HASHES[1], event=Event.STOPPED)
    assert clients.warning(infohash=HASHES[3]) == b""
    clients.now += 20_000
    assert clients.warning(infohash=HASHES[4]) == b""


def test_an_early_announce_counts_but_is_given_no_peers(make):
    clients = make(announce_spacing=60)
    clients.fill(HASHES[0], 5)
    assert clients.given() == 5
    clients.now += 59
    reply = clients.announce(seeder=True)
    assert (reply.warning, reply.peers, reply.counts.complete) == (EARLY, b"", 1)
    clients.now += 60
    assert clients.given() == 5
    assert clients.announce(event=Event.STOPPED).warning == b""


def test_a_first_completed_is_never_early_and_a_second_is(make):
    clients = make(announce_spacing=60)
    clients.announce()
    assert clients.warning(event=Event.COMPLETED, seeder=True) == b""
    assert clients.warning(event=Event.COMPLETED, seeder=True) == EARLY
    assert sum(delta.completed for delta in clients.store.take_deltas()) == 1


def test_a_client_over_both_address_families_is_not_early(make):
    clients = make(announce_spacing=60)
    for _ in range(3):
        assert clients.warning() == clients.warning(v6=True) == b""
        clients.now += 60


def test_peers_are_given_up_to_so_many_an_hour_and_then_as_they_are_forgotten(make):
    clients = make(peers_per_hour=60)
    for each in HASHES:
        clients.fill(each, 30)
    assert [clients.given(infohash=each) for each in HASHES[:2]] == [30, 30]
    reply = clients.announce(infohash=HASHES[2])
    assert (reply.warning, reply.peers, reply.counts.incomplete) == (HARVESTING, b"", 31)
    assert clients.given(infohash=HASHES[2], account=8) == 30
    assert clients.warning(infohash=HASHES[3], numwant=0) == b""
    clients.now += 600
    assert clients.given(infohash=HASHES[3]) == 10
    clients.now += 36_000
    assert clients.given(infohash=HASHES[4]) == 30


def test_what_is_kept_of_accounts_is_bounded_and_forgotten(make):
    clients = make(peers_per_account=1, download_slots=1, peers_per_hour=9, max_sessions=3)
    for account in range(1, 200):
        assert clients.warning(1, account) == b""
    for _ in range(256):
        clients.now += 50
        clients.store.expire(clients.now, 10_000)
    assert clients.warning(2, 5) == b""


def test_beyond_a_limit_no_swarm_is_made_and_traffic_counts(make):
    clients = make(download_slots=1)
    clients.announce(infohash=HASHES[0])
    clients.announce(2, 0, HASHES[1])
    clients.store.take_deltas()
    reply = clients.announce(infohash=HASHES[2])
    assert (reply.warning, reply.peers, reply.counts.incomplete) == (OVER_SLOTS, b"", 0)
    assert clients.store.totals().torrents == 2
    written = [row.infohash for batch in iter(clients.store.take_dirty, []) for row in batch]
    assert written == HASHES[:2]
    assert clients.store.session_totals().sessions == 2
