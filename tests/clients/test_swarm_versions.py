"""Version 2 and hybrid torrents: one swarm, whichever hash a client announces."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import Kind, make_torrent
from tests.clients.swarm.libtorrent_session import LibtorrentSession
from tests.clients.swarm.meeting import present, transfer
from tests.service import Service, wait_until
from tests.wire import scrape, udp, upload

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("transport", ["http", "udp"])
def test_a_version_2_torrent_is_exchanged(
    peerage_server: Service, start_client: Callable[[str], Client], tmp_path: Path, transport: str
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport), Kind.V2)
    seeder, leecher = start_client("libtorrent"), start_client("libtorrent")
    transfer(peerage_server, torrent, seeder, leecher, tmp_path / "copy")
    wait_until(lambda: scrape(peerage_server.port, torrent.v2[:20]) == (2, 1, 0), lambda: leecher.log)


@pytest.mark.parametrize("transport", ["http", "udp"])
def test_a_client_with_both_hashes_of_a_held_hybrid_is_counted_once(
    peerage_server: Service, start_client: Callable[[str], Client], tmp_path: Path, transport: str
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport), Kind.HYBRID)
    upload(peerage_server.port, torrent.raw)
    seeder, leecher = start_client("libtorrent"), start_client("aria2")
    transfer(peerage_server, torrent, seeder, leecher, tmp_path / "copy")
    port = peerage_server.port
    wait_until(lambda: scrape(port, torrent.v1) == (2, 1, 0), lambda: str(scrape(port, torrent.v1)))
    assert scrape(port, torrent.v2[:20]) == (2, 1, 0)
    with udp(port) as tracker:
        assert tracker.scrape([torrent.v1, torrent.v2[:20]]) == [(2, 1, 0)] * 2


@pytest.mark.parametrize("transport", ["http", "udp"])
def test_who_knows_one_hash_of_a_held_hybrid_learns_of_who_knows_the_other(
    peerage_server: Service, start_client: Callable[[str], Client], tmp_path: Path, transport: str
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport), Kind.HYBRID)
    upload(peerage_server.port, torrent.raw)
    seeder, leecher = start_client("aria2"), start_client("libtorrent")
    seeder.seed(torrent.path, torrent.folder)  # aria2 knows version 1 alone
    wait_until(present(peerage_server, torrent, 1), lambda: seeder.log[-4000:])
    assert isinstance(leecher, LibtorrentSession)
    tracker = peerage_server.announce_url(transport)
    leecher.leech_magnet(f"magnet:?xt=urn:btmh:1220{torrent.v2.hex()}&tr={tracker}", tmp_path / "copy")
    wait_until(lambda: "received peers: 1" in leecher.log, lambda: leecher.log)
