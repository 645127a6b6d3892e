import asyncio
import random
import socket
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.client_pattern import ClientPattern
from bittorrent.infohash import InfoHash
from bittorrent.refusal import REASONS
from doors.udp import BAD_CONNECTION, UdpDoor
from tests.support.tasks import turn
from tracker.access import AccessTable, AddressRule, ClientRule
from tracker.mode import Mode
from tracker.model import Announce, AnnounceTerms, Event
from tracker.policy import Policy
from tracker.random_source import SplitMix
from tracker.swarms import Swarms
from tracker.tracker import Tracker

HASH = InfoHash(b"u" * 20)
V4, V6 = bytes([203, 0, 113, 9]), bytes.fromhex("20010db8000000000000000000000005")
CONNECT = 0x41727101980.to_bytes(8, "big") + bytes(4) + b"tran"


class Client:
    def __init__(self, mode: Mode = Mode.PUBLIC, refuse_private: bool = False) -> None:
        store = Swarms(AnnounceTerms(), SplitMix(3))
        self.tracker = Tracker(store, Policy(store, mode), AnnounceTerms(), lambda: 1_800_000_000)
        self.now = 1000.0
        self.door = UdpDoor(self.tracker, b"k" * 32, lambda: self.now, refuse_private=refuse_private)

    def connect(self, address: bytes = V4) -> bytes:
        reply = self.door.answer(CONNECT, address)
        assert reply is not None
        assert reply[:8] == bytes(4) + b"tran"
        return reply[8:]

    def announce(self, address: bytes = V4, connection: bytes | None = None, **said) -> bytes | None:
        return self.door.answer(packet(connection or self.connect(address), **said), address)


def packet(connection, infohash=HASH, left=7, event=0, numwant=-1, port=6881, tail=b"") -> bytes:
    return (
        connection + (1).to_bytes(4, "big") + b"tran" + infohash + b"p" * 20 + bytes(8) + left.to_bytes(8, "big")
        + bytes(8) + event.to_bytes(4, "big") + bytes(8) + numwant.to_bytes(4, "big", signed=True)
        + port.to_bytes(2, "big") + tail
    )  # fmt: skip


def fields(reply: bytes) -> tuple[int, int, int, int]:
    """Action, interval, leechers, seeders."""
    assert reply[4:8] == b"tran"
    return tuple(int.from_bytes(reply[at : at + 4], "big") for at in (0, 8, 12, 16))


def test_peers_of_the_packets_family_and_counts_of_both():
    client = Client()
    client.announce(V4, left=0)
    client.announce(V6, left=0)

    four, six = client.announce(bytes([9, 9, 9, 9])), client.announce(V6[:15] + b"\x06")

    assert fields(four)[2:] == (1, 2)
    assert four[20:] == V4 + (6881).to_bytes(2, "big")
    assert fields(six)[2:] == (2, 2)
    assert six[20:] == V6 + (6881).to_bytes(2, "big")


@pytest.mark.parametrize("url", [b"/announce/secret", b"/secret/announce?x=1", b"/secret/scrape"])
def test_a_passkey_in_the_url_counts_for_its_account(url):
    client = Client()
    client.tracker.policy.set_passkey(b"secret", 7)
    tail = b"\x02" + bytes([len(url)]) + url

    client.announce(tail=tail, event=1, left=0)

    assert [delta.account for delta in client.tracker.store.take_deltas()] == [7]
    client.tracker.policy.drop_passkey(b"secret")
    refused = client.announce(tail=tail)
    assert refused is not None
    assert refused[8:] == REASONS["unknown-passkey"].sentence.encode()


def test_any_other_url_is_as_good_as_none():
    client = Client()
    for url in (b"/", b"/announce", b"/announce?passkey=x", b"/a/b/announce", b""):
        reply = client.announce(tail=b"\x02" + bytes([len(url)]) + url)
        assert reply is not None
        assert reply[:4] == (1).to_bytes(4, "big")


@pytest.mark.parametrize(("family", "most"), [(4, 200), (6, 66)])
@pytest.mark.parametrize("numwant", [300, 2**31 - 1])
def test_an_answer_fits_one_packet(family, most, numwant):
    client = Client()
    for port in range(1, 250):
        peer = (V4 if family == 4 else V6) + port.to_bytes(2, "big")
        client.tracker.announce(Announce(HASH, peer, Event.NONE, True, 0))

    reply = client.announce(bytes([9, 9, 9, 9]) if family == 4 else V6[:15] + b"\x06", numwant=numwant)

    assert len(reply) == 20 + most * (6 if family == 4 else 18)
    assert len(reply) <= 1452


def test_an_invalid_connection_id_gets_an_error_no_longer_than_the_request():
    client = Client()
    stale = client.connect()
    client.now += 121

    for connection in (stale, bytes(8), client.connect(V6)):
        reply = client.announce(connection=connection)
        assert reply == (3).to_bytes(4, "big") + b"tran" + BAD_CONNECTION
    shortest = bytes(8) + (1).to_bytes(4, "big") + b"tran"
    assert len(client.door.answer(shortest, V4)) <= 16
    assert client.tracker.store.totals().torrents == 0


def test_a_connection_id_holds_for_two_minutes():
    client = Client()
    connection = client.connect()
    client.now += 119

    assert fields(client.announce(connection=connection))[0] == 1


def test_event_4_is_paused():
    client = Client()
    client.announce(event=4)

    assert client.tracker.store.scrape(HASH).downloaders == 0
    assert client.tracker.store.scrape(HASH).incomplete == 1


def test_stopped_removes():
    client = Client()
    client.announce()
    client.announce(event=3)

    assert client.tracker.store.totals().peers == 0


def test_options_after_the_announce_are_read_over():
    assert fields(Client().announce(tail=b"\x02\x09/announce\x01\x00"))[0] == 1


def test_a_scrape_answers_in_the_order_asked_with_zeros_for_the_unknown():
    client = Client()
    client.announce(left=0)
    other = bytes(20)

    reply = client.door.answer(client.connect() + (2).to_bytes(4, "big") + b"tran" + other + HASH, V4)

    assert reply == (2).to_bytes(4, "big") + b"tran" + bytes(12) + (1).to_bytes(4, "big") + bytes(8)


def test_up_to_74_torrents_are_scraped():
    client = Client()

    reply = client.door.answer(client.connect() + (2).to_bytes(4, "big") + b"tran" + bytes(20 * 80), V4)

    assert len(reply) == 8 + 74 * 12


@pytest.mark.parametrize(("said", "code"), [({"port": 0}, "bad-port"), ({}, "unlisted")])
def test_a_refusal_is_an_error_packet(said, code):
    client = Client(mode=Mode.LISTED)

    reply = client.announce(**said)

    assert reply == (3).to_bytes(4, "big") + b"tran" + REASONS[code].sentence.encode()[:90]
    assert client.tracker.counters.refusals == {code: 1}


def test_private_addresses_can_be_refused():
    client = Client(refuse_private=True)

    assert fields(client.announce(bytes([10, 0, 0, 1])))[0] == 3
    assert fields(client.announce(bytes([9, 9, 9, 9])))[0] == 1


@given(st.binary(max_size=2000))
def test_no_packet_is_answered_by_more_than_it_is_before_the_id_holds(data):
    reply = Client().door.answer(data, V4)

    assert reply is None or len(reply) <= len(data)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_it_answers_on_a_real_socket_after_packets_of_every_length(family):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    chance = random.Random(1)
    loop = asyncio.get_running_loop()
    client = Client()
    transport, _ = await loop.create_datagram_endpoint(lambda: client.door, local_addr=(host, 0))
    with socket.socket(family, socket.SOCK_DGRAM) as ours:
        ours.setblocking(False)
        ours.connect((host, transport.get_extra_info("sockname")[1]))
        for length in range(2001):
            await loop.sock_sendall(ours, chance.randbytes(length))
            await turn()
        await loop.sock_sendall(ours, CONNECT)
        while (reply := await asyncio.wait_for(loop.sock_recv(ours, 4096), 10))[:4] != bytes(4):
            assert len(reply) < 32
    transport.close()
    assert len(reply) == 16


def test_whoever_announces_a_blocked_torrent_is_told_why_in_an_error():
    client = Client()
    client.tracker.policy.deny([HASH], "asked by its author " * 4)
    said = b"Torrent is blocked on this tracker: " + b"asked by its author " * 4
    assert client.announce() == ((3).to_bytes(4, "big") + b"tran" + said)[:98]


def test_who_is_denied_is_told_why_in_an_error():
    client = Client()
    client.announce()
    rules = [AddressRule(ip_network("203.0.113.0/24"), True, "spam")]
    client.tracker.policy.set_access(AccessTable.of([ClientRule(ClientPattern.parse("pp"), True)], rules))
    error = (3).to_bytes(4, "big") + b"tran"
    assert client.announce() == error + b"Your address is not allowed on this tracker: spam"
    assert client.announce(V6) == error + b"Your client is not allowed on this tracker"
    asked = client.connect() + (2).to_bytes(4, "big") + b"tran" + HASH
    assert (
        client.door.answer(asked, V4) == (error + b"Your address is not allowed on this tracker: spam")[:36]
    )
    assert fields(client.announce(event=3))[0] == 1
    assert client.tracker.store.totals().peers == 0
