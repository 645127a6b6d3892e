"""A tracker becomes a cache with nobody uploading anything: what two strangers share is there a moment later."""

from collections.abc import Callable, Mapping
from pathlib import Path

import bencodepy
import httpx
import pytest

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import Kind, make_torrent
from tests.clients.swarm.transfer import transfer
from tests.support.clients import scrape
from tests.support.processes import PeerageProcess, wait_until

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    return {
        "lookups__fill": "announced",
        "lookups__fill_rate": "10/second",
        "lookups__private_peers": "true",
        "lookups__anonymous": "true",
        "tracker__flush_every": "0.2",
        "downloads__listen": "127.0.0.1:0",
    }


@pytest.mark.parametrize("kind", [Kind.V1, Kind.HYBRID], ids=["v1", "hybrid"])
def test_what_two_clients_share_is_in_the_cache_and_in_search(
    peerage_server: PeerageProcess, start_client: Callable[[str], Client], tmp_path: Path, kind: Kind
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url("http"), kind)
    transfer(
        peerage_server, torrent, start_client("libtorrent"), start_client("libtorrent"), tmp_path / "copy"
    )

    path = f"{peerage_server.url}/torrent/{torrent.infohash.hex().upper()}.torrent"
    wait_until(lambda: httpx.get(path).status_code == 200, lambda: peerage_server.output)

    info = bencodepy.encode(bencodepy.decode(torrent.raw)[b"info"])
    assert b"4:info" + info in httpx.get(path).content
    found = httpx.get(f"{peerage_server.url}/t/{torrent.infohash.hex()}", follow_redirects=True)
    assert torrent.name in found.text
    word = torrent.name.removeprefix("content-").removesuffix(".bin")
    assert torrent.name in httpx.get(f"{peerage_server.url}/search", params={"q": word}).text


def test_a_file_that_is_waited_for_says_where_it_came_from(
    start_peerage: Callable[..., PeerageProcess], start_client: Callable[[str], Client], tmp_path: Path
) -> None:
    service = start_peerage(
        lookups__private_peers="true", lookups__anonymous="true", downloads__listen="127.0.0.1:0"
    )
    torrent = make_torrent(tmp_path, service.announce_url("http"))
    path = f"{service.url}/torrent/{torrent.infohash.hex().upper()}.torrent"
    assert httpx.get(path, params={"wait": 2}).status_code == 404, "nobody has it yet"

    seeder = start_client("libtorrent")
    seeder.seed(torrent.path, torrent.folder)
    wait_until(lambda: scrape(service.port, torrent.infohash)[0] == 1, lambda: seeder.log)

    answer = httpx.get(path, params={"wait": 20}, timeout=30)
    assert answer.status_code == 200, service.output
    assert answer.headers["x-peerage-source"] == "swarm"
    assert "x-peerage-source" not in httpx.get(path, params={"wait": 20}).headers
