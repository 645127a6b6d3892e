from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.query import Event
from bittorrent.udp import (
    URL_DATA_LIMIT,
    AnnounceRequest,
    Connect,
    MalformedRequest,
    ScrapeRequest,
    announce_reply,
    connect_reply,
    connection_id,
    error_reply,
    is_valid_connection_id,
    read_request,
    scrape_reply,
)

MAGIC = bytes.fromhex("0000041727101980")
CONNECTION = b"connect!"
TRANSACTION = b"tran"
HASH = bytes(range(20))
KEY = b"k" * 32
HERE = bytes([203, 0, 113, 7])
NOW = 1_800_000_000


def announce(
    *, event: int = 2, port: int = 6881, left: int = 7, numwant: int = -1, options: bytes = b"", sent: int = 5
) -> bytes:
    counts = pack(">QQQ", sent, left, sent + 1)
    return (
        CONNECTION
        + pack(">I", 1)
        + TRANSACTION
        + HASH
        + b"p" * 20
        + counts
        + pack(">IIIiH", event, 0x7F000001, 99, numwant, port)
        + options
    )


def read_announce(packet: bytes) -> AnnounceRequest:
    request = read_request(packet)
    assert isinstance(request, AnnounceRequest)
    return request


def test_connect_is_read() -> None:
    assert read_request(MAGIC + bytes(4) + TRANSACTION) == Connect(TRANSACTION)
    assert read_request(MAGIC + bytes(4) + TRANSACTION + b"more") == Connect(TRANSACTION)


def test_connect_without_the_protocol_id_is_garbage() -> None:
    assert read_request(CONNECTION + bytes(4) + TRANSACTION) is None


def test_a_whole_announce_is_read() -> None:
    assert read_request(announce()) == AnnounceRequest(
        CONNECTION, TRANSACTION, InfoHash(HASH), 6881, 7, Event.STARTED, -1, 6, 5, b"p" * 20, b""
    )


@pytest.mark.parametrize(("number", "event"), [*((event.value, event) for event in Event), (5, Event.NONE)])
def test_an_unknown_event_is_none(number: int, event: Event) -> None:
    assert read_announce(announce(event=number)).event is event


@pytest.mark.parametrize(
    ("left", "known"), [(0, 0), (2**63 - 1, 2**63 - 1), (2**63, None), (2**64 - 1, None)]
)
def test_a_negative_left_is_unknown(left: int, known: int | None) -> None:
    assert read_announce(announce(left=left)).left == known


def test_negative_counts_are_none_at_all() -> None:
    request = read_announce(announce(sent=2**63, numwant=-5))
    assert (request.uploaded, request.downloaded, request.numwant) == (0, 0, -1)


def test_port_0_is_taken_with_stopped_alone() -> None:
    assert read_announce(announce(port=0, event=3)).port == 0
    assert read_request(announce(port=0)) == MalformedRequest(CONNECTION, TRANSACTION, "bad-port")


@given(st.lists(st.binary(min_size=1, max_size=255), max_size=4), st.binary(max_size=40))
def test_url_data_is_joined_and_other_options_are_stepped_over(pieces: list[bytes], other: bytes) -> None:
    options = b"".join(
        b"\x01\x07" + bytes([len(other)]) + other + b"\x02" + bytes([len(p)]) + p for p in pieces
    )
    assert read_announce(announce(options=options + b"\0\x02\x01x")).url_data == b"".join(pieces)


@pytest.mark.parametrize("options", [b"\x02", b"\x02\x05abc", b"\x07", b"\x01" * 500, b"\xff\xff", b"\0"])
def test_broken_options_do_not_spoil_the_announce(options: bytes) -> None:
    assert read_announce(announce(options=options)) == read_request(announce())


def test_url_data_is_bounded() -> None:
    options = (b"\x02\xff" + b"a" * 255) * 200
    assert read_announce(announce(options=options)).url_data == b"a" * URL_DATA_LIMIT


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (74, 74), (75, 74), (400, 74)])
@pytest.mark.parametrize("rest", [0, 1, 19])
def test_a_scrape_is_cut_at_74_hashes(count: int, kept: int, rest: int) -> None:
    hashes = [b"%020d" % number for number in range(count)]
    packet = CONNECTION + pack(">I", 2) + TRANSACTION + b"".join(hashes) + bytes(rest)
    assert read_request(packet) == ScrapeRequest(CONNECTION, TRANSACTION, tuple(map(InfoHash, hashes[:kept])))


@pytest.mark.parametrize("action", [1, 2])
def test_what_is_cut_short_still_tells_its_connection(action: int) -> None:
    packet = CONNECTION + pack(">I", action) + TRANSACTION
    assert read_request(packet) == MalformedRequest(
        CONNECTION, TRANSACTION, "bad-request" if action == 1 else "full-scrape"
    )


def test_zeros_of_any_length_are_garbage() -> None:
    assert {read_request(bytes(length)) for length in range(2001)} == {None}


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", MAGIC, CONNECTION + pack(">I", 1), CONNECTION + pack(">I", 2)]),
)
def test_any_bytes_are_read_or_garbage(tail: bytes, head: bytes) -> None:
    request = read_request(head + tail)
    if isinstance(request, AnnounceRequest | ScrapeRequest | MalformedRequest):
        assert (request.connection, request.transaction) == ((head + tail)[:8], (head + tail)[12:16])


def test_replies_have_the_layout_of_bep_15() -> None:
    assert connect_reply(TRANSACTION, CONNECTION) == bytes(4) + b"tran" + b"connect!"
    assert announce_reply(TRANSACTION, 1800, 3, 2**40, b"\x01\x02\x03\x04\x1a\xe1") == (
        b"\0\0\0\x01tran" + pack(">III", 1800, 3, 2**31 - 1) + b"\x01\x02\x03\x04\x1a\xe1"
    )
    assert scrape_reply(TRANSACTION, [(1, 2, 3), (0, 0, 0)]) == b"\0\0\0\x02tran" + pack(
        ">6I", 1, 2, 3, 0, 0, 0
    )


@pytest.mark.parametrize("length", range(16, 60))
def test_an_error_is_never_longer_than_the_request(length: int) -> None:
    packet = error_reply(TRANSACTION, b"bad connection ID", length)
    assert packet == (b"\0\0\0\x03tran" + b"bad connection ID")[:length]


@pytest.mark.parametrize("length", range(16))
def test_a_short_request_gets_no_error(length: int) -> None:
    assert error_reply(TRANSACTION, b"bad connection ID", length) is None


@given(
    st.binary(min_size=1, max_size=64), st.sampled_from([4, 16]), st.integers(0, 2**33), st.integers(-10, 120)
)
def test_a_connection_id_holds_for_two_minutes(key: bytes, size: int, issued: int, age: int) -> None:
    address = bytes(range(size))
    connection = connection_id(key, address, issued)
    assert len(connection) == 8
    assert is_valid_connection_id(connection, key, address, issued + age)


@pytest.mark.parametrize("age", [-1000, -11, 121, 3600, 2**31])
def test_a_connection_id_does_not_hold_at_another_time(age: int) -> None:
    assert not is_valid_connection_id(connection_id(KEY, HERE, NOW), KEY, HERE, NOW + age)


@given(st.binary(min_size=4, max_size=4))
def test_a_made_up_connection_id_does_not_hold(seal: bytes) -> None:
    fresh = connection_id(KEY, HERE, NOW)
    assert is_valid_connection_id(fresh[:4] + seal, KEY, HERE, NOW) == (seal == fresh[4:])


def test_a_connection_id_is_of_one_address_and_one_key() -> None:
    connection = connection_id(KEY, HERE, NOW)
    assert not is_valid_connection_id(connection, KEY, HERE[:-1] + b"\x08", NOW)
    assert not is_valid_connection_id(connection, KEY, bytes(12) + HERE, NOW)
    assert not is_valid_connection_id(connection, b"other", HERE, NOW)
    assert not is_valid_connection_id(MAGIC, KEY, HERE, NOW)
    assert not is_valid_connection_id(b"", KEY, HERE, 0)
