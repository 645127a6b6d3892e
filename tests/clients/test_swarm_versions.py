"""Version 2 and hybrid torrents: one swarm, whichever hash a client announces."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import Kind, make_torrent
from tests.clients.swarm.libtorrent_client import Libtorrent
from tests.clients.swarm.transfer import has_peers, is_downloaded, transfer
from tests.support.clients import scrape, udp, upload
from tests.support.processes import PeerageProcess, wait_until

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("transport", ["http", "udp"])
def test_a_version_2_torrent_is_exchanged(
    peerage_server: PeerageProcess, start_client: Callable[[str], Client], tmp_path: Path, transport: str
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport), Kind.V2)
    seeder, leecher = start_client("libtorrent"), start_client("libtorrent")
    transfer(peerage_server, torrent, seeder, leecher, tmp_path / "copy")
    wait_until(lambda: scrape(peerage_server.port, torrent.v2[:20]) == (2, 1, 0), lambda: leecher.log)


@pytest.mark.parametrize("transport", ["http", "udp"])
def test_who_knows_one_hash_of_a_held_hybrid_meets_who_knows_the_other(
    peerage_server: PeerageProcess, start_client: Callable[[str], Client], tmp_path: Path, transport: str
) -> None:
    """Magnets name one hash each; the seeder announces both, and is one peer all the same."""
    url = peerage_server.announce_url(transport)
    torrent = make_torrent(tmp_path, url, Kind.HYBRID)
    upload(peerage_server.port, torrent.raw)
    seeder, first, second = (start_client("libtorrent") for _ in range(3))
    assert isinstance(first, Libtorrent)
    assert isinstance(second, Libtorrent)

    first.leech_magnet(f"magnet:?xt=urn:btih:{torrent.v1.hex()}&tr={url}", tmp_path / "first")
    wait_until(has_peers(peerage_server, torrent, 1), lambda: first.log)
    second.leech_magnet(f"magnet:?xt=urn:btmh:1220{torrent.v2.hex()}&tr={url}", tmp_path / "second")
    wait_until(lambda: "received peers: 1" in second.log, lambda: second.log)

    seeder.seed(torrent.path, torrent.folder)
    for copy in (tmp_path / "first", tmp_path / "second"):
        wait_until(
            is_downloaded(torrent, copy, first, second), lambda: f"{first.log}\n{second.log}\n{seeder.log}"
        )
    port, cut = peerage_server.port, torrent.v2[:20]
    wait_until(lambda: scrape(port, torrent.v1) == (3, 2, 0), lambda: str(scrape(port, torrent.v1)))
    assert scrape(port, cut) == (3, 2, 0)
    with udp(port) as tracker:
        assert tracker.scrape([torrent.v1, cut]) == [(3, 2, 0)] * 2
