"""A real file goes from one client to another that found it through our tracker alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import make_torrent
from tests.clients.swarm.transfer import transfer
from tests.support.clients import scrape, udp
from tests.support.processes import PeerageProcess, wait_until

pytestmark = pytest.mark.clients

PAIRS = (
    ("libtorrent", "libtorrent"),
    ("libtorrent", "aria2"),
    ("aria2", "libtorrent"),
    ("aria2", "aria2"),
    ("libtorrent", "transmission"),
    ("transmission", "libtorrent"),
)


@pytest.mark.parametrize("transport", ["http", "udp"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_file_goes_from_client_to_client(
    peerage_server: PeerageProcess,
    start_client: Callable[[str], Client],
    tmp_path: Path,
    pair: tuple[str, str],
    transport: str,
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport))
    seeder, leecher = (start_client(name) for name in pair)
    transfer(peerage_server, torrent, seeder, leecher, tmp_path / "copy")

    expected = (2, 1, 0)
    port = peerage_server.port
    wait_until(
        lambda: scrape(port, torrent.infohash) == expected, lambda: str(scrape(port, torrent.infohash))
    )
    with udp(port) as tracker:
        assert tracker.scrape([torrent.infohash]) == [expected]
