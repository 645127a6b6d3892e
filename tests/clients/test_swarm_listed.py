"""In the `listed` mode the cache decides which torrents clients may exchange."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bittorrent.refusal import REASONS
from tests.clients.swarm.aria2 import Aria2
from tests.clients.swarm.client import Client
from tests.clients.swarm.content import Torrent, make_torrent
from tests.clients.swarm.transfer import has_peers
from tests.support.clients import scrape
from tests.support.processes import PeerageProcess, wait_until

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    return {"tracker__mode": "listed"}


def upload(service: PeerageProcess, torrent: Torrent) -> str:
    """Send a .torrent with curl and return the link under which the cache has it."""
    command = [
        "curl",
        "--silent",
        "--fail",
        "--form",
        f"torrent=@{torrent.path}",
        f"{service.url}/autoupload.php",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert answer == torrent.infohash.hex().upper() + "\n"
    return f"{service.url}/torrent/{answer.strip()}.torrent"


@pytest.mark.parametrize("transport", ["http", "udp"])
def test_aria2_takes_the_torrent_from_the_cache_and_its_content_from_the_swarm(
    peerage_server: PeerageProcess, start_client: Callable[[str], Client], tmp_path: Path, transport: str
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport))
    link = upload(peerage_server, torrent)
    start_client("libtorrent").seed(torrent.path, torrent.folder)
    wait_until(has_peers(peerage_server, torrent, 1), lambda: peerage_server.output)
    leecher = start_client("aria2")
    assert isinstance(leecher, Aria2)
    leecher.leech_url(link, tmp_path / "copy")
    wait_until(lambda: torrent.is_complete(tmp_path / "copy"), lambda: leecher.log[-4000:])


# libtorrent 2.1 loses the text of a UDP error.
@pytest.mark.parametrize(
    ("name", "transport"),
    [
        ("aria2", "http"),
        ("aria2", "udp"),
        ("libtorrent", "http"),
        ("transmission", "http"),
        ("transmission", "udp"),
    ],
)
def test_an_unknown_torrent_is_refused_in_words_that_the_client_shows(
    peerage_server: PeerageProcess,
    start_client: Callable[[str], Client],
    tmp_path: Path,
    name: str,
    transport: str,
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url(transport))
    client = start_client(name)
    client.leech(torrent.path, tmp_path / "copy")
    wait_until(lambda: REASONS["unlisted"].sentence in client.log, lambda: client.log[-4000:])
    assert scrape(peerage_server.port, torrent.infohash) == (0, 0, 0)


def test_a_refused_client_is_let_in_once_the_cache_holds_the_torrent(
    peerage_server: PeerageProcess, start_client: Callable[[str], Client], tmp_path: Path
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url("http"))
    seeder, leecher = start_client("libtorrent"), start_client("libtorrent")
    seeder.seed(torrent.path, torrent.folder)
    wait_until(lambda: REASONS["unlisted"].sentence in seeder.log, lambda: seeder.log)
    upload(peerage_server, torrent)
    seeder.reannounce()
    wait_until(has_peers(peerage_server, torrent, 1), lambda: seeder.log)
    leecher.leech(torrent.path, tmp_path / "copy")
    wait_until(lambda: torrent.is_complete(tmp_path / "copy"), lambda: leecher.log)
