"""PyPI `qbittorrent-api` against a running service that fetches from a seeder on loopback, by every way to come in."""

import re

import pytest
import qbittorrentapi
from qbittorrentapi.exceptions import Conflict409Error, LoginFailed, NotFound404Error

from tests.support.processes import wait_until
from tests.support.seeder import Seeder

pytestmark = pytest.mark.clients

PASSWORD = "correct horse battery staple"
ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


@pytest.fixture(scope="module")
def peerage_settings():
    """Loopback is where the seeder is; the API has a port of its own beside its path."""
    return {
        "lookups__private_peers": "true",
        "downloads__listen": "127.0.0.1:0",
        "qbittorrent__listen": "127.0.0.1:0",
        "public_url": "",
    }


@pytest.fixture(scope="module")
def key(peerage_server):
    """The key of an account that has a password too."""
    made = peerage_server.run("user", "add", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    return peerage_server.run("key", "add", "ada", "--scope", "qbittorrent").stdout.split()[-1]


@pytest.fixture(params=["path and password", "port and key as password", "port and API key"])
def client(request, peerage_server, key):
    """A client that is logged in."""
    opened = next(line for line in peerage_server.output.splitlines() if "qbittorrent.open" in line)
    port = int(ADDRESS.search(opened)[1])
    alone, below = f"http://127.0.0.1:{port}", f"{peerage_server.url}/qbittorrent"
    way = {
        "path and password": {"host": below, "username": "ada", "password": PASSWORD},
        "port and key as password": {"host": alone, "username": "sonarr", "password": key},
        "port and API key": {
            "host": alone,
            "EXTRA_HEADERS": {"Authorization": f"Bearer {key}"},
            "username": "a",
        },
    }[request.param]
    with_client = qbittorrentapi.Client(**way)
    if request.param != "port and API key":
        with_client.auth_log_in()
    yield with_client
    with_client.torrents_delete(delete_files=True, torrent_hashes="all")
    with_client.torrents_remove_categories(categories=list(with_client.torrents_categories()))
    with_client.torrents_delete_tags(tags=list(with_client.torrents_tags()))
    assert with_client.torrents_info() == []


def test_a_wrong_password_is_no_login(peerage_server, key):
    client = qbittorrentapi.Client(f"{peerage_server.url}/qbittorrent", username="ada", password="wrong")
    with pytest.raises(LoginFailed):
        client.auth_log_in()
    assert client.is_logged_in is False


def test_its_calls_about_the_application(client):
    assert client.app_version() == "v4.6.7"
    assert client.app_web_api_version() == "2.9.3"
    assert client.app_build_info().bitness == 64
    assert client.app_preferences().queueing_enabled is True
    assert client.app_default_save_path() == client.app_preferences().save_path
    assert client.transfer_info().connection_status == "connected"

    client.torrents_create_category(name="tv", save_path="/ignored")
    client.torrents_edit_category(name="tv", save_path="/other")
    with pytest.raises(Conflict409Error):
        client.torrents_create_category(name="tv")
    client.torrents_create_tags(tags=["new", "old"])
    client.torrents_delete_tags(tags="old")
    assert (list(client.torrents_categories()), list(client.torrents_tags())) == (["tv"], ["new"])


def test_its_calls_about_torrents(client, tmp_path):
    client.torrents_create_category(name="tv")
    seeder = Seeder(tmp_path / "seed")
    host, port = seeder.peer
    link = f"magnet:?xt=urn:btih:{seeder.infohash.lower}&dn=pack&x.pe={host}:{port}"
    whole = client.sync_maindata()
    assert whole.full_update is True
    assert (
        client.torrents_add(urls=link, category="tv", tags="new", ratio_limit=0.5, is_paused=False) == "Ok."
    )
    known = seeder.infohash.lower
    changed = client.sync_maindata(rid=whole.rid)
    assert list(changed.torrents) == [known]

    done = wait_until(
        lambda: client.torrents_info(status_filter="completed", category="tv"), "all of it is here"
    )
    (torrent,) = done
    assert torrent.hash == known
    assert torrent.progress == 1
    assert torrent.tags == "new"
    assert torrent.state_enum.is_complete
    assert {file.name: file.size for file in client.torrents_files(known)} == {
        f"pack/f{number}.bin": len(content) for number, content in enumerate(seeder.files)
    }
    assert client.torrents_properties(known).save_path.endswith(known)
    assert client.torrents_trackers(known) == []
    assert client.torrents_export(known)
    assert client.torrents_count() == 1

    client.torrents_stop(torrent_hashes=known)
    assert client.torrents_info(torrent_hashes=known)[0].state == "pausedUP"
    client.torrents_start(torrent_hashes=known)
    client.torrents_set_share_limits(torrent_hashes=known, ratio_limit=-2, seeding_time_limit=90)
    client.torrents_add_tags(tags=["a", "b"], torrent_hashes=known)
    client.torrents_remove_tags(tags="a", torrent_hashes=known)
    client.torrents_set_category(category="", torrent_hashes=known)
    client.torrents_top_priority(torrent_hashes=known)
    client.torrents_set_force_start(enable=True, torrent_hashes=known)
    client.torrents_recheck(torrent_hashes=known)
    client.torrents_reannounce(torrent_hashes=known)
    client.torrents_file_priority(torrent_hash=known, file_ids=[0], priority=7)
    (torrent,) = client.torrents_info(tag="b")
    assert (torrent.category, torrent.tags, torrent.seeding_time_limit) == ("", "b, new", 90)

    assert client.torrents_add(torrent_files=seeder.torrent) == "Ok."
    client.torrents_delete(delete_files=True, torrent_hashes=known)
    with pytest.raises(NotFound404Error):
        client.torrents_properties(known)
    assert client.torrents_add(torrent_files=seeder.torrent, is_paused=True) == "Ok."
    assert client.torrents_info()[0].state == "pausedDL"


def test_content_that_is_gone_is_told_and_comes_back(client, peerage_server, tmp_path):
    seeder = Seeder(tmp_path / "seed")
    host, port = seeder.peer
    known = seeder.infohash.lower
    client.torrents_add(urls=f"magnet:?xt=urn:btih:{known}&x.pe={host}:{port}")
    wait_until(lambda: client.torrents_info(status_filter="completed"), "all of it is here")
    (folder,) = (each for each in (peerage_server.data / "downloads").iterdir() if each.name.isdigit())
    (content := folder / "0").unlink()
    assert client.torrents_info()[0].state == "missingFiles"
    client.torrents_recheck(torrent_hashes=known)
    wait_until(lambda: client.torrents_info(status_filter="completed"), "what was gone is here again", 60)
    assert content.read_bytes() in seeder.files
