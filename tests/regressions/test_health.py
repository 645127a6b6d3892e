import json
import resource
import sqlite3
from contextlib import contextmanager

import pytest

from tests.support.clients import announce, ask, multipart, scrape
from tests.support.processes import wait_until
from tests.support.raw_torrents import info, torrent

HASH = b"h" * 20


@contextmanager
def locked(service, *names):
    """Hold the write locks of databases, as a tool of the operator might."""
    holders = [sqlite3.connect(service.data / name, isolation_level=None) for name in names]
    for holder in holders:
        holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        for holder in holders:
            holder.close()


def readiness(service):
    answer = ask(service.port, "/healthz")
    return answer.status, json.loads(answer.body)


def upload(service, name=b"one"):
    """Send a torrent by the form of the pages."""
    body, content_type = multipart(torrent(info(name)))
    return ask(service.port, "/upload.php", "POST", body, Content_Type=content_type)


def test_readiness_writes_and_liveness_does_not(start_peerage):
    service = start_peerage()
    assert readiness(service)[0] == 200
    with locked(service, "peerage.db", "swarms.db"):
        wait_until(lambda: readiness(service)[0] == 503, "the locks show")
        _, parts = readiness(service)
        assert parts["journal"] != "ok"
        assert parts["records"] != "ok"
        assert ask(service.port, "/readyz").status == 503
        assert ask(service.port, "/livez").status == 200
    wait_until(lambda: readiness(service)[0] == 200, "ready again")


def test_a_disk_without_a_free_byte_is_not_ready(start_peerage):
    service = start_peerage(cache__min_free_disk=0)
    wait_until(lambda: readiness(service)[1].get("files") == "ok", "what a start does is done")
    assert readiness(service)[0] == 200
    # A limit of the process stands for a full disk: no file grows.
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    wait_until(lambda: readiness(service)[0] == 503, "the full disk shows")
    assert ask(service.port, "/livez").status == 200


def test_an_upload_into_a_locked_database_is_asked_to_come_later(start_peerage):
    service = start_peerage()
    assert upload(service).status == 200
    with locked(service, "peerage.db"):
        answer = upload(service, b"two")
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
    assert upload(service, b"two").status == 200


@pytest.mark.parametrize("kept", [0, 4096], ids=["whole", "behind its first page"])
def test_a_damaged_journal_is_set_aside_and_the_service_starts(start_peerage, kept):
    service = start_peerage(tracker__flush_every=1)
    for number in range(200):
        announce(service.port, number.to_bytes(20, "big"), left=0)
    service.stop()
    journal = service.data / "swarms.db"
    content = journal.read_bytes()
    journal.write_bytes(content[:kept] + b"\xa5" * (len(content) - kept))
    service.restart()
    wait_until(lambda: "swarms.restored" in service.output, "the start")
    assert "damaged_set_aside" in service.output
    assert list(service.data.glob("swarms.db.damaged-*"))
    announce(service.port, HASH, left=0)
    service.stop()
    service.restart()
    wait_until(lambda: scrape(service.port, HASH)[0] == 1, "what was announced since is kept")
    assert "Traceback" not in service.output
