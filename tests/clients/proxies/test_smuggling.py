"""No request hides in another: proxy and service see each one end in the same place, and so do both doors."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.proxies.site import CLIENT, FORGED, OTHER, Site, head, infohashes, seen
from tests.clients.proxies.smuggling import attempts, hidden
from tests.support.clients import Http, announce_path, scrape
from tests.support.processes import PeerageProcess, peerage_processes

pytestmark = pytest.mark.clients

PATIENCE = 0.4  # seconds until nothing more comes
AT_ONCE = 24
NAMES = [name for name, _ in attempts(b"")]


def canary(name: str, whose: str) -> bytes:
    """The hash that the request hidden in an attempt announces."""
    return hashlib.sha1(f"{whose} {name}".encode()).digest()


def statuses(connection: Http, request: bytes) -> list[bytes]:
    """Send something and return the status lines of what comes back, until nothing does."""
    connection.socket.settimeout(PATIENCE)
    connection.send(request)
    received = b""
    try:
        while part := connection.socket.recv(1 << 20):
            received += part
    except (TimeoutError, ConnectionResetError):
        pass
    return [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.")]


def request_of(name: str, whose: str) -> bytes:
    return dict(attempts(hidden(canary(name, whose))))[name]


def test_the_names_are_each_ones_own() -> None:
    assert len(set(NAMES)) == len(NAMES) > 250


def test_what_is_hidden_would_be_believed_of_the_proxy_itself(site: Site, infohash: bytes) -> None:
    with Http(site.service.port) as connection:
        assert statuses(connection, hidden(infohash)) == [b"HTTP/1.1 200 OK"]
    assert FORGED in site.peers(infohash)


def test_nothing_that_is_hidden_behind_a_proxy_is_believed(site: Site) -> None:
    def attempt(name: str) -> list[str]:
        with site.connect() as attacker, site.connect(OTHER) as victim:
            # Both come on connections to the service that others used and will use.
            statuses(attacker, request_of(name, site.service.url))
            victim.send(head("GET", announce_path(canary(name, "victim"))))
            answer = victim.receive()
            own = answer.status == 200 and seen(answer) == OTHER
            faults = [] if own else [f"{name}: another's answer, {answer.status}"]
        peers = site.peers(canary(name, site.service.url))
        return faults + ([f"{name}: believed"] if FORGED in peers else [])

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert [fault for faults in threads.map(attempt, NAMES) for fault in faults] == []
    assert site.seen_by(next(infohashes())) == CLIENT


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, PeerageProcess]]:
    """A service of each door, without a proxy."""
    with peerage_processes(tmp_path_factory.mktemp("doors")) as start:
        yield {
            door: start(
                tracker__door=door, trusted_proxies="127.0.0.1", limits__pages="1000000/minute"
            )
            for door in ("native", "uvicorn")
        }  # fmt: skip


def test_both_doors_see_each_request_end_in_the_same_place(doors: dict[str, PeerageProcess]) -> None:
    def attempt(name: str) -> tuple[str, dict[str, tuple[list[bytes], int]]]:
        found = {}
        for door, service in doors.items():
            infohash = canary(name, door)
            with Http(service.port) as connection:
                lines = statuses(connection, request_of(name, door))
            found[door] = ([line.split()[1] for line in lines], sum(scrape(service.port, infohash)))
        return name, found

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = dict(threads.map(attempt, NAMES))
    assert {name: each for name, each in found.items() if each["native"] != each["uvicorn"]} == {}
    # Where more than the first is answered, that is all that there is: pages and announces, not what was cut off.
    answered = [codes for each in found.values() for codes, _ in each.values()]
    assert {tuple(codes[1:]) for codes in answered} <= {(), (b"200",), (b"400",)}
    assert any(b"400" in codes for codes in answered)
