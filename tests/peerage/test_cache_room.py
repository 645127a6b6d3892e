"""A running service whose cache fills: what goes, what stays, and what is told, over sockets."""

import json
import os
import socket
import sqlite3
from collections.abc import Callable
from contextlib import chdir, closing
from pathlib import Path

from tests.support import raw_torrents
from tests.support.clients import ask, upload
from tests.support.processes import PeerageProcess, wait_until

FULL = 20
LOW_MARK = 19
LONG_AGO = 20_000


def name(data: bytes) -> str:
    return raw_torrents.infohash(data).hex().upper()


def status(service: PeerageProcess, data: bytes) -> int:
    return ask(service.port, f"/torrent/{name(data)}.torrent").status


def rows(data: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data / "peerage.db")) as database:
        found = database.execute(sql, values).fetchall()
        database.commit()
        return found


def metric(service: PeerageProcess, what: str) -> float:
    lines = ask(service.port, "/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{what} ")).split()[1])


def stored(service: PeerageProcess) -> int:
    return sum(1 for _ in (service.data / "torrents").glob("*/*/*.torrent.gz"))


def test_kill_9_while_room_is_made_takes_nothing_that_was_to_stay(
    start_peerage: Callable[..., PeerageProcess],
) -> None:
    service = start_peerage(cache__upload_rate="10000/minute")
    torrents = sorted((raw_torrents.torrent() for _ in range(3 * FULL)), key=name)
    assert [upload(service.port, data).body.strip().decode() for data in torrents] == [*map(name, torrents)]
    service.stop()
    rows(service.data, "UPDATE record SET asked = ?", LONG_AGO)
    cared = torrents[:10]  # which would go first
    for data in cared:
        rows(service.data, "UPDATE torrent SET hidden = 1 WHERE infohash = ?", raw_torrents.infohash(data))
    service.settings = {"cache__max_files": FULL}
    service.restart()
    with closing(socket.socket(socket.AF_UNIX)) as connection, chdir(service.data):
        connection.connect("control.sock")
        request = {"command": "room", "arguments": {"now": True, "by": "test"}}
        connection.sendall(json.dumps(request).encode() + b"\n")
        wait_until(lambda: stored(service) < len(torrents), "nothing goes", pace=0.001)
        service.kill()
    left = stored(service)
    assert LOW_MARK <= left < len(torrents)
    service.restart()
    assert service.run("room", "--now").returncode == 0
    assert stored(service) == LOW_MARK
    names = {str(each) for (each,) in rows(service.data, "SELECT hex(infohash) FROM record")}
    assert names == {*map(name, cared), *map(name, torrents[-9:])}
    assert service.run("check").returncode == 0


def test_a_full_cache_makes_room_of_what_nobody_asked_for(
    start_peerage: Callable[..., PeerageProcess],
) -> None:
    service = start_peerage(cache__max_files=FULL, cache__when_full="unasked", fairness__binds_above=1)
    torrents = sorted((raw_torrents.torrent() for _ in range(FULL)), key=name)
    assert [upload(service.port, data).body.strip().decode() for data in torrents] == [*map(name, torrents)]
    blocked = os.urandom(20).hex()
    assert service.run("block", blocked, "--reason", "spam").returncode == 0
    refused = upload(service.port, raw_torrents.torrent())
    assert "The cache is" in refused.headers["x-torrage-error-msg"]
    service.stop()
    rows(service.data, "UPDATE record SET asked = ?", LONG_AGO)
    service.restart()
    first, asked, oldest = torrents[0], torrents[1], torrents[2]
    for _ in range(3):  # Python once, and threads from memory where they are
        assert [status(service, data) for data in (first, asked)] == [200, 200]

    ran = service.run("room", "--now", "--json", "--limit", "1")
    assert ran.returncode == 0, ran.stderr
    made, state, upcoming = map(json.loads, ran.stdout.splitlines())
    assert (made["removed"], state["files"], state["when_full"]) == (1, LOW_MARK, "unasked")
    assert state["unasked_files"] == LOW_MARK - 2
    assert upcoming["infohash"] == name(torrents[3])
    assert status(service, oldest) == 404
    assert [status(service, data) for data in torrents if data != oldest] == [200] * LOW_MARK
    assert upload(service.port, oldest).body.strip().decode() == name(oldest), "it may come again"
    assert metric(service, "peerage_cache_removed_files_total") == 1
    assert metric(service, "peerage_cache_fill_ratio") >= LOW_MARK / FULL
    found = {
        (each["subject"], each["grade"])
        for each in map(json.loads, service.run("doctor", "--quick", "--json").stdout.splitlines())
    }
    assert ("cache", "note") in found

    service.kill()
    ((detail,),) = rows(service.data, "SELECT detail FROM log_entry WHERE verb = 'delete'")
    assert "nobody asked for it in 365 days" in str(detail)
    service.restart()
    assert [status(service, data) for data in torrents] == [200] * FULL
    assert "blocked" in service.run("lists").stdout
    assert "maintenance" not in service.run("maintenance").stderr
    assert "cache room" in service.run("maintenance").stdout
