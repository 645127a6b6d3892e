"""WebTorrent's clients meet through the tracker over WebSocket: npm's bittorrent-tracker and webtorrent, libtorrent, Chromium."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import make_torrent
from tests.clients.swarm.transfer import transfer
from tests.clients.webtorrent.pages import Pages
from tests.support.clients import scrape
from tests.support.processes import PeerageProcess, wait_until

pytestmark = pytest.mark.clients

SCRIPTS = Path(__file__).parent / "webtorrent"


@pytest.fixture(scope="module")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the npm packages are installed, by their lock file."""
    folder = tmp_path_factory.mktemp("npm")
    shutil.copytree(SCRIPTS / "npm", folder, dirs_exist_ok=True)
    run = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder


def node(script: str, packages: Path, **variables: str) -> dict[str, object]:
    """Run a script and return the JSON that it prints."""
    run = subprocess.run(
        ["node", str(SCRIPTS / script)],
        env=os.environ | {"MODULES": str(packages)} | variables,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def test_two_clients_of_npm_exchange_an_offer_and_an_answer_and_scrape(
    peerage_server: PeerageProcess, npm_packages: Path
) -> None:
    infohash = os.urandom(20).hex()
    base = peerage_server.announce_url("ws").removesuffix("/announce")
    said = node("by_bittorrent_tracker.mjs", npm_packages, BASE=base, HASH=infohash)
    assert said == {
        "updates": [[1, 0], [1, 1], [2, 0], [1, 0]],
        "text": "over WebRTC",
        "scraped": [2, 0, 1],
        "both": {infohash: [2, 0], "aa" * 20: [0, 0]},
        "failures": [],
    }
    wait_until(
        lambda: scrape(peerage_server.port, bytes.fromhex(infohash)) == (0, 1, 0),
        lambda: str(scrape(peerage_server.port, bytes.fromhex(infohash))),
    )


def test_a_file_goes_from_libtorrent_to_libtorrent_over_webrtc(
    peerage_server: PeerageProcess, start_client: Callable[[str], Client], tmp_path: Path
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url("ws"))
    seeder, leecher = start_client("libtorrent"), start_client("libtorrent")
    transfer(peerage_server, torrent, seeder, leecher, tmp_path / "copy")
    wait_until(
        lambda: scrape(peerage_server.port, torrent.infohash)[0] == 2,
        lambda: str(scrape(peerage_server.port, torrent.infohash)),
    )


@pytest.fixture
def pages(npm_packages: Path, tmp_path: Path) -> Iterator[Pages]:
    """Pages in headless Chromium, which end with the test."""
    with Pages(npm_packages, tmp_path) as opened:
        yield opened


def test_two_pages_in_chromium_share_a_file(peerage_server: PeerageProcess, pages: Pages) -> None:
    content = os.urandom(200_000)
    announce = peerage_server.announce_url("ws")
    seeding = pages.open("seed", announce, content)
    infohash = seeding.result()
    leeching = pages.open("leech", announce, infohash)
    assert leeching.result() == content
    wait_until(
        lambda: scrape(peerage_server.port, bytes.fromhex(infohash.decode()))[0] == 2,
        lambda: str(scrape(peerage_server.port, bytes.fromhex(infohash.decode()))),
    )
