"""The peers of a day, from announces through a trusted proxy to the Torrent API, over a sudden end."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx

from tests.support import raw_torrents
from tests.support.clients import announce_path, ask
from tests.support.processes import PeerageProcess, wait_until

Start = Callable[..., PeerageProcess]
HOSTS = ("8.8.8.8", "8.8.4.4", "193.0.6.139", "79.192.0.1", "2001:4860:4860::8888", "2001:4860:4860::8844")


def announce_from(service: PeerageProcess, infohash: bytes, hosts: tuple[str, ...]) -> None:
    """Announce as clients at these addresses, through a proxy."""
    for host in hosts:
        answer = ask(service.port, announce_path(infohash), x_forwarded_for=host)
        assert b"failure reason" not in answer.bencoded


def counted(data: Path) -> int:
    """How many pairs of torrent and country were written, as another process sees it."""
    with closing(sqlite3.connect(f"file:{data / 'swarms.db'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM census_tally").fetchone()[0])


def test_a_day_of_announces_is_counted_by_country_over_kill_9_and_leaves_no_key(start_peerage: Start) -> None:
    service = start_peerage(trusted_proxies="127.0.0.1", tracker__flush_every="0.1")
    torrent = raw_torrents.torrent()
    infohash = raw_torrents.infohash(torrent)
    file = service.data.with_name("a.torrent")
    file.write_bytes(torrent)
    assert service.run("import", str(file)).returncode == 0
    assert service.run("user", "add", "ann").returncode == 0
    key = service.run("key", "add", "ann", "--scope", "torrent-api").stdout.split()[-1]
    announce_from(service, infohash, HOSTS[:4])
    wait_until(lambda: counted(service.data) == 3, "three countries written")
    service.kill()
    service.restart()
    announce_from(service, infohash, HOSTS)

    closed = service.run("census", "close")
    assert (closed.returncode, closed.stdout[:6]) == (0, "closed")
    answer = httpx.get(f"{service.url}/torrent/peers/{infohash.hex()}", params={"key": key}).json()

    assert answer["countries"] == [
        {"code": "US", "peers": 3},
        {"code": "DE", "peers": 1},
        {"code": "NL", "peers": 1},
    ]
    assert answer["totalPeers"] == 5
    assert answer["day"] == closed.stdout.split()[1]
    assert [path.name for path in (service.data / "secrets").glob("census-*")] == []
    assert counted(service.data) == 0
    assert service.run("census", "close").returncode == 1
    assert service.run("block", infohash.hex(), "--reason", "unlawful").returncode == 0
    gone = httpx.get(f"{service.url}/torrent/peers/{infohash.hex()}", params={"key": key})
    assert (gone.status_code, gone.json()["error"]) == (404, "INFOHASH_NOT_FOUND")
    assert service.stop() == 0


def test_a_database_of_countries_that_cannot_be_read_is_named(start_peerage: Start, tmp_path: Path) -> None:
    service = PeerageProcess(tmp_path / "data", {"census__database": tmp_path / "missing.mmdb"})
    process = service.launch()
    try:
        assert process.wait(30) == 1
    finally:
        service.kill()
    assert "missing.mmdb" in service.output
    assert "Traceback" not in service.output
