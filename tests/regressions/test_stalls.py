"""What holds up everything else while it is worked on."""

import json
import threading
import time

import pytest

from tests.support.clients import Http, ask, upload
from tests.support.raw_torrents import info, torrent

FILES = 140_000
"""As many as a file of 10 MiB and a million values holds."""


def large_torrent(files: int) -> bytes:
    names = (b"file-%06d.bin" % number for number in range(files))
    listed = b"".join(b"d6:lengthi1e4:pathl3:sub%d:%see" % (len(name), name) for name in names)
    pieces = bytes(20 * -(-files // 16384))
    info = b"d5:filesl%se4:name5:large12:piece lengthi16384e6:pieces%d:%se" % (listed, len(pieces), pieces)
    return b"d4:info" + info + b"e"


class Watch(threading.Thread):
    """Asks for a small answer again and again, and keeps the longest time that one took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.longest, self.ended = port, 0.0, threading.Event()

    def run(self) -> None:
        with Http(self.port) as connection:
            while not self.ended.wait(0.01):
                began = time.monotonic()
                connection.send(b"GET /api/torrents?per_page=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                connection.receive()
                self.longest = max(self.longest, time.monotonic() - began)


@pytest.fixture(scope="module")
def peerage_settings():
    return {"limits__rest": "100000/minute", "limits__rest_anonymous": "100000/minute"}


@pytest.fixture(scope="module")
def large(peerage_server):
    """A service that holds a torrent of very many files."""
    assert upload(peerage_server.port, large_torrent(FILES)).status == 200
    [record] = json.loads(ask(peerage_server.port, "/api/torrents").body)["data"]
    assert record["files_count"] == FILES
    return peerage_server.port, record["id"]


def test_a_record_of_very_many_files_is_short(large):
    port, number = large

    assert len(ask(port, f"/api/torrents/{number}").body) < 200_000


def test_every_file_is_on_a_page(large):
    port, number = large
    per_page = 100

    page = json.loads(ask(port, f"/api/torrents/{number}/files?per_page={per_page}&page=1400").body)

    assert page["meta"]["total"] == FILES
    assert page["data"][-1] == {"path": "sub/file-139999.bin", "size": 1}


def test_readers_and_uploads_of_it_hold_nobody_up(large):
    port, number = large
    watch = Watch(port)
    watch.start()
    readers = [
        threading.Thread(target=lambda: [ask(port, f"/api/torrents/{number}") for _ in range(5)])
        for _ in range(8)
    ]
    for each in readers:
        each.start()
    assert upload(port, large_torrent(FILES - 1)).status == 200
    for each in readers:
        each.join()
    watch.ended.set()
    watch.join()

    # Other work of the machine is in what is measured from outside, but not in what the loop worked itself.
    assert watch.longest < 1.0
    worked = next(
        float(line.split()[1])
        for line in ask(port, "/metrics").body.decode().splitlines()
        if line.startswith("peerage_loop_longest_stall_work_seconds ")
    )
    assert worked < 0.1


def test_a_large_answer_counts_as_more_than_one_request(start_peerage):
    port = start_peerage(limits__rest_anonymous="100/minute").port
    assert upload(port, large_torrent(10)).status == 200
    assert upload(port, torrent(many_files(990))).status == 200

    def cost(target: str) -> int:
        before = remaining(port)
        answer = ask(port, target)
        assert answer.status == 200
        return before - int(answer.headers["x-ratelimit-remaining"])

    assert cost("/api/torrents/1") == 1
    assert cost("/api/torrents/2") > 1


def remaining(port: int) -> int:
    return int(ask(port, "/api/torrents/1").headers["x-ratelimit-remaining"])


def many_files(count: int) -> dict[bytes, object]:
    inside = info(files=[{b"length": 16, b"path": [b"%0200d.bin" % number]} for number in range(count)])
    del inside[b"length"]
    return inside
