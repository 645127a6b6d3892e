"""Whose address a request has that came through a proxy."""

import contextlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients.proxies.reverse_proxy import HOST
from tests.clients.proxies.site import CLIENT, FORGED, OTHER, Site, chunked, head, infohashes, packed, seen
from tests.support.clients import Answer, Http, announce_path

pytestmark = pytest.mark.clients

FORGERIES = {
    "one": [f"X-Forwarded-For: {FORGED}"],
    "two": [f"X-Forwarded-For: {FORGED}", f"X-Forwarded-For: {FORGED}"],
    "list": [f"X-Forwarded-For: {FORGED}, {FORGED}"],
    "trusted": [f"X-Forwarded-For: {FORGED}, 127.0.0.1"],
    "behind-empty": ["X-Forwarded-For:", f"X-Forwarded-For: {FORGED}"],
    "no-address": ["X-Forwarded-For: unknown, _hidden, ::gg"],
    "open-quote": [f'X-Forwarded-For: "{FORGED}'],
    "lower-case": [f"x-forwarded-for: {FORGED}"],
    "underscores": [f"X_Forwarded_For: {FORGED}"],
    "rfc-7239": [f"Forwarded: for={FORGED}"],
    "real-ip": [f"X-Real-IP: {FORGED}", f"True-Client-IP: {FORGED}", f"CF-Connecting-IP: {FORGED}"],
    "hop-by-hop": ["Connection: close, X-Forwarded-For", f"X-Forwarded-For: {FORGED}"],
    "hop-by-hop-alone": ["Connection: X-Forwarded-For"],
}
CLIENTS = [f"127.0.1.{number}" for number in range(1, 21)]


def test_a_swarm_has_the_clients_and_not_the_proxy(site: Site, infohash: bytes) -> None:
    assert site.seen_by(infohash, source=CLIENT) == CLIENT
    assert site.seen_by(infohash, source=OTHER) == OTHER
    assert site.peers(infohash) >= {CLIENT, OTHER}
    given = site.ask(announce_path(infohash, port=3), source="127.0.0.7").bencoded[b"peers"]
    assert {given[at : at + 4] for at in range(0, len(given), 6)} == {packed(CLIENT), packed(OTHER)}


@pytest.mark.parametrize("lines", FORGERIES.values(), ids=FORGERIES)
def test_what_a_client_says_of_its_address_is_not_believed(
    site: Site, infohash: bytes, lines: list[str]
) -> None:
    assert site.seen_by(infohash, *lines) == CLIENT
    assert FORGED not in site.peers(infohash)


def test_a_trusted_proxy_before_the_proxy_is_believed_where_it_is_passed_on(
    site: Site, infohash: bytes
) -> None:
    expected = "203.0.113.9" if site.proxy.passes_forwarded else "127.0.0.1"
    assert site.seen_by(infohash, "X-Forwarded-For: 203.0.113.9", source="127.0.0.1") == expected


def test_who_goes_around_the_proxy_is_not_believed(site: Site, infohash: bytes) -> None:
    with Http(site.service.port, source=CLIENT) as connection:
        for lines in FORGERIES.values():
            connection.send(head("GET", announce_path(infohash), *lines, "Connection: keep-alive"))
            answer = connection.receive()
            assert seen(answer) == CLIENT
            if answer.headers.get("connection") == "close":
                break
    assert FORGED not in site.peers(infohash)


def test_metrics_pages_and_announces_share_the_host(site: Site, infohash: bytes) -> None:
    assert b"peerage_tracker_info" in site.ask("/metrics").body
    assert site.ask("/").status == 200
    assert site.ask("/livez").body == b'{"status":"ok"}'
    assert site.seen_by(infohash) == CLIENT
    if site.proxy.passes_forwarded:  # so clients from elsewhere can be played here
        outside = ["X-Forwarded-For: 203.0.113.9"]
        assert site.ask("/metrics", *outside, source="127.0.0.1").status == 403
        assert site.ask("/", *outside, source="127.0.0.1").status == 200


def test_clients_that_share_a_connection_to_the_service_keep_their_addresses(
    site: Site, infohash: bytes
) -> None:
    site.seen_by(infohash)
    before = site.upstream_ports()
    with contextlib.ExitStack() as held:
        kept = [(each, held.enter_context(site.connect(each))) for each in CLIENTS]
        for _ in range(5):
            for source, connection in kept:
                connection.send(head("GET", announce_path(infohash)))
                assert seen(connection.receive()) == source
    assert len(site.upstream_ports() - before) <= 2
    assert site.peers(infohash) >= set(CLIENTS)


def test_clients_beside_each_other_keep_their_addresses(site: Site) -> None:
    def talk(source: str) -> set[str]:
        with site.connect(source) as connection:
            found = set()
            for infohash, _ in zip(infohashes(), range(30), strict=False):
                connection.send(head("GET", announce_path(infohash), f"X-Forwarded-For: {FORGED}"))
                found.add(seen(connection.receive()))
            return found

    with ThreadPoolExecutor(len(CLIENTS)) as threads:
        assert list(threads.map(talk, CLIENTS)) == [{each} for each in CLIENTS]


def test_every_pipelined_request_has_the_address_of_its_connection(site: Site, infohash: bytes) -> None:
    forged = f"X-Forwarded-For: {FORGED}"
    with site.connect() as connection:
        connection.send(head("GET", announce_path(infohash), forged) * 5)
        assert [seen(connection.receive()) for _ in range(5)] == [CLIENT] * 5


def test_a_trailer_is_no_header(site: Site, infohash: bytes) -> None:
    trailers = [
        f"X-Forwarded-For: {FORGED}",
        f"Host: {FORGED}",
        "Authorization: Bearer x",
        "Content-Length: 9",
    ]
    names = "Trailer: X-Forwarded-For, Host, Authorization, Content-Length"
    answers: list[Answer] = []
    for lines in ([], [names], [names, "TE: trailers"]):
        with site.connect() as connection:
            request = head("GET", announce_path(infohash), "Transfer-Encoding: chunked", *lines)
            connection.send(
                request + chunked(b"abc", trailers=trailers) + head("GET", announce_path(infohash))
            )
            answers.append(connection.receive())
            with contextlib.suppress(AssertionError):  # a proxy may close behind trailers
                answers.append(connection.receive())
    assert {each.status for each in answers} <= {200, 400}, answers
    assert {seen(each) for each in answers if each.status == 200} <= {CLIENT}
    assert FORGED not in site.peers(infohash)


@pytest.mark.parametrize("lines", [[], ["Connection: keep-alive"]], ids=["plain", "kept"])
def test_a_client_of_http_1_0_announces(site: Site, infohash: bytes, lines: list[str]) -> None:
    with site.connect() as connection:
        connection.send(head("GET", announce_path(infohash), *lines, version="1.0"))
        assert seen(connection.receive()) == CLIENT


def test_announces_over_tls_have_the_clients_address(site: Site, infohash: bytes, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection(("127.0.0.1", site.proxy.tls_port), 15, (CLIENT, 0)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        secure.sendall(head("GET", announce_path(infohash), "Connection: close"))
        answer = b"".join(iter(lambda: secure.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"11:external ip4:" + packed(CLIENT) in answer
