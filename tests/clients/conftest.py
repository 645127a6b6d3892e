"""Fixtures that start BitTorrent client programs and stop them after the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.swarm.aria2 import Aria2
from tests.clients.swarm.client import Client
from tests.clients.swarm.libtorrent_client import Libtorrent
from tests.clients.swarm.transmission import Transmission

MAKERS: dict[str, Callable[[Path], Client]] = {
    "aria2": Aria2,
    "libtorrent": Libtorrent,
    "transmission": Transmission,
}


@pytest.fixture
def start_client(tmp_path: Path) -> Iterator[Callable[[str], Client]]:
    """Starts a client by its name; all end with the test."""
    started: list[Client] = []

    def start(name: str) -> Client:
        folder = tmp_path / f"client{len(started)}-{name}"
        folder.mkdir()
        started.append(MAKERS[name](folder))
        return started[-1]

    yield start
    for client in started:
        client.stop()
