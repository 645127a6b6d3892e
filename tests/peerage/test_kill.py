"""What a sudden end costs: nothing that was answered with success, and of the swarms one interval at most."""

import json
import os
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import chdir, closing
from pathlib import Path

from tests.support import raw_torrents
from tests.support.clients import Udp, announce, ask, healthy, scrape, udp, upload
from tests.support.processes import PeerageProcess, wait_until

# A longer run is PROOF_KILLS=200.
KILLS = int(os.environ.get("PROOF_KILLS", "3"))
Start = Callable[..., PeerageProcess]


def flushed(data: Path, infohash: bytes) -> bool:
    """Whether the journal holds the swarm, as another process sees it."""
    with closing(sqlite3.connect(f"file:{data / 'swarms.db'}?mode=ro", uri=True)) as journal:
        tables = [name for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        keyed = [
            table
            for table in tables
            if any(row[1] == "infohash" for row in journal.execute(f"PRAGMA table_info({table})"))
        ]
        counts = [
            journal.execute(f"SELECT count(*) FROM {table} WHERE infohash = ?", (infohash,))
            for table in keyed
        ]
        return any(count.fetchone()[0] for count in counts)


def uploaded(service: PeerageProcess, count: int) -> list[bytes]:
    torrents = [raw_torrents.torrent() for _ in range(count)]
    for data in torrents:
        assert upload(service.port, data).body == raw_torrents.infohash(data).hex().upper().encode() + b"\n"
    return torrents


def held(service: PeerageProcess, data: bytes) -> bool:
    answer = ask(service.port, f"/torrent/{raw_torrents.infohash(data).hex().upper()}.torrent")
    return answer.status == 200 and answer.body == data


def swarm(service: PeerageProcess, infohash: bytes) -> None:
    """Two seeders, of which one was a leecher before, and a leecher."""
    announce(service.port, infohash, port=1, left=0)
    announce(service.port, infohash, port=2, left=10)
    announce(service.port, infohash, port=2, left=0, event="completed")
    announce(service.port, infohash, port=3, left=10)
    assert scrape(service.port, infohash) == (2, 1, 1)


def test_every_upload_that_was_answered_survives_kill_9(start_peerage: Start) -> None:
    service = start_peerage(cache__upload_rate="10000/minute")
    torrents = uploaded(service, 20)
    service.kill()
    service.restart()
    assert [held(service, data) for data in torrents] == [True] * 20
    assert upload(service.port, torrents[0]).status == 200
    assert healthy(service.port)


def test_flushed_swarms_survive_kill_9(start_peerage: Start) -> None:
    service = start_peerage(tracker__flush_every=0.2)
    infohash = os.urandom(20)
    swarm(service, infohash)
    # The last change is in once a swarm that began after it is.
    later = os.urandom(20)
    announce(service.port, later, left=0)
    wait_until(lambda: flushed(service.data, infohash) and flushed(service.data, later), "not flushed")
    service.kill()
    service.restart()
    wait_until(
        lambda: scrape(service.port, infohash) == (2, 1, 1), lambda: str(scrape(service.port, infohash))
    )
    assert scrape(service.port, later) == (1, 0, 0)
    peers = announce(service.port, infohash, port=4, left=1)[b"peers"]
    assert {int.from_bytes(peers[at + 4 : at + 6], "big") for at in range(0, len(peers), 6)} == {1, 2, 3}


def test_what_was_not_flushed_is_announced_again_without_harm(start_peerage: Start) -> None:
    service = start_peerage(tracker__flush_every=3600)
    infohash = os.urandom(20)
    swarm(service, infohash)
    service.kill()
    service.restart()
    assert scrape(service.port, infohash) == (0, 0, 0)
    announce(service.port, infohash, port=1, left=0)
    assert scrape(service.port, infohash) == (1, 0, 0)


def test_a_clean_end_loses_nothing(start_peerage: Start) -> None:
    service = start_peerage(tracker__flush_every=3600)
    infohash = os.urandom(20)
    swarm(service, infohash)
    with udp(service.port) as tracker:
        tracker.announce(infohash, left=0, port=9)
    torrents = uploaded(service, 3)
    blocked = os.urandom(20)
    assert service.run("block", blocked.hex(), "--reason", "test").returncode == 0
    assert service.stop() == 0, service.output
    service.restart()
    wait_until(
        lambda: scrape(service.port, infohash) == (3, 1, 1), lambda: str(scrape(service.port, infohash))
    )
    assert all(held(service, data) for data in torrents)
    assert ask(service.port, f"/announce?info_hash={'%aa' * 20}").status == 200
    with udp(service.port) as tracker:
        assert refused(tracker, blocked)


def refused(tracker: Udp, infohash: bytes) -> bool:
    try:
        tracker.announce(infohash)
    except AssertionError as error:
        return "action 3" in str(error)
    return False


def test_kill_9_amid_uploads_leaves_a_folder_that_starts(start_peerage: Start) -> None:
    service = start_peerage(cache__upload_rate="10000/minute", tracker__flush_every=0.1)
    kept: list[bytes] = []
    for _ in range(KILLS):
        kept += uploaded(service, 5)
        for _ in range(20):
            announce(service.port, os.urandom(20), left=0)
        service.kill()
        service.restart()
    assert all(held(service, data) for data in kept)
    assert service.stop() == 0
    assert (checked := service.run("check")).returncode == 0, checked.stdout + checked.stderr


def imported(service: PeerageProcess, folder: Path, until: int) -> dict[str, str]:
    """Import a folder by the server's socket until so many outcomes came; return the outcome of each infohash."""
    found: dict[str, str] = {}
    with closing(socket.socket(socket.AF_UNIX)) as connection, chdir(service.data):
        connection.connect("control.sock")
        request = {"command": "import", "arguments": {"paths": [str(folder)], "by": "test"}}
        connection.sendall(json.dumps(request).encode() + b"\n")
        for line in connection.makefile():
            record = json.loads(line)
            if record == {"end": True} or len(found) >= until:
                break
            if "outcome" in record:
                found[record["text"]] = record["outcome"]
    return found


def test_an_import_that_was_cut_off_by_kill_9_has_what_it_told_and_goes_on(
    start_peerage: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    torrents = [raw_torrents.torrent() for _ in range(600)]
    for number, data in enumerate(torrents):
        (folder / f"{number:03}.torrent").write_bytes(data)
    (folder / "300 is bad.torrent").write_bytes(b"d4:infoe")
    service = start_peerage()
    told = imported(service, folder, 150)
    service.kill()
    assert set(told.values()) == {"new"}
    service.restart()
    by_name = {raw_torrents.infohash(data).hex().upper(): data for data in torrents}
    assert all(held(service, by_name[name]) for name in told)
    again = imported(service, folder, 10_000)
    assert {again[name] for name in told} == {"known"}
    outcomes = Counter(again.values())
    assert outcomes["new"] + outcomes["known"] == 600
    assert sum(outcomes.values()) == 601
    assert all(held(service, data) for data in torrents[::50])
