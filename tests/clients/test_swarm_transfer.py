"""A real file goes from one client to another that found it through our tracker alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import Torrent, make_torrent
from tests.service import Service, wait_until
from tests.wire import scrape, udp

pytestmark = pytest.mark.clients

PAIRS = (
    ("libtorrent", "libtorrent"),
    ("libtorrent", "aria2"),
    ("aria2", "libtorrent"),
    ("aria2", "aria2"),
    ("libtorrent", "transmission"),
    ("transmission", "libtorrent"),
)


def present(service: Service, torrent: Torrent, peers: int) -> Callable[[], bool]:
    def count() -> bool:
        complete, _, incomplete = scrape(service.port, torrent.infohash)
        return complete + incomplete >= peers

    return count


def transfer(service: Service, torrent: Torrent, seeder: Client, leecher: Client, folder: Path) -> None:
    """Start both in the order that they need and wait for the content; the second dials the first."""
    starts = [lambda: seeder.seed(torrent.path, torrent.folder), lambda: leecher.leech(torrent.path, folder)]
    first, second = starts if leecher.dials else reversed(starts)

    def said() -> str:
        return (
            f"seeder: {seeder.log[-4000:]}\nleecher: {leecher.log[-4000:]}\nserver: {service.output[-2000:]}"
        )

    first()
    wait_until(present(service, torrent, 1), said)
    second()
    wait_until(lambda: torrent.arrived(folder), said)


@pytest.mark.parametrize("transport", ["http", "udp"])
@pytest.mark.parametrize(("seeding", "leeching"), PAIRS)
def test_a_file_goes_from_client_to_client(
    peerage_server: Service,
    start_client: Callable[[str], Client],
    tmp_path: Path,
    seeding: str,
    leeching: str,
    transport: str,
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport))
    transfer(peerage_server, torrent, start_client(seeding), start_client(leeching), tmp_path / "copy")

    expected = (2, 1, 0)
    port = peerage_server.port
    wait_until(
        lambda: scrape(port, torrent.infohash) == expected, lambda: str(scrape(port, torrent.infohash))
    )
    with udp(port) as tracker:
        assert tracker.scrape([torrent.infohash]) == [expected]
