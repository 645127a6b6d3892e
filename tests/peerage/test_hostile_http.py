"""What the service answers to HTTP that no good client sends; it is well after each."""

import itertools
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from urllib.parse import quote_from_bytes

import pytest

from bittorrent.refusal import REASONS
from tests.support.clients import PATIENCE, Http, announce, announce_path, ask, healthy, scrape
from tests.support.processes import PeerageProcess, wait_until

HASH = b"\x00\xff%&=+# hostile \r\n\x80\x9f"
CONNECTIONS = 16


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    return {
        "http__header_timeout": 1,
        "http__body_timeout": 1,
        "http__connections_per_address": CONNECTIONS,
        "fairness__binds_above": 0,
    }


@pytest.fixture(autouse=True)
def still_well(peerage_server: PeerageProcess) -> Iterator[None]:
    yield
    assert healthy(peerage_server.port)


@pytest.fixture
def port(peerage_server: PeerageProcess) -> int:
    return peerage_server.port


def fails(port: int, target: str | bytes, code: str) -> bool:
    return ask(port, target).failure == REASONS[code].sentence


def request(path: str, version: str = "1.1", *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/{version}", "Host: x", *headers, "", "")).encode()


def assert_given_up(connection: Http) -> None:
    """The server ends the connection by itself, silently or with 408."""
    rest = connection.rest()
    assert rest == b"" or rest.startswith(b"HTTP/1.1 408 "), rest[:200]


# Announces.


@pytest.mark.parametrize("length", [0, 1, 19, 21, 31, 33, 64, 200])
def test_an_info_hash_of_a_wrong_length_fails(port: int, length: int) -> None:
    assert fails(port, announce_path(b"\xfe" * length), "bad-info-hash")


@pytest.mark.parametrize("digits", [40, 64])
def test_a_hex_info_hash_fails_with_advice(port: int, digits: int) -> None:
    assert fails(port, announce_path(b"a" * digits), "hex-info-hash")


def test_a_missing_info_hash_fails(port: int) -> None:
    assert fails(port, announce_path(HASH, info_hash=None), "no-info-hash")
    assert fails(port, "/announce", "no-info-hash")
    assert fails(port, "/announce?", "no-info-hash")


def test_two_info_hashes_fail(port: int) -> None:
    assert fails(port, announce_path(HASH) + "&info_hash=" + "b" * 20, "many-info-hashes")


@pytest.mark.parametrize("value", ["0", "65536", "-1", "1e3", "", "%31", "6881x", "9" * 100])
def test_a_port_out_of_range_fails(port: int, value: str) -> None:
    assert fails(port, announce_path(HASH, port=value), "bad-port")


def test_port_0_may_stop(port: int) -> None:
    assert announce(port, HASH, port=0, event="stopped")[b"peers"] == b""


@pytest.mark.parametrize("value", ["many", "", "-1", "1.5", "9" * 1000, "%30"])
def test_a_left_that_is_no_number_is_a_leecher_s(port: int, value: str) -> None:
    infohash = os.urandom(20)
    announce(port, infohash, left=value)
    assert scrape(port, infohash) == (0, 0, 1)


def test_a_peer_id_of_a_wrong_length_fails(port: int) -> None:
    assert fails(port, announce_path(HASH, peer_id=b"short"), "bad-peer-id")
    assert fails(port, announce_path(HASH, peer_id=None), "bad-peer-id")


@pytest.mark.parametrize("size", [4096, 60_000, 65_536, 100_000, 250_000, 1_000_000])
def test_an_over_long_query_fails_as_any_other(port: int, size: int) -> None:
    assert fails(port, announce_path(HASH, key="k" * size), "query-too-long")


@pytest.mark.parametrize("count", [300, 2500, 30_000])
def test_an_over_long_scrape_fails_as_any_other(port: int, count: int) -> None:
    assert fails(port, "/scrape?" + "&".join(["info_hash=" + "a" * 20] * count), "query-too-long")


def test_a_scrape_without_a_hash_fails(port: int) -> None:
    assert fails(port, "/scrape", "full-scrape")


@pytest.mark.parametrize("broken", ["%", "%4", "%zz", "%%41", "%u0041"])
def test_broken_percent_encoding_of_a_hash_fails(port: int, broken: str) -> None:
    rest = announce_path(HASH, info_hash=None).removeprefix("/announce?")
    assert fails(port, f"/announce?info_hash={'a' * 19}{broken}&{rest}", "bad-escape")


def test_broken_percent_encoding_elsewhere_does_no_harm(port: int) -> None:
    assert b"peers" in announce(port, HASH, key="%", supportcrypto="%zz")


@pytest.mark.parametrize("raw", [b"\x80" * 20, b"\xff" * 20, bytes(range(0x80, 0x94))])
def test_raw_bytes_in_the_url_are_taken_as_they_are_or_refused(port: int, raw: bytes) -> None:
    rest = announce_path(HASH, info_hash=None, left=0).removeprefix("/announce?").encode()
    answer = ask(port, b"/announce?info_hash=" + raw + b"&" + rest)
    assert answer.status in {200, 400}
    assert scrape(port, raw) == ((1, 0, 0) if answer.status == 200 else (0, 0, 0))


@pytest.mark.parametrize(
    "path", [b"/announce?\x00", b"/announce?a=\x01", b"/\xff\xfe", b"/announce?a b", b"*"]
)
def test_an_unclean_target_gets_an_answer_of_its_own(port: int, path: bytes) -> None:
    assert 400 <= ask(port, path).status < 500 or ask(port, path).failure


# Methods, versions and framing.


def test_head_on_announce_is_empty_and_announces_nothing(port: int) -> None:
    infohash = os.urandom(20)
    with Http(port) as connection:
        connection.send(
            request(announce_path(infohash), "1.1", "Connection: close").replace(b"GET", b"HEAD", 1)
        )
        assert connection.receive(bodyless=True).status == 200
        assert connection.rest() == b""
    assert scrape(port, infohash) == (0, 0, 0)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_on_announce_are_refused(port: int, method: str) -> None:
    infohash = os.urandom(20)
    assert ask(port, announce_path(infohash), method).status == 405
    assert scrape(port, infohash) == (0, 0, 0)


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    infohash = os.urandom(20)
    announces = [request(announce_path(infohash, port=number)) for number in (1, 2, 3)]
    with Http(port) as connection:
        connection.send(announces[0] + announces[1] + request("/healthz") + announces[2])
        first, second, health, third = [connection.receive() for _ in range(4)]
    assert [each.bencoded[b"incomplete"] for each in (first, second, third)] == [1, 2, 3]
    assert health.status == 200


def test_a_request_may_come_byte_by_byte(port: int) -> None:
    infohash = os.urandom(20)
    with Http(port) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(announce_path(infohash)):
            connection.send(bytes([byte]))
        assert connection.receive().bencoded[b"incomplete"] == 1
        connection.send(request(announce_path(infohash, port=2))[:-2])
        connection.send(b"\r\n" + request("/healthz"))
        assert connection.receive().bencoded[b"incomplete"] == 2
        assert connection.receive().status == 200


def test_http_1_0_is_answered_and_closed(port: int) -> None:
    with Http(port) as connection:
        connection.send(request(announce_path(os.urandom(20)), "1.0"))
        assert b"peers" in connection.receive().bencoded
        assert connection.rest() == b""


def test_http_1_0_without_a_host_is_answered(port: int) -> None:
    with Http(port) as connection:
        connection.send(f"GET {announce_path(os.urandom(20))} HTTP/1.0\r\n\r\n".encode())
        assert b"peers" in connection.receive().bencoded


@pytest.mark.parametrize("path", ["/healthz", announce_path(HASH)])
def test_http_1_0_stays_open_when_both_sides_say_so(port: int, path: str) -> None:
    asked = request(path, "1.0", "Connection: keep-alive")
    with Http(port) as connection:
        connection.send(asked)
        first = connection.receive()
        assert first.status == 200
        if first.headers.get("connection", "").lower() == "keep-alive":
            connection.send(asked)
            assert connection.receive().status == 200
        else:
            assert connection.rest() == b""


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"\x13BitTorrent protocol" + b"\0" * 48]
)
def test_what_is_no_http_is_turned_away(port: int, noise: bytes) -> None:
    with Http(port) as connection:
        connection.send(noise)
        answer = connection.rest()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))


def test_a_header_without_end_is_given_up(port: int) -> None:
    with Http(port) as connection:
        connection.send(request("/announce?")[:-2])
        assert_given_up(connection)


def test_a_header_that_only_trickles_is_given_up(port: int) -> None:
    end = time.monotonic() + PATIENCE
    with Http(port) as connection:
        connection.send(request("/announce?")[:-2] + b"X: ")
        while not select.select([connection.socket], [], [], 0.1)[0]:
            assert time.monotonic() < end, "a byte now and then held the connection open"
            connection.send(b"x")
        assert_given_up(connection)


def test_a_connection_that_says_nothing_is_given_up(port: int) -> None:
    with Http(port) as connection:
        assert_given_up(connection)


def test_an_endless_header_is_cut_off(port: int) -> None:
    with Http(port) as connection:
        connection.send(request("/healthz")[:-2])
        for number in itertools.count():
            if select.select([connection.socket], [], [], 0)[0]:
                break
            assert number < 10_000, "10 MB of header were taken"
            connection.send(b"X-%d: %s\r\n" % (number, b"x" * 1000))
        rest = connection.rest()
    assert rest == b"" or rest.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ", b"HTTP/1.1 431 ")), rest[:100]


@pytest.mark.parametrize("path", ["/autoupload.php", "/api/"])
def test_a_body_that_stops_coming_is_given_up(port: int, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n"
    with Http(port) as connection:
        connection.send(head.encode() + b"<half")
        answer = connection.rest()
    # A door that refuses by the header alone need not wait for the body.
    assert answer == b"" or answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 200 ")), answer[:100]


@pytest.mark.parametrize("path", ["/autoupload.php", "/api/", "/announce"])
def test_a_body_without_end_is_cut_off(port: int, path: str) -> None:
    kind = "multipart/form-data; boundary=b" if path == "/autoupload.php" else "text/xml"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    part = b'--b\r\nContent-Disposition: form-data; name="torrent"; filename="x"\r\n\r\n'
    with Http(port) as connection:
        connection.send(head.encode() + b"%x\r\n%s\r\n" % (len(part), part))
        for number in itertools.count():
            if select.select([connection.socket], [], [], 0)[0]:
                break
            assert number < 2000, "125 MB of body were taken"
            connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        answer = connection.rest()
    assert b"413" in answer.split(b"\r\n", 1)[0] + answer[-200:] or path != "/autoupload.php", answer[:200]


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -1",),
        ("Content-Length: 99999999999999999999999",),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Transfer-Encoding: nonsense",),
        (" folded: x",),
        ("no colon",),
    ],
)
def test_unclean_framing_never_reaches_a_second_request(port: int, headers: tuple[str, ...]) -> None:
    infohash = os.urandom(20)
    with Http(port) as connection:
        connection.send(request("/healthz", "1.1", *headers) + request(announce_path(infohash)))
        assert connection.rest()[:9] in {b"", b"HTTP/1.1 "}
    assert scrape(port, infohash)[2] in {0, 1}


def test_connections_of_one_address_are_capped(port: int) -> None:
    held = [Http(port) for _ in range(CONNECTIONS)]
    try:
        for connection in held:
            connection.send(b"GET ")
        with Http(port) as surplus:
            surplus.send(request("/healthz"))
            rest = surplus.rest()
            assert rest == b"" or rest.startswith(b"HTTP/1.1 503 "), rest[:100]
    finally:
        for connection in held:
            connection.close()
    wait_until(lambda: _answers(port), "the connections that ended were still counted")


def _answers(port: int) -> bool:
    with Http(port) as connection:
        connection.send(request("/healthz"))
        return connection.socket.recv(1) == b"H"


def test_a_path_of_the_cache_that_is_no_hash_is_a_plain_404(port: int) -> None:
    for name in (
        "",
        "..",
        "%2e%2e/%2e%2e/etc/passwd",
        "A" * 39,
        quote_from_bytes(b"\0\xff"),
        "G" * 40,
    ):
        assert ask(port, f"/torrent/{name}").status == 404


@pytest.mark.parametrize("size", [70_000, 100_000, 1_000_000])
def test_a_path_beyond_the_limit_is_a_431(port: int, size: int) -> None:
    assert ask(port, "/torrent/" + "A" * size).status == 431
