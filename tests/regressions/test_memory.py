"""What connections may hold: each case against a service with 400 MB of memory."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proof import cgroup
from tests.proof.attacks import ATTACKS, run
from tests.support import raw_torrents
from tests.support.clients import announce, ask, upload
from tests.support.processes import PeerageProcess

LIMIT = 400 * 2**20
SECONDS = 4.0
MANY = {"cache__upload_rate": "100000/minute"}
BOUNDED = pytest.mark.held_before("this kind was bounded before the budget of bytes in flight")
CASES = [
    "trailers",
    pytest.param("chunks", marks=BOUNDED),
    pytest.param("large heads", marks=BOUNDED),
    "slow readers",
    pytest.param("pipelines", marks=BOUNDED),
    pytest.param("half bodies", marks=BOUNDED),
    "soap",
    pytest.param("gzip bombs", marks=BOUNDED),
    pytest.param("many values", marks=BOUNDED),
    pytest.param("many files", marks=BOUNDED),
]


@dataclass(frozen=True)
class LimitedService:
    """A service in a control group, with a large file that it serves."""

    process: PeerageProcess
    large: str


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[LimitedService]:
    with cgroup.memory_group(LIMIT) as group:
        service = PeerageProcess(tmp_path / "data", MANY, group.launcher)
        try:
            service.start()
            pieces = raw_torrents.info(b"large", pieces=bytes(range(256)) * 31_200, length=16384 * 399_360)
            data = raw_torrents.torrent(pieces)
            assert upload(service.port, data).status == 200
            done = service.run("user", "add", "ada", "--password-stdin", given="correct horse battery\n")
            assert done.returncode == 0, done.stderr
            yield LimitedService(service, f"/torrent/{raw_torrents.infohash(data).hex().upper()}.torrent")
        finally:
            service.kill()


def serve_honest(service: PeerageProcess, large: str) -> None:
    """An announce, a file and a log-in go through."""
    announce(service.port, b"h" * 20)
    assert ask(service.port, large).status == 200
    login = json.dumps({"username": "ada", "password": "correct horse battery"}).encode()
    assert ask(service.port, "/api/login", "POST", login, content_type="application/json").status == 200


@pytest.mark.parametrize("name", CASES)
def test_an_attack_on_memory_leaves_the_service_in_its_limit_and_at_work(
    limited: LimitedService, name: str
) -> None:
    assert name in ATTACKS
    service = limited.process
    assert service.process is not None
    attack = threading.Thread(target=run, args=(service.port, limited.large, [name] * 2, SECONDS, 1))
    with cgroup.watched_memory(service.process.pid) as memory:
        attack.start()
        try:
            serve_honest(service, limited.large)
        finally:
            attack.join()
    assert service.process.poll() is None, (
        f"ended with {service.process.poll()}, {memory.peak >> 20} MiB held"
    )
    assert memory.peak <= LIMIT
    serve_honest(service, limited.large)
