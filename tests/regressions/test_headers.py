"""What a request's head may say, and what may not come after it."""

from collections.abc import Callable, Mapping

import pytest

from tests.support import raw_torrents
from tests.support.clients import Http, ask, multipart
from tests.support.processes import PeerageProcess


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    return {"trusted_proxies": '["127.0.0.0/8"]', "limits__login": "3/hour", "http__header_timeout": 2}


@pytest.fixture
def port(peerage_server: PeerageProcess) -> int:
    return peerage_server.port


LOGIN = b'{"username": "nobody", "password": "wrong wrong"}'


def log_in(port: int, *trailers: str) -> int:
    """The status of a log-in with a wrong password, sent in a chunk with trailers behind it."""
    head = "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    named = "X-Forwarded-For: 198.51.100.7\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n" % (len(LOGIN), LOGIN)
    end = "".join(f"{each}\r\n" for each in trailers) + "\r\n"
    with Http(port) as connection:
        connection.send((head + named).encode() + body + end.encode())
        return connection.receive().status


def test_a_trailer_is_no_header(port: int) -> None:
    statuses = [log_in(port, f"X-Forwarded-For: 203.0.113.{number}") for number in range(9)]
    assert 429 in statuses, statuses


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/", marks=pytest.mark.held_before("the front page refused an unclear host")),
        "/healthz",
        "/announce?info_hash=x",
        "/torrent/" + "A" * 40 + ".torrent",
    ],
)
def test_two_hosts_are_refused(port: int, path: str) -> None:
    with Http(port) as connection:
        connection.send(f"GET {path} HTTP/1.1\r\nHost: a.example\r\nhost: b.example\r\n\r\n".encode())
        assert connection.receive().status == 400


def test_a_head_that_comes_at_once_keeps_the_limit_of_heads(port: int) -> None:
    lines = "".join(f"X-{number}: {'h' * 4000}\r\n" for number in range(30))
    with Http(port) as connection:
        connection.send(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        assert connection.rest().startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


def test_a_form_of_the_public_host_over_another_scheme_is_refused(
    start_peerage: Callable[..., PeerageProcess],
) -> None:
    service = start_peerage(public_url="https://site.example")
    answers = {}
    for origin in ("https://site.example", "http://site.example"):
        body, kind = multipart(raw_torrents.torrent())
        head = f"POST /upload.php HTTP/1.1\r\nHost: site.example\r\nOrigin: {origin}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        with Http(service.port) as connection:
            connection.send(head.encode() + body)
            answers[origin] = connection.receive().status
    assert answers == {"https://site.example": 200, "http://site.example": 403}


def test_a_program_beside_the_proxy_reads_the_metrics(port: int) -> None:
    assert ask(port, "/metrics").status == 200


def test_a_client_in_the_proxies_network_may_announce(port: int) -> None:
    query = "info_hash=" + "a" * 20 + "&peer_id=" + "b" * 20 + "&port=6881&left=1"
    answer = ask(port, f"/announce?{query}", x_forwarded_for="127.0.0.9").bencoded
    assert b"failure reason" not in answer, answer


def test_refusals_for_a_time_say_how_long(port: int) -> None:
    for _ in range(9):
        answer = ask(
            port,
            "/login",
            "POST",
            b"username=nobody&password=x",
            content_type="application/x-www-form-urlencoded",
        )
        if answer.status == 429:
            break
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0


def test_a_body_that_is_too_large_hears_the_limit_that_the_operator_set(port: int) -> None:
    with Http(port) as connection:
        connection.send(
            b"POST /autoupload.php HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 20000000\r\n\r\n"
        )
        connection.send(b"x" * 20_000_000)
        answer = connection.receive()
    assert b"10485760" in answer.body + answer.headers.get("x-torrage-error-msg", "").encode(), answer
