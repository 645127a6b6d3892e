"""What one address may take of what all share."""

import os
import socket

import pytest

from tests.support import raw_torrents
from tests.support.clients import announce_path, multipart, scrape

HOG, NEWCOMER = "127.0.1.1", "127.0.9.1"


def announce_new(port: int, source: str, count: int) -> int:
    """Announce new torrents from an address over one connection; return how many were not tracked."""
    refused = 0
    with socket.create_connection(("127.0.0.1", port), 15, (source, 0)) as connection:
        reader = connection.makefile("rb")
        for _ in range(0, count, 50):
            targets = [announce_path(os.urandom(20)) for _ in range(50)]
            connection.sendall(
                "".join(f"GET {each} HTTP/1.1\r\nHost: x\r\n\r\n" for each in targets).encode()
            )
            refused += sum(b"warning" in answer_of(reader) for _ in targets)
    return refused


def answer_of(reader) -> bytes:
    length = 0
    while line := reader.readline().strip().lower():
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return reader.read(length)


@pytest.mark.parametrize(
    "settings",
    [
        {"tracker__door": "native", "tracker__store": "native"},
        {"tracker__door": "uvicorn", "tracker__store": "native"},
        {"tracker__door": "uvicorn", "tracker__store": "python"},
    ],
    ids=["native", "fast-path", "python"],
)
def test_one_address_does_not_fill_the_tracker(start_peerage, settings):
    # A fifth of it is kept from the hog, and 50 of those 500 are within a newcomer's eighth of what is free.
    port = start_peerage(tracker__max_torrents=2500, **settings).port
    announce_new(port, HOG, 3000)

    assert announce_new(port, NEWCOMER, 50) == 0


def test_ports_of_one_address_do_not_fill_the_tracker(start_peerage):
    port = start_peerage(tracker__max_peers=1000).port
    for infohash in (os.urandom(20) for _ in range(8)):
        announce_ports(port, HOG, infohash, 256)
    infohash = os.urandom(20)

    announce_ports(port, NEWCOMER, infohash, 1)

    assert scrape(port, infohash) == (0, 0, 1)


def announce_ports(port: int, source: str, infohash: bytes, count: int) -> None:
    """Announce a torrent from so many ports of an address over one connection."""
    with socket.create_connection(("127.0.0.1", port), 15, (source, 0)) as connection:
        reader = connection.makefile("rb")
        for each in range(1, count + 1):
            target = announce_path(infohash, port=each)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer_of(reader)


def test_one_address_does_not_fill_the_tracker_over_udp(start_peerage):
    port = start_peerage(tracker__max_torrents=2000).port
    announce_new(port, HOG, 3000)
    infohash = os.urandom(20)

    announce_over_udp(port, NEWCOMER, infohash)

    assert scrape(port, infohash) == (0, 0, 1)


def upload_from(port: int, source: str, data: bytes) -> int:
    """Send a .torrent from an address as browsers do; return the status."""
    body, kind = multipart(data)
    head = f"POST /upload.php HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port), 15, (source, 0)) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        return int(connection.makefile("rb").readline().split()[1])


def test_one_address_does_not_fill_the_cache(start_peerage):
    port = start_peerage(cache__max_files=60, cache__upload_rate="10000/minute").port
    refusals = {upload_from(port, HOG, raw_torrents.torrent()) for _ in range(62)} - {200}
    assert refusals == {507}

    assert upload_from(port, NEWCOMER, raw_torrents.torrent()) == 200


def announce_over_udp(port: int, source: str, infohash: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(15)
        client.bind((source, 0))
        client.connect(("127.0.0.1", port))
        client.send(bytes.fromhex("0000041727101980") + bytes(8))
        connection = client.recv(100)[8:16]
        body = (
            infohash
            + bytes(20)
            + bytes(8)
            + bytes(7)
            + b"\1"
            + bytes(8)
            + bytes(12)
            + b"\xff" * 4
            + b"\x1a\xe1"
        )
        client.send(connection + bytes([0, 0, 0, 1]) + bytes(4) + body)
        assert client.recv(1000)[:4] == bytes([0, 0, 0, 1])
