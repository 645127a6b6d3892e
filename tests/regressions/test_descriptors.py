"""What is left where clients take every descriptor of the process."""

import contextlib
import os
import re
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import raw_torrents
from tests.support.clients import Http, announce, ask, multipart
from tests.support.processes import PeerageProcess, wait_until

DOORS = pytest.mark.parametrize(
    "settings",
    [
        {"tracker__door": "native", "tracker__store": "native", "tracker__threads": 2},
        {"tracker__door": "uvicorn", "tracker__store": "native"},
        {"tracker__door": "uvicorn", "tracker__store": "python"},
    ],
    ids=["native", "fast-path", "python"],
)
CLIENTS = 120
LIMIT = 192
GET = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SECONDS = 2.0
PAUSES_A_SECOND = 2 * 5  # two threads, each at every fifth of a second


class Descriptors:
    """The descriptors of a service that runs, and its limit."""

    def __init__(self, service: PeerageProcess) -> None:
        assert service.process is not None
        self._pid = service.process.pid
        self._folder = Path(f"/proc/{self._pid}")

    def open(self) -> list[int]:
        return sorted(int(each.name) for each in (self._folder / "fd").iterdir())

    def seconds(self) -> float:
        """The processor time that it has used."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def limited(self, most: int) -> Iterator[None]:
        """It may have no descriptor from `most` on."""
        before = resource.prlimit(self._pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self._pid, resource.RLIMIT_NOFILE, (most, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self._pid, resource.RLIMIT_NOFILE, before)


def pauses(kept: Http) -> int:
    kept.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    found = re.search(rb"^peerage_accepting_paused_total (\S+)", kept.receive().body, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def clients(held: contextlib.ExitStack, port: int, count: int) -> list[Http]:
    """Connections from many addresses that have sent a request and stay."""
    opened = []
    for number in range(count):
        one = held.enter_context(Http(port, source=f"127.0.4.{number % 60 + 1}"))
        one.send(GET)
        opened.append(one)
    return opened


@DOORS
def test_without_descriptors_nothing_is_burnt_and_who_waited_is_served(
    start_peerage: Callable[..., PeerageProcess], settings: dict[str, object]
) -> None:
    service = start_peerage(**settings)
    descriptors = Descriptors(service)
    with contextlib.ExitStack() as held:
        kept = held.enter_context(Http(service.port))
        before = pauses(kept)
        lines = len(service.output.splitlines())
        with descriptors.limited(descriptors.open()[-1] + 1):
            waiting = clients(held, service.port, CLIENTS)
            wait_until(lambda: pauses(kept) > before, "the door finds no descriptor")
            used, paused, began = descriptors.seconds(), pauses(kept), time.monotonic()
            time.sleep(SECONDS)  # what is measured is a time: how much is done in it
            used, passed = descriptors.seconds() - used, time.monotonic() - began
            assert used < passed / 2
            assert pauses(kept) - paused <= PAUSES_A_SECOND * passed + 10
            wait_until(lambda: "accepting_paused" in service.output, "a line in the log")
        assert [each.receive().status for each in waiting] == [200] * CLIENTS
        assert b"peers" in announce(service.port, os.urandom(20))
        assert ask(service.port, "/").status == 200
    told = service.output.splitlines()[lines:]
    assert sum("accepting_paused" in line for line in told) == 1, told
    assert len(told) < 5, told


@DOORS
def test_idle_connections_leave_descriptors_for_files(tmp_path: Path, settings: dict[str, object]) -> None:
    limiting = (
        "import os, resource, sys; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT})); os.execvp(sys.argv[1], sys.argv[1:])"
    )
    service = PeerageProcess(tmp_path / "data", settings, (sys.executable, "-c", limiting))
    with contextlib.ExitStack() as held:
        held.callback(service.kill)
        service.start()
        kept = held.enter_context(Http(service.port))
        pauses(kept)
        for each in clients(held, service.port, 2 * LIMIT):
            with contextlib.suppress(AssertionError, ConnectionError, socket.timeout):
                each.receive()
        for _ in range(5):
            data = raw_torrents.torrent()
            body, kind = multipart(data)
            head = f"POST /autoupload.php HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            kept.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert kept.receive().status == 200
            name = raw_torrents.infohash(data).hex().upper()
            kept.send(f"GET /torrent/{name}.torrent HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert kept.receive().body == data
