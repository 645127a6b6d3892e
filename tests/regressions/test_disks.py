import errno
import os
from contextlib import contextmanager

import pytest

from tests.proof.preload import Act, preloaded
from tests.support import raw_torrents
from tests.support.clients import announce, ask, multipart, scrape
from tests.support.processes import peerage_processes, wait_until


@pytest.fixture(params=[(Act.FULL, 507), (Act.UNSYNCED, 503)], ids=["full", "no sync"])
def service(request, tmp_path, monkeypatch):
    """A service whose disk fails while `failing` lasts, and what an upload answers then."""
    act, _ = request.param
    (tmp_path / "data0").mkdir(mode=0o700)
    faults = {"root": tmp_path / "data0", "log": os.devnull, "while": tmp_path / "failing"}
    for name, value in preloaded({}, at=0, act=act, errno=errno.EIO, **faults).items():
        monkeypatch.setenv(name, value)
    with peerage_processes(tmp_path) as start:
        yield start(cache__min_free_disk=0, tracker__flush_every=0.2)


@contextmanager
def failing(service):
    """The disk fails."""
    switch = service.data.with_name("failing")
    switch.touch()
    try:
        yield
    finally:
        switch.unlink()


def send(service, data):
    body, content_type = multipart(data)
    return ask(service.port, "/upload.php", "POST", body, Content_Type=content_type)


def held(service, data):
    answer = ask(service.port, f"/torrent/{raw_torrents.infohash(data).hex().upper()}.torrent")
    return answer.status == 200 and answer.body == data


def ready(service):
    return ask(service.port, "/readyz").status == 200


def test_a_failing_disk_is_told_and_loses_nothing_that_was_answered(service, request):
    _, refusal = request.node.callspec.params["service"]
    first, second, third = (raw_torrents.torrent() for _ in range(3))
    swarm = os.urandom(20)
    assert send(service, first).status == 200
    with failing(service):
        assert [send(service, second).status for _ in range(3)] == [refusal] * 3
        wait_until(lambda: not ready(service), "the failing disk shows")
        assert ask(service.port, "/livez").status == 200
        assert held(service, first)
        announce(service.port, swarm, left=0)
        assert scrape(service.port, swarm) == (1, 0, 0)
    wait_until(lambda: ready(service), "ready again")
    assert [send(service, each).status for each in (second, third)] == [200, 200]
    assert service.stop() == 0
    service.restart()
    assert all(held(service, each) for each in (first, second, third))
    wait_until(lambda: scrape(service.port, swarm) == (1, 0, 0), "the swarm is there")
    assert (checked := service.run("check")).returncode == 0, checked.stdout + checked.stderr
    assert "Traceback" not in service.output


def test_a_failing_disk_ends_the_start_with_a_line_and_the_next_start_has_everything(service):
    kept = raw_torrents.torrent()
    assert send(service, kept).status == 200
    assert service.stop() == 0
    with failing(service):
        assert service.launch().wait(30) == 1
        assert "cannot be" in service.output.splitlines()[-1]
    service.restart()
    assert held(service, kept)
    assert "Traceback" not in service.output
