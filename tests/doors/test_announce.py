from ipaddress import ip_network
from urllib.parse import quote_from_bytes

import bencodepy
import pytest

from bittorrent.client_pattern import ClientPattern
from bittorrent.infohash import InfoHash
from bittorrent.refusal import REASONS
from doors.announce import DEFAULT_NUMWANT, MAX_NUMWANT, AnnounceDoor, ScrapeDoor, head_too_long
from doors.client_address import ClientAddress
from peerage.app import App
from tracker.access import AccessTable, AddressRule, ClientRule
from tracker.mode import Mode
from tracker.model import AnnounceTerms
from tracker.policy import Policy
from tracker.random_source import SplitMix
from tracker.swarms import Swarms
from tracker.tracker import Tracker

HASH = InfoHash(bytes(range(236, 256)))
V2 = InfoHash(bytes(range(200, 232)))


class Doors:
    def __init__(self, mode: Mode = Mode.PUBLIC, refuse_private: bool = False) -> None:
        store = Swarms(AnnounceTerms(), SplitMix(3))
        self.tracker = Tracker(store, Policy(store, mode), AnnounceTerms(), lambda: 1_800_000_000)
        clients = ClientAddress([], "x-forwarded-for")
        self.announce_door = AnnounceDoor(self.tracker, clients, refuse_private=refuse_private)
        self.scrape_door = ScrapeDoor(self.tracker, clients)

    def announce(self, host: str = "203.0.113.9", passkey: str | None = None, **said):
        said = {"info_hash": HASH, "peer_id": b"-PE0001-0123456789ab", "port": 6881, "left": 7} | said
        query = "&".join(f"{key}={_quoted(value)}" for key, value in said.items() if value is not None)
        scope = {"query_string": query.encode(), "client": (host, 5), "headers": []}
        if passkey is not None:
            scope["path_params"] = {"passkey": passkey}
        return bencodepy.decode(self.announce_door.answer(scope))

    def scrape(self, query: bytes, passkey: str | None = None):
        scope = {"query_string": query, "path_params": {} if passkey is None else {"passkey": passkey}}
        scope |= {"client": ("203.0.113.9", 5), "headers": []}
        return bencodepy.decode(self.scrape_door.answer(scope))


def _quoted(value) -> str:
    return quote_from_bytes(value, safe="") if isinstance(value, bytes) else str(value)


@pytest.fixture
def doors():
    return Doors()


def test_two_peers_learn_of_each_other(doors):
    doors.announce(left=0)
    answer = doors.announce(host="2001:db8::5")

    assert (answer[b"complete"], answer[b"incomplete"]) == (1, 1)
    assert answer[b"peers"] == bytes([203, 0, 113, 9, 26, 225])
    assert answer[b"external ip"] == bytes.fromhex("20010db8000000000000000000000005")
    assert doors.announce()[b"peers6"] == bytes.fromhex("20010db8000000000000000000000005") + b"\x1a\xe1"


def test_a_mapped_address_is_an_ipv4_address(doors):
    assert doors.announce(host="::ffff:203.0.113.9")[b"external ip"] == bytes([203, 0, 113, 9])


def test_without_compact_peers_are_dictionaries(doors):
    doors.announce()
    doors.announce(host="2001:db8::5")

    answer = doors.announce(host="203.0.113.10", compact=0)

    assert answer[b"peers"] == [
        {b"ip": b"203.0.113.9", b"port": 6881},
        {b"ip": b"2001:db8::5", b"port": 6881},
    ]


@pytest.mark.parametrize(
    ("numwant", "given"),
    [
        (None, DEFAULT_NUMWANT),
        (-1, DEFAULT_NUMWANT),
        ("many", DEFAULT_NUMWANT),
        (0, 0),
        (7, 7),
        (10**6, MAX_NUMWANT),
    ],
)
def test_as_many_peers_as_wanted_within_the_cap(doors, numwant, given):
    for port in range(1, 250):
        doors.announce(port=port, left=0)

    assert len(doors.announce(host="203.0.113.10", numwant=numwant)[b"peers"]) // 6 == given


@pytest.mark.parametrize("ip", ["ip", "ipv4", "ipv6"])
def test_an_address_in_the_query_is_ignored(doors, ip):
    doors.announce(**{ip: "198.51.100.1"})

    assert doors.announce(host="203.0.113.10")[b"peers"] == bytes([203, 0, 113, 9, 26, 225])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"info_hash": None}, "no-info-hash"),
        ({"info_hash": b"short"}, "bad-info-hash"),
        ({"info_hash": b"ab" * 20}, "hex-info-hash"),
        ({"peer_id": b"me"}, "bad-peer-id"),
        ({"port": 0}, "bad-port"),
        ({"port": 65536}, "bad-port"),
        ({"pad": "x" * 5000}, "query-too-long"),
    ],
)
def test_a_malformed_announce_is_a_failure_with_a_time_to_come_back(doors, said, code):
    answer = doors.announce(**said)

    assert answer[b"failure reason"].decode() == REASONS[code].sentence
    assert (answer[b"interval"], answer[b"min interval"], answer[b"retry in"]) == (1800, 900, b"30")
    assert doors.tracker.counters.refusals == {code: 1}
    assert doors.tracker.store.totals().torrents == 0


def test_port_0_is_taken_from_a_client_that_stops(doors):
    assert b"failure reason" not in doors.announce(port=0, event="stopped")


def test_a_version_2_hash_is_cut(doors):
    doors.announce(info_hash=V2)

    assert doors.announce(host="203.0.113.10", info_hash=V2.truncated)[b"incomplete"] == 2


def test_a_refused_torrent_is_a_failure():
    assert Doors(mode=Mode.LISTED).announce()[b"failure reason"].decode() == REASONS["unlisted"].sentence


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "127.0.0.1", "192.168.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
)
def test_private_addresses_are_taken_unless_refused(host):
    assert b"failure reason" not in Doors().announce(host=host)
    refused = Doors(refuse_private=True)
    assert refused.announce(host=host)[b"failure reason"].decode() == REASONS["private-address"].sentence
    assert b"failure reason" not in refused.announce(host="9.9.9.9")


def test_who_is_denied_is_told_why_and_may_stop():
    doors = Doors()
    assert b"failure reason" not in doors.announce()
    rules = [AddressRule(ip_network("203.0.113.0/24"), True, "spam")]
    doors.tracker.policy.set_access(AccessTable.of([ClientRule(ClientPattern.parse("-PE 0"), True)], rules))
    reason = b"Your address is not allowed on this tracker: spam"
    assert doors.announce()[b"failure reason"] == reason
    assert (
        doors.announce(host="198.51.100.1")[b"failure reason"]
        == b"Your client is not allowed on this tracker"
    )
    assert b"failure reason" not in doors.announce(event="stopped")
    assert doors.tracker.store.totals().peers == 0
    assert doors.scrape(b"info_hash=" + b"a" * 20)[b"failure reason"] == reason
    assert doors.tracker.counters.refusals == {"address-denied": 2, "client-denied": 1}


def test_whoever_announces_a_blocked_torrent_is_told_why(doors):
    doors.tracker.policy.deny([HASH], "asked by its author")
    reason = b"Torrent is blocked on this tracker: asked by its author"
    assert doors.announce()[b"failure reason"] == reason
    assert doors.announce(event="stopped")[b"failure reason"] == reason
    doors.tracker.policy.deny([HASH])
    assert doors.announce()[b"failure reason"] == b"Torrent is blocked on this tracker"
    assert doors.tracker.counters.refusals == {"denied": 3}


def test_a_scrape_gives_zeros_for_an_unknown_torrent(doors):
    doors.announce()
    other = bytes(20)

    files = doors.scrape(f"info_hash={_quoted(HASH)}&info_hash={_quoted(other)}".encode())[b"files"]

    assert files[HASH] == {b"complete": 0, b"downloaded": 0, b"downloaders": 1, b"incomplete": 1}
    assert files[other] == {b"complete": 0, b"downloaded": 0, b"downloaders": 0, b"incomplete": 0}


def test_a_full_scrape_is_refused(doors):
    assert doors.scrape(b"")[b"failure reason"].decode() == REASONS["full-scrape"].sentence


def test_at_most_74_torrents_are_scraped(doors):
    query = "&".join(f"info_hash={_quoted(bytes([number]) * 20)}" for number in range(100))

    assert len(doors.scrape(query.encode())[b"files"]) == 74


def test_a_head_that_is_too_long_is_a_failure(doors):
    assert (
        bencodepy.decode(head_too_long(doors.tracker))[b"failure reason"].decode()
        == REASONS["query-too-long"].sentence
    )


def test_a_passkey_in_the_path_counts_for_its_account(doors):
    doors.tracker.policy.set_passkey(b"secret", 7)
    doors.announce(passkey="secret", uploaded=0)
    doors.announce(passkey="secret", uploaded=100, downloaded=7)

    assert [(delta.account, *delta[3:5]) for delta in doors.tracker.store.take_deltas()] == [(7, 100, 7)]
    assert doors.scrape(b"info_hash=" + quote_from_bytes(HASH).encode(), "secret")[b"files"]


@pytest.mark.parametrize("passkey", ["unknown", "a b", "\udcff", "k" * 65])
def test_an_unknown_passkey_is_refused(doors, passkey):
    sentence = REASONS["unknown-passkey"].sentence.encode()

    assert doors.announce(passkey=passkey)[b"failure reason"] == sentence
    assert doors.scrape(b"info_hash=" + b"a" * 20, passkey)[b"failure reason"] == sentence
    assert doors.tracker.counters.refusals == {"unknown-passkey": 2}
    assert doors.tracker.store.totals().peers == 0


def test_the_application_knows_the_trackers_paths_as_routes(doors):
    app = App({"/announce": doors.announce_door, "/scrape": doors.scrape_door}, [])

    assert [route.path for route in app.routes] == [
        "/announce",
        "/announce/{passkey}",
        "/{passkey}/announce",
        "/scrape",
        "/scrape/{passkey}",
        "/{passkey}/scrape",
    ]
