"""No request is hidden in another one: proxy and service agree where each ends, and so do the service's two doors."""

import re
import select
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.clients.proxies.site import OTHER, Site, head, infohashes
from tests.clients.proxies.smuggling import CORPUS, SPLIT_BY, Case, canary_request
from tests.support.clients import Http, scrape, scrape_path
from tests.support.processes import PeerageProcess, peerage_processes

pytestmark = pytest.mark.clients

METHODS = (b"GET", b"POST")
BESIDE = 24  # conversations at once
PATIENCE, QUIET = 1.0, 0.2  # seconds for the first answer, and behind one until no other is expected
PAUSE = 0.0003  # between the head and what follows it: read one by one, but before there is an answer
STATUS = re.compile(rb"HTTP/1\.[01] (\d\d\d)[ \r]")


@dataclass(frozen=True, slots=True)
class Attack:
    """One case sent with one method, and what came back."""

    case: Case
    method: bytes
    canary: bytes
    heard: bytes = b""
    closed: bool = False
    strayed: bytes = b""
    """An answer that somebody else got in the place of their own."""

    @property
    def statuses(self) -> list[int]:
        """Of all answers, in their order."""
        return [int(status) for status in STATUS.findall(self.heard)]

    @property
    def answered(self) -> bool:
        """Whether the canary was: the case itself is no announce."""
        return b"external ip" in self.heard

    @property
    def served(self) -> int:
        """How many requests were more than refused as unreadable."""
        return sum(status not in (100, 400) for status in self.statuses)

    @property
    def name(self) -> str:
        return f"{self.method.decode()} {self.case.name}"


def converse(port: int, *pieces: bytes) -> tuple[bytes, bool]:
    """Send pieces; return what comes until the end or until it is quiet, and whether it has ended."""
    heard = b""
    with Http(port) as connection:
        for piece in pieces:
            connection.send(piece)
            if piece is not pieces[-1]:
                time.sleep(PAUSE)
        while select.select([connection.socket], [], [], QUIET if heard else PATIENCE)[0]:
            try:
                part = connection.socket.recv(65536)
            except ConnectionResetError:
                part = b""
            if part == b"":
                return heard, True
            heard += part
    return heard, False


def stray(site: Site) -> bytes:
    """What another client gets that is no answer to it, nothing where all is well."""
    infohash = next(infohashes())
    with site.connect(OTHER) as connection:
        for _ in range(2):
            connection.send(head("GET", scrape_path(infohash)))
            answer = connection.receive()
            if answer.status != 200 or infohash not in answer.body:
                return b"%d %b" % (answer.status, answer.body)
    return b""


def whole(sent: bytes) -> tuple[bytes, ...]:
    return (sent,)


def behind_the_head(sent: bytes) -> tuple[bytes, ...]:
    """The head, and then what follows it."""
    first, ended, rest = sent.partition(b"\r\n\r\n")
    return (first + ended, rest)


def attacks(
    port: int, site: Site | None = None, cut: Callable[[bytes], tuple[bytes, ...]] = whole
) -> list[Attack]:
    """Play the whole corpus against a port, with a bystander after each case where there is a proxy."""
    fresh = infohashes()

    def play(each: tuple[Case, bytes, bytes, bytes]) -> Attack:
        case, method, target, canary = each
        heard, closed = converse(
            port, case.sent(method, scrape_path(target).encode(), canary_request(canary))
        )
        return Attack(case, method, canary, heard, closed, stray(site) if site is not None else b"")

    plays = [(case, method, next(fresh), next(fresh)) for case in CORPUS for method in METHODS]
    with ThreadPoolExecutor(BESIDE) as threads:
        return list(threads.map(play, plays))


def counted(service: PeerageProcess, attack: Attack) -> bool:
    """Whether the service took the canary for a request."""
    return scrape(service.port, attack.canary) != (0, 0, 0)


def faults(service: PeerageProcess, played: list[Attack], split: Set[str] = frozenset()) -> Iterator[str]:
    """What must not be, one line each; the cases in `split` may be two requests, where both are answered."""
    for attack in played:
        seen = counted(service, attack)
        told = f"{attack.name} ({attack.case.what}): {attack.statuses}"
        if seen and not attack.case.lawful and attack.case.name not in split:
            yield f"the canary was counted: {told}"
        if seen != attack.answered:
            yield f"the canary was {'counted' if seen else 'answered'} alone: {told}"
        if attack.served > 1 + seen:
            yield f"an answer without a request: {told}: {attack.heard!r}"
        if attack.strayed:
            yield f"a bystander got another's answer: {told}: {attack.strayed[:200]!r}"


def test_every_case_is_one_of_its_own() -> None:
    names = {case.name for case in CORPUS}
    assert len(names) == len(CORPUS)
    assert names.issuperset(set().union(*SPLIT_BY.values()))
    canary = canary_request(bytes(20))
    assert len({case.sent(b"GET", b"/", canary) for case in CORPUS}) == len(CORPUS)
    assert all(canary in case.sent(b"GET", b"/", canary) for case in CORPUS)


def test_a_canary_in_the_open_is_counted_and_answered(site: Site) -> None:
    plain = Case("plain", "two requests, one after the other", b"", lawful=True)
    target, canary = (next(infohashes()) for _ in range(2))
    for method in METHODS:
        heard, _ = converse(
            site.proxy.port, plain.sent(method, scrape_path(target).encode(), canary_request(canary))
        )
        attack = Attack(plain, method, canary, heard)
        assert attack.served == 2
        assert attack.answered
        assert counted(site.service, attack)


def test_a_canary_that_another_connection_brought_is_told(site: Site) -> None:
    hidden = Case("hidden", "answered to somebody else", b"", lawful=True)
    canary = next(infohashes())
    with Http(site.service.port) as connection:
        connection.send(canary_request(canary))
        assert connection.receive().status == 200
    alone, *others = faults(site.service, [Attack(hidden, b"GET", canary, b"HTTP/1.1 200 OK\r\n\r\n")])
    assert alone.startswith("the canary was counted alone")
    assert others == []


@pytest.mark.parametrize("cut", [whole, behind_the_head])
def test_nothing_is_smuggled_past_a_proxy(site: Site, cut: Callable[[bytes], tuple[bytes, ...]]) -> None:
    played = attacks(site.proxy.port, site, cut)
    found = list(faults(site.service, played, SPLIT_BY[site.proxy.name]))
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, PeerageProcess]]:
    """The service without a proxy, with each of its doors."""
    with peerage_processes(tmp_path_factory.mktemp("doors")) as start:
        yield {door: start(tracker__door=door) for door in ("native", "uvicorn")}


@pytest.mark.parametrize("cut", [whole, behind_the_head])
def test_nothing_is_smuggled_where_no_proxy_is_and_both_doors_agree(
    doors: dict[str, PeerageProcess], cut: Callable[[bytes], tuple[bytes, ...]]
) -> None:
    played = {door: attacks(service.port, cut=cut) for door, service in doors.items()}
    for door, service in doors.items():
        found = list(faults(service, played[door]))
        assert not found, "\n".join([door, *found])
    differ = [
        f"{one.name} ({one.case.what}): {one.statuses} {one.closed}, {other.statuses} {other.closed}"
        for one, other in zip(played["native"], played["uvicorn"], strict=True)
        if (one.statuses, one.closed) != (other.statuses, other.closed)
        or counted(doors["native"], one) != counted(doors["uvicorn"], other)
    ]
    assert not differ, "\n".join(differ)
