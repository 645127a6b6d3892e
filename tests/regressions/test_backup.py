import json
import os
import shutil
import signal
import stat
import subprocess
from functools import partial

import pytest

from tests.support.clients import announce, ask, scrape, upload
from tests.support.processes import PROGRAM, PeerageProcess, environment, wait_until
from tests.support.raw_torrents import info, infohash, torrent

PASSWORD = "a good password"
TORRENTS = [torrent(info(f"Some.Film.{number}.1080p".encode())) for number in range(20)]


@pytest.fixture
def service(start_peerage):
    service = start_peerage(tracker__flush_every=3600, limits__rest="100000/minute")
    service.run("user", "add", "ada", "--admin", "--password-stdin", given=PASSWORD + "\n")
    for data in TORRENTS:
        assert upload(service.port, data).status == 200
    announce(service.port, infohash(TORRENTS[0]), left=0)
    return service


def restored(service, backup, folder):
    """A service over a folder that a backup was restored into."""
    other = PeerageProcess(folder, service.settings)
    done = other.run("restore", str(backup))
    assert done.returncode == 0, done.stderr
    assert other.run("check").returncode == 0
    return other.start()


def answers(service, keys, link):
    """What every dialect says, by keys, a password and a one-time link."""
    first = infohash(TORRENTS[0]).hex()
    bearer = {"Authorization": f"Bearer {keys['rest']}"}
    login = json.dumps({"username": "ada", "password": PASSWORD}).encode()
    asked = {
        "files": [ask(service.port, f"/torrent/{infohash(each).hex().upper()}.torrent").body for each in TORRENTS],
        "search": ask(service.port, "/api/torrents?search=film&per_page=100", **bearer).body,
        "user": ask(service.port, "/api/user", **bearer).status,
        "gazelle": ask(service.port, "/ajax.php?action=browse", Authorization=keys["gazelle"]).body,
        "torrent api": ask(service.port, f"/torrent/info/{first}?key={keys['torrent-api']}").body,
        "torbox": ask(
            service.port, f"/v1/api/torrents/checkcached?hash={first}", Authorization=f"Bearer {keys['torbox']}"
        ).body,
        "page": ask(service.port, f"/welcome/{link}").status,
        "blocked": ask(service.port, f"/torrent/{'AB' * 20}.torrent").status,
        "lists": service.run("lists").stdout,
        "log in": ask(service.port, "/api/login", "POST", login, Content_Type="application/json").status,
    }  # fmt: skip
    wait_until(lambda: scrape(service.port, infohash(TORRENTS[0]))[0] == 1, "the swarm is there")
    return asked


def test_a_backup_beside_a_server_answers_as_the_server_after_it_is_restored(service, tmp_path):
    keys = {
        scope: service.run("key", "add", "ada", "--scope", scope).stdout.split()[-1]
        for scope in ("rest", "gazelle", "torrent-api", "torbox")
    }
    service.run("block", "ab" * 20, "--reason", "no")
    service.run("user", "add", "eve")
    link = service.run("user", "link", "eve").stdout.split()[-1].rpartition("/")[2]
    done = service.run("backup", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    before = answers(service, keys, link)
    assert set(before["files"]) == set(TORRENTS)
    assert (before["user"], before["page"], before["log in"]) == (200, 200, 200)
    other = restored(service, tmp_path / "backup", tmp_path / "restored")
    try:
        assert answers(other, keys, link) == before
    finally:
        other.stop()
    modes = [path.lstat().st_mode for path in (tmp_path / "backup").rglob("*")]
    assert not any(stat.S_IMODE(mode) & 0o077 for mode in modes)


def test_files_are_copied_once_and_what_was_deleted_goes_with_the_last_backup_of_it(service, tmp_path):
    target = str(tmp_path / "backup")
    assert "20 files, 20 of them" in service.run("backup", target).stdout
    upload(service.port, torrent())
    assert "21 files, 1 of them" in service.run("backup", target).stdout
    service.run("block", infohash(TORRENTS[1]).hex(), "--reason", "no")
    wait_until(
        lambda: "20 files, 0 of them" in service.run("backup", target, "--keep", "1").stdout, "the third"
    )
    assert len(list((tmp_path / "backup" / "backups").iterdir())) == 1
    assert len([path for path in (tmp_path / "backup" / "files").rglob("*") if path.is_file()]) == 20


def is_under_way(target, begun):
    return (target / "backups" / ".new").exists() or begun.poll() is not None


def test_a_backup_that_is_killed_leaves_the_one_before(service, tmp_path):
    target = tmp_path / "backup"
    assert service.run("backup", str(target)).returncode == 0
    service.stop()
    command = [*PROGRAM, "backup", str(target), "--data", str(service.data)]
    for _ in range(3):
        begun = subprocess.Popen(command, env=environment(service.settings), cwd=tmp_path)
        wait_until(partial(is_under_way, target, begun), "it began", pace=0.001)
        begun.send_signal(signal.SIGKILL)
        begun.wait()
    other = restored(service, target, tmp_path / "restored")
    other.stop()
    assert service.run("backup", str(target)).returncode == 0


def test_a_damaged_backup_is_not_restored_and_a_full_folder_is_refused(service, tmp_path):
    target = tmp_path / "backup"
    service.run("backup", str(target))
    service.stop()
    assert "not empty" in service.run("restore", str(target)).stderr
    restored = service.run("restore", str(target), "--force", "--json")
    assert restored.returncode == 0
    assert json.loads(restored.stdout)["folder"] == str(target)
    assert next(service.data.glob(".before-restore-*/peerage.db"))
    copy = tmp_path / "copy"
    shutil.copytree(target, copy)
    stored = next(path for path in (copy / "files").rglob("*") if path.is_file())
    os.truncate(stored, 1)
    other = PeerageProcess(tmp_path / "other", service.settings)
    refused = other.run("restore", str(copy))
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    assert not (other.data / "peerage.db").exists()
