"""A sample of the storage proof; `python -m tests.proof.storage` runs all of it, and one case again."""

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.disk import Call, Disk, Fate, read_log, write_folder
from tests.proof.preload import Act, preloaded
from tests.support import raw_torrents
from tests.support.clients import ask, upload
from tests.support.processes import ROOT, PeerageProcess, peerage_processes


def run_over(folder: Path, script: str, **faults: object) -> subprocess.CompletedProcess[str]:
    """Run a few lines of Python over the library, in a folder that it watches."""
    folder.mkdir(exist_ok=True)
    environment = preloaded(os.environ, root=folder, log=folder.with_suffix(".log"), **faults)
    command = [
        sys.executable,
        "-c",
        f"import os\nos.chdir({str(folder)!r})\nroot = {str(folder)!r} + '/'\n{script}",
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


WRITE = """
file = os.open(root + 'a', os.O_CREAT | os.O_WRONLY, 0o600)
print(os.write(file, b'x' * 2000))
os.fsync(file)
"""


def test_a_sample_of_faults_and_power_cuts_loses_nothing() -> None:
    command = [sys.executable, "-m", "tests.proof.storage", "--cases", os.environ.get("PROOF_CASES", "300")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        (Act.FAIL, errno.ENOSPC, "No space left"),
        (Act.SHORT, 0, "1000\n"),
        (Act.TEAR, 0, "Input/output error"),
        (Act.FORGET, 0, "2000\n"),
        (Act.FULL, 0, "No space left"),
    ],
)
def test_the_call_of_a_number_meets_its_fault(tmp_path: Path, act: Act, error: int, said: str) -> None:
    done = run_over(tmp_path / "disk", WRITE, at=1 if act is not Act.FULL else 0, act=act, errno=error)
    assert said in done.stdout + done.stderr


def test_the_writes_of_sqlite_are_seen(tmp_path: Path) -> None:
    script = (
        "import sqlite3\ndb = sqlite3.connect(root + 'a.db')\ndb.execute('CREATE TABLE a (b)')\ndb.commit()"
    )
    done = run_over(tmp_path / "disk", script)
    assert done.returncode == 0, done.stderr
    calls = {each.call for each in read_log(tmp_path / "disk.log")}
    assert {Call.CREATE, Call.WRITE, Call.SYNC, Call.UNLINK} <= calls


def test_the_writes_of_a_running_service_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, log = tmp_path / "data0", tmp_path / "calls.log"
    data.mkdir(mode=0o700)
    for name, value in preloaded({}, root=data, log=log).items():
        monkeypatch.setenv(name, value)
    with peerage_processes(tmp_path) as start:
        service: PeerageProcess = start()
        torrent = raw_torrents.torrent()
        assert upload(service.port, torrent).status == 200
        calls = read_log(log)
        name = raw_torrents.infohash(torrent).hex().upper()[4:] + ".torrent.gz"
        assert any(each.call is Call.RENAME and each.second == name.encode() for each in calls)
        assert sum(each.call is Call.WRITE for each in calls) > 10
        assert (
            ask(service.port, f"/torrent/{raw_torrents.infohash(torrent).hex().upper()}.torrent").status
            == 200
        )


def after_cuts(folder: Path, script: str) -> list[dict[str, bytes | None]]:
    """Every folder that a power cut after some lines may leave."""
    folder.mkdir()
    disk = Disk.of(folder, random.Random(0))
    done = run_over(folder, script)
    assert done.returncode == 0, done.stderr
    for call in read_log(folder.with_suffix(".log")):
        disk.apply(call)
    chance = random.Random(1)
    return [disk.after(fates, chance) for fates in disk.fates(60, chance)]


def test_what_was_not_synced_persists_tears_or_vanishes(tmp_path: Path) -> None:
    script = WRITE.replace("os.fsync(file)", "")
    found = {each.get("a") for each in after_cuts(tmp_path / "disk", script)}
    assert {None, b"", b"x" * 2000} < found
    assert len(found) == 4
    assert {len(each) for each in found if each} <= {512, 1024, 1536, 2000}


def test_a_name_needs_its_folders_sync_and_content_that_of_its_file(tmp_path: Path) -> None:
    folder = "top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)\nos.fsync(top)\n"
    named = after_cuts(tmp_path / "named", WRITE + folder)
    assert [each.get("a") for each in named] == [b"x" * 2000]
    renamed = after_cuts(tmp_path / "renamed", WRITE + folder + "os.rename(root + 'a', root + 'b')\n")
    assert [sorted(name for name in each if name) for each in renamed] == [["b"], ["a"]]
    synced = after_cuts(tmp_path / "synced", WRITE + "os.rename(root + 'a', root + 'b')\n" + folder)
    assert [each.get("b") for each in synced] == [b"x" * 2000]


def test_a_sync_of_the_whole_file_system_keeps_bytes_and_names(tmp_path: Path) -> None:
    script = "import ctypes\n" + WRITE.replace("os.fsync(file)", "os.rename(root + 'a', root + 'b')")
    synced = script + "assert ctypes.CDLL(None).syncfs(file) == 0\n"
    found = after_cuts(tmp_path / "disk", synced)
    assert [(each.get("a"), each.get("b")) for each in found] == [(None, b"x" * 2000)]
    later = after_cuts(tmp_path / "later", synced + "os.write(file, b'y' * 100)\n")
    assert {each["b"] for each in later} > {b"x" * 2000, b"x" * 2000 + b"y" * 100}


def test_a_sync_of_the_whole_file_system_that_fails_keeps_nothing_for_sure(tmp_path: Path) -> None:
    script = "import ctypes\n" + WRITE.replace(
        "os.fsync(file)", "assert ctypes.CDLL(None, use_errno=True).syncfs(file) == -1"
    )
    folder = tmp_path / "disk"
    folder.mkdir()
    disks = [Disk.of(folder, random.Random(seed)) for seed in range(20)]
    done = run_over(folder, script, at=2, act=Act.FAIL, errno=errno.EIO)
    assert done.returncode == 0, done.stderr
    found = set()
    for disk in disks:
        for call in read_log(folder.with_suffix(".log")):
            disk.apply(call)
        fates = (Fate.KEPT,) * len(disk.pending)
        found.add(disk.after(fates, random.Random(0)).get("a"))
    assert found == {b"", b"x" * 2000}


def test_a_folder_after_a_cut_can_be_written(tmp_path: Path) -> None:
    write_folder({"": None, "a": None, "a/b": b"c"}, tmp_path)
    assert (tmp_path / "a" / "b").read_bytes() == b"c"
    assert Fate.KEPT == 0
