"""Several requests on one connection through a proxy, cut anywhere: each has its own answer, in their order."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.proxies.site import Site, chunked, head, infohashes, seen
from tests.support.clients import Answer, Http, announce_path, scrape_path

pytestmark = pytest.mark.clients

FORM = "Content-Type: application/x-www-form-urlencoded"
EDGES = re.compile(rb"\r\n|: |(?<=\r\n)[0-9a-f]+(?=\r\n)| /|\?| HTTP|\d(?=\r\n)")
BESIDE = 8


def asked(infohash: bytes, *lines: str) -> bytes:
    return head("GET", scrape_path(infohash), *lines)


def conversation(hashes: list[bytes]) -> bytes:
    """A body in chunks with a trailer, one by length, and between and behind them what has none."""
    in_chunks = head("POST", "/scrape", FORM, "Transfer-Encoding: chunked", "Trailer: X-Trailer")
    by_length = head("POST", "/scrape", FORM, "Content-Length: 10")
    return b"".join(
        [
            asked(hashes[0]),
            in_chunks + chunked(b"a=b&", b"c=" + b"d" * 16, trailers=["X-Trailer: y"]),
            asked(hashes[1]),
            by_length + b"GET /x HTT",
            asked(hashes[2]),
        ]
    )


def statuses_and_hashes(connection: Http, hashes: list[bytes]) -> list[tuple[int, list[bytes]]]:
    """For each answer its status and those hashes that it tells of."""
    answers = [connection.receive() for _ in range(5)]
    return [(each.status, [one for one in hashes if one in each.body]) for each in answers]


def test_a_conversation_that_is_cut_anywhere_has_its_answers_in_order(site: Site) -> None:
    hashes = [one for one, _ in zip(infohashes(), range(3), strict=False)]
    whole = conversation(hashes)
    expected = [(200, hashes[:1]), (405, []), (200, hashes[1:2]), (405, []), (200, hashes[2:])]
    edges = {edge for found in EDGES.finditer(whole) for edge in found.span()}
    places = sorted({at for edge in edges for at in (edge - 1, edge, edge + 1) if 0 < at < len(whole)})
    assert len(places) > 100

    def cut(at: int) -> list[tuple[int, list[bytes]]]:
        with site.connect() as connection:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.send(whole[:at])
            connection.send(whole[at:])
            return statuses_and_hashes(connection, hashes)

    with ThreadPoolExecutor(BESIDE) as threads:
        heard = dict(zip(places, threads.map(cut, places), strict=True))
    wrong = {at: (whole[:at][-20:], told) for at, told in heard.items() if told != expected}
    assert not wrong


def test_a_kept_connection_answers_what_was_asked(site: Site) -> None:
    with site.connect() as connection:
        for infohash, number in zip(infohashes(), range(60), strict=False):
            lines = ["Content-Length: 0"] if number % 3 == 1 else []
            connection.send(asked(infohash, *lines))
            assert infohash in connection.receive().body
            if number % 3 == 2:
                connection.send(head("HEAD", "/livez"))
                assert connection.receive(bodyless=True).status in {200, 405}


def test_pipelined_requests_of_many_clients_have_their_own_answers(site: Site) -> None:
    def talk(number: int) -> bool:
        hashes = [one for one, _ in zip(infohashes(), range(20), strict=False)]
        with site.connect(f"127.0.2.{number}") as connection:
            connection.send(b"".join(asked(one) for one in hashes))
            return all(one in connection.receive().body for one in hashes)

    with ThreadPoolExecutor(BESIDE) as threads:
        assert all(threads.map(talk, range(1, 17)))


def test_announces_and_scrapes_in_one_pipeline_are_not_mixed(site: Site, infohash: bytes) -> None:
    with site.connect() as connection:
        connection.send((head("GET", announce_path(infohash)) + asked(infohash)) * 5)
        for _ in range(5):
            answer: Answer = connection.receive()
            assert seen(answer)
            assert connection.receive().bencoded[b"files"][infohash][b"incomplete"] == 1
