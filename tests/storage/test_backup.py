import errno
import os
import sqlite3
import stat
from contextlib import closing
from functools import partial

import pytest

from cache.record import packed_digest
from storage.data_folder import DataFolder, FolderError
from storage.database import DatabaseDamaged, DatabaseError
from storage.sqlite.backup import BackupError, make_backup, restore_backup

ROW = "INSERT INTO record VALUES (?, ?, ?)"
HASHES = [bytes([number]) * 20 for number in range(1, 4)]


def name_of(infohash):
    text = infohash.hex().upper()
    return f"{text[:2]}/{text[2:4]}/{text[4:]}.torrent.gz"


@pytest.fixture
def folder(tmp_path):
    """A data folder with three records, their files, and two secrets."""
    with DataFolder(tmp_path / "data") as folder:
        with closing(sqlite3.connect(folder.records)) as records:
            records.execute("CREATE TABLE record (infohash BLOB PRIMARY KEY, stored INTEGER, packed BLOB)")
            records.executemany(ROW, [(infohash, 4, packed_digest(infohash[:4])) for infohash in HASHES])
            records.commit()
        for infohash in HASHES:
            path = folder.torrents / name_of(infohash)
            path.parent.mkdir(parents=True)
            path.write_bytes(infohash[:4])
        folder.secret("accounts", 16, bytes)
        folder.secret("census-20000", 16, bytes)
        folder.secret("addresses-20000", 16, bytes)
        yield folder


def restore(target, path, **options):
    with DataFolder(path, restoring=True) as folder:
        return restore_backup(target, folder, 9, **{"force": False, **options})


def test_a_backup_holds_records_files_and_secrets_but_no_key_of_a_day(folder, tmp_path):
    done = make_backup(folder, tmp_path / "b", 0, 2)
    assert (done.files, done.copied, done.copied_bytes, done.missing, done.damaged) == (3, 3, 12, (), ())
    assert restore(tmp_path / "b", tmp_path / "new") == "19700101T000000Z"
    with DataFolder(tmp_path / "new") as new:
        assert new.secret_names() == ["accounts"]
        assert [(new.torrents / name_of(infohash)).read_bytes() for infohash in HASHES] == [
            infohash[:4] for infohash in HASHES
        ]


def test_names_are_in_order_though_clocks_are_not(folder, tmp_path):
    for now in (5, 5, 0, 6):
        make_backup(folder, tmp_path / "b", now, 9)
    names = sorted(path.name for path in (tmp_path / "b" / "backups").iterdir())
    assert names == ["19700101T000005Z", "19700101T000005Z-0002", "19700101T000005Z-0003", "19700101T000006Z"]


def test_what_is_missing_or_of_another_size_is_told_and_the_rest_saved(folder, tmp_path):
    (folder.torrents / name_of(HASHES[0])).unlink()
    (folder.torrents / name_of(HASHES[1])).write_bytes(b"x")
    done = make_backup(folder, tmp_path / "b", 0, 2)
    assert done.files == 2
    assert (done.missing, done.damaged) == ((HASHES[0].hex().upper(),), (HASHES[1].hex().upper(),))


def test_a_file_of_the_right_size_that_was_altered_is_told(folder, tmp_path):
    (folder.torrents / name_of(HASHES[2])).write_bytes(b"else")
    assert make_backup(folder, tmp_path / "b", 0, 2).damaged == (HASHES[2].hex().upper(),)


def test_a_file_that_changed_is_copied_again_and_the_old_one_kept_for_the_backup_before(folder, tmp_path):
    make_backup(folder, tmp_path / "b", 0, 2)
    (folder.torrents / name_of(HASHES[0])).write_bytes(b"else")
    assert make_backup(folder, tmp_path / "b", 1, 2).copied == 1
    stored = [path for path in (tmp_path / "b" / "files").rglob("*") if path.is_file()]
    assert len(stored) == 4
    make_backup(folder, tmp_path / "b", 2, 2)
    assert sum(path.is_file() for path in stored) == 3


def test_a_damaged_database_is_no_backup_and_the_one_before_stays(folder, tmp_path):
    make_backup(folder, tmp_path / "b", 0, 1)
    folder.swarms.write_bytes(b"\xa5" * 8192)
    with pytest.raises((DatabaseDamaged, sqlite3.DatabaseError)):
        make_backup(folder, tmp_path / "b", 1, 1)
    assert restore(tmp_path / "b", tmp_path / "new") == "19700101T000000Z"


def test_a_backup_that_was_changed_is_not_restored(folder, tmp_path):
    make_backup(folder, tmp_path / "b", 0, 1)
    saved = next((tmp_path / "b" / "backups").iterdir())
    with (saved / "files.tsv").open("a") as index:
        index.write("\n")
    with pytest.raises(BackupError, match="damaged"):
        restore(tmp_path / "b", tmp_path / "new")


def test_there_has_to_be_a_backup_and_an_empty_folder(folder, tmp_path):
    with pytest.raises(BackupError, match="no backup"):
        restore(tmp_path / "b", tmp_path / "new")
    make_backup(folder, tmp_path / "b", 0, 1)
    restore(tmp_path / "b", tmp_path / "new")
    with pytest.raises(BackupError, match="not empty"):
        restore(tmp_path / "b", tmp_path / "new")
    restore(tmp_path / "b", tmp_path / "new", force=True)
    assert next((tmp_path / "new").glob(".before-restore-*/peerage.db"))


def test_a_folder_in_which_a_restore_was_interrupted_starts_no_service(folder, tmp_path):
    make_backup(folder, tmp_path / "b", 0, 1)
    with DataFolder(tmp_path / "new") as new:
        (new.path / ".restore").mkdir()
        (new.path / "peerage.db").touch()
    with pytest.raises(FolderError, match="interrupted"):
        DataFolder(tmp_path / "new").acquire()
    restore(tmp_path / "b", tmp_path / "new")
    DataFolder(tmp_path / "new").acquire().release()


def pool(tmp_path):
    return [path for path in (tmp_path / "b" / "files").rglob("*") if path.is_file()]


def finished(tmp_path):
    return sorted(path.name for path in (tmp_path / "b" / "backups").iterdir() if path.name[0] != ".")


def test_what_an_interrupted_backup_left_in_the_pool_is_written_again(folder, tmp_path):
    make_backup(folder, tmp_path / "b", 0, 2)
    (lost,) = (tmp_path / "b" / "backups").iterdir()
    lost.rename(tmp_path / "elsewhere")
    for path in pool(tmp_path):
        path.write_bytes(b"\0" * path.stat().st_size)
    assert make_backup(folder, tmp_path / "b", 1, 2).copied == 3
    restore(tmp_path / "b", tmp_path / "new")


def test_a_backup_whose_files_the_disk_does_not_keep_is_none(folder, tmp_path, monkeypatch):
    fsync = os.fsync

    def failing(file):
        if stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="Input/output error"):
            make_backup(folder, tmp_path / "b", 0, 2)
    assert finished(tmp_path) == []
    make_backup(folder, tmp_path / "b", 0, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="Input/output error"):
            restore(tmp_path / "b", tmp_path / "new")
    restore(tmp_path / "b", tmp_path / "new")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}"])
def test_a_backup_without_a_manifest_is_damaged(folder, tmp_path, content):
    make_backup(folder, tmp_path / "b", 0, 2)
    (manifest,) = (tmp_path / "b" / "backups").rglob("manifest.json")
    manifest.unlink()
    if content is not None:
        manifest.write_bytes(content)
    with pytest.raises(BackupError, match="manifest"):
        restore(tmp_path / "b", tmp_path / "new")


def test_an_interrupted_deletion_of_an_old_backup_hinders_no_other(folder, tmp_path):
    for now in range(3):
        make_backup(folder, tmp_path / "b", now, 2)
    half = tmp_path / "b" / "backups" / ".old"
    half.mkdir()
    (half / "swarms.db").write_bytes(b"")
    make_backup(folder, tmp_path / "b", 9, 2)
    assert not half.exists()
    assert len(finished(tmp_path)) == 2


def test_databases_that_cannot_be_read_are_told_as_such(folder, tmp_path):
    folder.records.write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseDamaged):
        make_backup(folder, tmp_path / "b", 0, 2)


class Stuck(sqlite3.Connection):
    """Stays in its mode and says so, as SQLite does when the disk fails at the last moment."""

    def execute(self, sql, *parameters):
        return iter([("wal",)]) if "journal_mode" in sql else super().execute(sql, *parameters)


def test_a_copy_that_cannot_leave_the_write_ahead_log_is_none(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Stuck))
    with pytest.raises(DatabaseError, match="written whole"):
        make_backup(folder, tmp_path / "b", 0, 2)
