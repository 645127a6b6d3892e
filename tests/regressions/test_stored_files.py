"""What a stored file is worth that was changed on disk while the service runs."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import raw_torrents
from tests.support.clients import ask, upload
from tests.support.processes import PeerageProcess

Change = Callable[[Path], None]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace(path: Path) -> None:
    path.write_bytes(gzip.compress(raw_torrents.torrent()))


CHANGES = [truncate, flip, empty, replace, Path.unlink]


def stored(service: PeerageProcess) -> tuple[bytes, str, Path]:
    """A torrent that was uploaded and read once: its bytes, its path over HTTP and its file."""
    data = raw_torrents.torrent()
    assert upload(service.port, data).status == 200
    name = raw_torrents.infohash(data).hex().upper()
    path = f"/torrent/{name}.torrent?from=disk"  # what has a query is never answered from memory
    assert ask(service.port, path).body == data
    return data, path, service.data / "torrents" / name[:2] / name[2:4] / f"{name[4:]}.torrent.gz"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_what_is_not_right_is_not_served_and_the_next_upload_heals_it(
    peerage_server: PeerageProcess, change: Change, packed: bool
) -> None:
    data, path, file = stored(peerage_server)
    change(file)
    headers = {"accept_encoding": "gzip"} if packed else {}
    assert ask(peerage_server.port, path, **headers).status == 404
    assert upload(peerage_server.port, data).status == 200
    answer = ask(peerage_server.port, path)
    assert (answer.status, answer.body) == (200, data)


@pytest.mark.parametrize("change", CHANGES)
def test_an_upload_heals_what_nobody_asked_for_before(peerage_server: PeerageProcess, change: Change) -> None:
    data, path, file = stored(peerage_server)
    change(file)
    assert upload(peerage_server.port, data).status == 200
    assert ask(peerage_server.port, path).body == data


def test_a_check_repairs(start_peerage: Callable[..., PeerageProcess]) -> None:
    service = start_peerage()
    _, path, file = stored(service)
    good, good_path, _ = stored(service)
    flip(file)
    assert service.run("check").returncode == 1
    repaired = service.run("check", "--repair")
    assert "set aside" in repaired.stdout
    assert service.run("check").returncode == 0
    assert ask(service.port, path).status == 404
    assert ask(service.port, good_path).body == good
