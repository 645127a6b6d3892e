"""Two services as processes: one follows the other by its settings, goes on after a kill, and by the command."""

import httpx
import pytest

from tests.support.processes import PeerageProcess, wait_until
from tests.support.torrents import parsed, torrent


def upload(service, *names):
    for name in names:
        files = {"torrent": (name, torrent(name))}
        assert len(httpx.post(f"{service.url}/autoupload.php", files=files).text.strip()) == 40


def names(service):
    return sorted(each["name"] for each in httpx.get(f"{service.url}/api/torrents").json()["data"])


GENEROUS = {"cache__min_free_disk": "0", "limits__rest_anonymous": "10000/minute"}


@pytest.fixture
def origin(start_peerage):
    return start_peerage(**GENEROUS)


def test_a_service_follows_another_and_goes_on_after_a_kill(start_peerage, origin):
    upload(origin, "one", "two")
    mirror = start_peerage(
        **GENEROUS,
        lookups__private_peers="true",
        mirror__url=origin.url,
        mirror__interval="10",
    )
    wait_until(lambda: names(mirror) == ["one", "two"], lambda: mirror.output)
    file = f"/torrent/{parsed(torrent('one')).infohash.upper}.torrent"
    assert httpx.get(mirror.url + file).content == httpx.get(origin.url + file).content
    mirror.kill()
    upload(origin, "three")
    origin.run("block", parsed(torrent("two")).infohash.upper, "--reason", "asked to")
    mirror.restart()
    wait_until(lambda: names(mirror) == ["one", "three"], lambda: mirror.output)
    upload(origin, "four")
    ran = mirror.run("mirror", origin.url)
    assert ran.returncode == 0, ran.stderr
    assert "1 taken" in ran.stdout
    assert "change 6 of 6" in ran.stdout
    assert names(mirror) == ["four", "one", "three"]


def test_an_address_in_a_private_network_is_not_followed(origin):
    ran = origin.run("mirror", "http://127.0.0.1:9")
    assert ran.returncode == 1
    assert "mirror-failed" in ran.stderr
    assert "private address" in ran.stderr
    assert ran.stdout == ""
    assert origin.run("mirror", "ftp://elsewhere").returncode == 1


def test_the_command_begins_a_mirror_where_there_is_no_data_folder_yet(tmp_path, origin):
    upload(origin, "one")
    here = PeerageProcess(tmp_path / "second house", {"lookups__private_peers": "true"})
    ran = here.run("mirror", origin.url)
    assert (ran.returncode, ran.stdout) == (
        0,
        "1 taken, 0 left out, 0 removed, 0 blocked; change 1 of 1\n",
    ), ran.stderr
    assert here.run("search", "one").stdout.count("\n") == 1
