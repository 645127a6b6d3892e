import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storage.data_folder import DataFolder, FolderError, FolderInUse

OWN = """
import sys
from pathlib import Path
from storage.data_folder import DataFolder
DataFolder(Path(sys.argv[1])).acquire()
print("owned", flush=True)
sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_made_for_its_owner_alone(tmp_path):
    with DataFolder(tmp_path / "deep" / "data") as folder:
        assert mode(folder.path) == 0o700
        assert mode(folder.path / "lock") == 0o600
        assert folder.owner() == os.getpid()
    assert folder.owner() is None


def test_a_second_owner_gets_the_first_ones_pid(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", OWN, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"owned\n"
        with pytest.raises(FolderInUse, match=str(process.pid)) as caught:
            DataFolder(tmp_path).acquire()
        assert caught.value.pid == process.pid
        assert DataFolder(tmp_path).owner() == process.pid
        process.kill()
    DataFolder(tmp_path).acquire().release()


def test_a_folder_can_be_owned_again_after_release(tmp_path):
    for _ in range(2):
        with DataFolder(tmp_path) as folder:
            assert folder.path == tmp_path


def test_a_path_that_is_no_folder_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError, match="file"):
        DataFolder(tmp_path / "file").acquire()


def test_a_secret_is_made_once_and_kept_private(tmp_path):
    with DataFolder(tmp_path) as folder:
        made = folder.secret("udp-key", 32, os.urandom)
        assert len(made) == 32
        assert mode(folder.secrets) == 0o700
        assert mode(folder.secrets / "udp-key") == 0o600
        assert [path.name for path in folder.secrets.iterdir()] == ["udp-key"]
    with DataFolder(tmp_path) as folder:
        (folder.secrets / "udp-key").chmod(0o644)
        assert folder.secret("udp-key", 32, os.urandom) == made
        assert mode(folder.secrets / "udp-key") == 0o600
        assert folder.secret("other", 8, os.urandom) != made


def test_a_truncated_secret_is_an_error(tmp_path):
    with DataFolder(tmp_path) as folder:
        folder.secret("key", 32, os.urandom)
        (folder.secrets / "key").write_bytes(b"short")
        with pytest.raises(FolderError, match="damaged"):
            folder.secret("key", 32, os.urandom)


def test_a_half_written_secret_of_a_crash_is_replaced(tmp_path):
    with DataFolder(tmp_path) as folder:
        folder.secrets.mkdir()
        (folder.secrets / ".key.new").write_bytes(b"half")
        assert len(folder.secret("key", 32, os.urandom)) == 32


@pytest.mark.parametrize("name", ["", "../key", "a/b", "KEY", "-a", "a\n"])
def test_secret_names_cannot_leave_the_folder(tmp_path, name):
    with DataFolder(tmp_path) as folder, pytest.raises(ValueError, match="named"):
        folder.secret(name, 8, os.urandom)


@pytest.mark.parametrize("name", ["short", "long" * 40])
def test_the_control_socket_can_be_bound_however_long_the_path_is(tmp_path, name):
    with DataFolder(tmp_path / name) as folder:
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(folder.control_socket))
            server.listen(1)
            other = DataFolder(tmp_path / name)
            client.connect(str(other.control_socket))
            other.release()
        assert (folder.path / "control.sock").is_socket()


def test_no_control_socket_without_a_folder(tmp_path):
    with pytest.raises(FolderError):
        _ = DataFolder(tmp_path / ("long" * 40)).control_socket


def test_a_destroyed_secret_is_gone_from_its_file_and_can_be_made_anew(tmp_path):
    with DataFolder(tmp_path / "data") as folder:
        folder.secret("census-1", 4, lambda size: b"a" * size)
        folder.secret("other", 4, lambda size: b"b" * size)
        held = (folder.secrets / "census-1").open("rb")
        folder.destroy_secret("census-1")
        folder.destroy_secret("census-1")
        with held:
            assert held.read() == bytes(4)
        assert folder.secret_names() == ["other"]
        assert folder.secret("census-1", 4, lambda size: b"c" * size) == b"c" * 4
        with pytest.raises(ValueError, match="lower-case"):
            folder.destroy_secret("../lock")


def test_a_folder_without_secrets_names_none(tmp_path):
    with DataFolder(tmp_path / "data") as folder:
        assert folder.secret_names() == []


def test_a_folder_that_others_may_read_is_closed_to_them_with_a_line(tmp_path):
    with DataFolder(tmp_path / "data") as folder:
        folder.secret("udp-key", 16, bytes)
    (folder.path / "peerage.db").touch(0o600)
    folder.torrents.mkdir()
    opened = {folder.path: 0o755, folder.records: 0o644, folder.secrets: 0o750, folder.torrents: 0o711}
    for path, bits in opened.items():
        path.chmod(bits)
    with capture_logs() as lines, DataFolder(folder.path):
        assert [mode(path) for path in opened] == [0o700, 0o600, 0o700, 0o700]
    (line,) = lines
    assert line["event"] == "data_folder.closed_to_others"
    assert set(line["were_open"]) == {"data", "peerage.db", "secrets", "torrents"}
    with capture_logs() as lines, DataFolder(folder.path):
        assert lines == []


def test_a_disk_that_fails_keeps_no_lock(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as failing:
        failing.setattr(os, "pwrite", fail)
        with pytest.raises(FolderError, match="no space"):
            DataFolder(tmp_path).acquire()
    folder = DataFolder(tmp_path).acquire()
    with monkeypatch.context() as failing:
        failing.setattr(os, "ftruncate", fail)
        folder.release()
    DataFolder(tmp_path).acquire().release()
