"""What the UDP tracker answers to packets that no client sends: nothing, or less than it was sent."""

import os
import random
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.support.clients import Udp, healthy, udp
from tests.support.processes import PeerageProcess, wait_until

LENGTHS = range(2001)
BATCH = 100  # what the kernel's buffer surely holds between two signs of life


@pytest.fixture(autouse=True)
def still_well(peerage_server: PeerageProcess) -> Iterator[None]:
    yield
    assert healthy(peerage_server.port)


@pytest.fixture
def tracker(peerage_server: PeerageProcess) -> Iterator[Udp]:
    with udp(peerage_server.port) as one:
        yield one


def zeros(length: int) -> bytes:
    return bytes(length)


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def connects(length: int) -> bytes:
    return (struct.pack(">QII", Udp.MAGIC, 0, length) + noise(length))[:length]


def announces(length: int) -> bytes:
    return (struct.pack(">QII", 0x1234567890ABCDEF, 1, length) + noise(length))[:length]


def scrapes(length: int) -> bytes:
    return (struct.pack(">QII", 0x1234567890ABCDEF, 2, length) + noise(length))[:length]


@pytest.mark.parametrize("make", [zeros, noise, connects, announces, scrapes])
def test_packets_of_every_length_get_no_more_than_they_bring(
    tracker: Udp, make: Callable[[int], bytes]
) -> None:
    for start in range(0, len(LENGTHS), BATCH):
        sent = [make(length) for length in LENGTHS[start : start + BATCH]]
        for packet in sent:
            tracker.socket.send(packet)
        allowed: dict[bytes, int] = {}
        for packet in sent:
            allowed[packet[12:16]] = max(
                allowed.get(packet[12:16], 0), len(packet) if len(packet) >= 16 else 0
            )
        for answer in answers_before_a_connect(tracker):
            assert len(answer) <= allowed.get(answer[4:8], 0), (len(answer), answer[:64])


def answers_before_a_connect(tracker: Udp) -> list[bytes]:
    """What came back until a proper connect was answered."""
    transaction = os.urandom(4)
    found: list[bytes] = []

    def connected() -> bool:
        tracker.socket.send(struct.pack(">QI", Udp.MAGIC, 0) + transaction)
        try:
            while (answer := tracker.socket.recv(4096))[4:8] != transaction:
                found.append(answer)
        except TimeoutError:
            return False
        return len(answer) == 16

    wait_until(connected, "a proper connect is no longer answered", pace=0)
    return found


@pytest.mark.parametrize("length", [*range(98), 99, 150, 2000])
def test_announces_of_a_wrong_length_under_a_good_id_do_no_harm(tracker: Udp, length: int) -> None:
    head = struct.pack(">II", 1, 7)
    tracker.socket.send((tracker.connect() + head + noise(2000))[:length])
    assert all(len(answer) <= max(length, 320) for answer in answers_before_a_connect(tracker))


def test_an_id_that_was_never_given_gets_a_short_error(peerage_server: PeerageProcess) -> None:
    with udp(peerage_server.port, "127.0.0.9") as tracker:  # an address that has sent no other
        tracker.socket.send(struct.pack(">QII", 1, 1, 99) + bytes(82))
        (answer,) = answers_before_a_connect(tracker)
    assert struct.unpack(">II", answer[:8]) == (3, 99)
    assert 16 <= len(answer) <= 98


def test_hashes_beyond_the_74th_of_a_scrape_are_left_out(tracker: Udp) -> None:
    rows = tracker.scrape(os.urandom(20) for _ in range(90))
    assert rows == [(0, 0, 0)] * 74


def test_url_data_of_bep_41_is_read_past(tracker: Udp) -> None:
    infohash = os.urandom(20)
    body = struct.pack(">20s20sQQQIIIiH", infohash, b"p" * 20, 0, 0, 0, 2, 0, 0, -1, 6881)
    for options in (b"\x02\x09/announce\x00", b"\x02\xff/cut", b"\x01" * 500, b"\x02", os.urandom(900)):
        answer = tracker.request(tracker.connect(), 1, body + options)
        assert struct.unpack(">II", answer[4:12]) == (0, 1)
