"""Backups of a data folder: one moment of its databases, its secrets and .torrent files, and their restoration.

A backup is a folder in `backups/` named by its time, with a manifest; the files of all backups lie in `files/` by the
SHA-256 of their bytes, each once. A backup has its name only when all of it is on disk and was read back.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bittorrent.infohash import InfoHash
from cache.record import packed_digest
from storage.data_folder import RESTORING, DataFolder
from storage.fsync import fsync_all, fsync_directory, fsync_tree
from storage.sqlite.snapshot import has_record, require_sound, snapshot, stored_files

_VERSION = 1
_MANIFEST, _INDEX, _SECRETS = "manifest.json", "files.tsv", "secrets"
_SHORT_LIVED = ("census-", "addresses-", "udp-")  # keys that are destroyed with their day or their span
_BLOCK = 1 << 20


class BackupError(Exception):
    """A backup cannot be made, read or restored; the text says why and names the path."""


@dataclass(frozen=True, slots=True)
class BackupResult:
    """A backup: its folder, its .torrent files, those copied now with their bytes, and what could not be saved.

    `missing` are infohashes whose file was not there, `damaged` those whose file is not what was stored.
    """

    folder: str
    files: int
    copied: int
    copied_bytes: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One .torrent file of a backup: infohash, SHA-256, size, and when the original was changed."""

    infohash: str
    digest: str
    size: int
    changed: int


def make_backup(
    folder: DataFolder, target: Path, now: float, keep: int, *, files: bool = True
) -> BackupResult:
    """Write a backup of a data folder, whose owner may be running, into `target`, and keep the newest `keep`.

    Without `files` it has none of the .torrent files, which are in a bucket then.
    BackupError, DatabaseError, OSError; what was in `target` before stays as it was.
    """
    with _locked(target):
        draft = _fresh(target / "backups" / ".new")
        _snapshots(folder, draft)
        _copy_secrets(folder.secrets, _fresh(draft / _SECRETS))
        copying = _Copying(folder, target, {each.infohash: each for each in _newest_index(target)})
        if files:
            copying.copy(draft / folder.records.name)
        _write_index(draft / _INDEX, copying.entries)
        _write_manifest(draft)
        fsync_tree(draft)
        fsync_all([*copying.unproven, target / "files", target / "backups", target])
        _verify(draft, target)
        finished = draft.with_name(_name(now, _finished(target)))
        draft.rename(finished)
        fsync_directory(finished.parent)
        _forget_old(target, keep)
    return copying.result(finished)


def restore_backup(target: Path, folder: DataFolder, now: float, *, force: bool) -> str:
    """Write the newest backup in `target` into a data folder that is owned, and return the backup's name.

    A folder that is not empty is refused, or with `force` what it holds is set aside in it. BackupError,
    DatabaseDamaged, OSError.
    """
    finished = _finished(target)
    if not finished:
        raise BackupError(f"there is no backup in {target}")
    source = finished[-1]
    _verify(source, target)
    held = [path for path in folder.path.iterdir() if path.name not in {"lock", RESTORING}]
    if held and not force and not (folder.path / RESTORING).exists():
        raise BackupError(f"{folder.path} is not empty: name an empty folder, or give --force")
    draft = _fresh(folder.path / RESTORING)
    _unpack(source, target, draft / "data")
    fsync_tree(draft)
    fsync_directory(folder.path)
    if held:
        aside = folder.path / f".before-restore-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
        aside.mkdir(0o700)
        for path in held:
            path.rename(aside / path.name)
        fsync_directory(aside)
        fsync_directory(folder.path)
    for path in sorted((draft / "data").iterdir()):
        path.rename(folder.path / path.name)
    fsync_directory(folder.path)
    shutil.rmtree(draft)
    fsync_directory(folder.path)
    return source.name


def _name(now: float, finished: list[Path]) -> str:
    """Return the time, or where the last backup is not older its name with a number: names are in order."""
    name = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    if not finished or name > finished[-1].name:
        return name
    base, _, number = finished[-1].name.partition("-")
    return f"{base}-{int(number or 1) + 1:04}"


class _Copying:
    """Copies .torrent files into the pool; those of the last backup that did not change are not read again."""

    def __init__(self, folder: DataFolder, target: Path, before: dict[str, _Entry]) -> None:
        self._folder = folder
        self._pool = target / "files"
        self._before = before
        self.entries: list[_Entry] = []
        self.unproven: list[Path] = []
        """Files and folders of the pool that no finished backup has shown to be on disk."""
        self._copied: list[int] = []
        self._missing: list[str] = []
        self._damaged: list[str] = []

    def copy(self, records: Path) -> None:
        """Copy the file of each record; one whose torrent was deleted since is left out."""
        for raw, size, packed in stored_files(records):
            infohash = InfoHash(raw).upper
            entry = self._one(infohash, packed)
            if entry is None:
                if has_record(self._folder.records, raw):
                    self._missing.append(infohash)
                continue
            self.entries.append(entry)
            if entry.size != size and infohash not in self._damaged:
                self._damaged.append(infohash)

    def result(self, finished: Path) -> BackupResult:
        """Return what was done."""
        return BackupResult(
            str(finished),
            len(self.entries),
            len(self._copied),
            sum(self._copied),
            tuple(self._missing),
            tuple(self._damaged),
        )

    def _one(self, infohash: str, packed: bytes | None) -> _Entry | None:
        path = self._folder.torrents / _file_name(infohash)
        try:
            found = path.stat(follow_symlinks=False)
            known = self._before.get(infohash)
            if known is not None and (known.size, known.changed) == (found.st_size, found.st_mtime_ns):
                return known
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if packed is not None and packed_digest(data) != packed:
            self._damaged.append(infohash)
        digest = hashlib.sha256(data).hexdigest()
        pooled = _pooled(self._pool, digest)
        self.unproven += [pooled, pooled.parent]
        if _put(self._pool, digest, data):
            self._copied.append(len(data))
        return _Entry(infohash, digest, len(data), found.st_mtime_ns)


def _snapshots(folder: DataFolder, draft: Path) -> None:
    for path in (folder.records, folder.swarms, folder.titles):
        if path.exists():
            snapshot(path, draft / path.name)
            require_sound(draft / path.name)


def _copy_secrets(source: Path, target: Path) -> None:
    """Copy the secrets but the census' keys of days, which are destroyed with their day."""
    for path in sorted(source.iterdir()) if source.is_dir() else []:
        if path.is_file() and not path.name.startswith((*_SHORT_LIVED, ".")):
            _write(target / path.name, path.read_bytes())


def _unpack(source: Path, target: Path, data: Path) -> None:
    data.mkdir(0o700)
    shutil.copytree(source / _SECRETS, data / "secrets")
    for path in source.glob("*.db"):
        shutil.copyfile(path, data / path.name)
    for entry in _index(source / _INDEX):
        file = data / "torrents" / _file_name(entry.infohash)
        file.parent.mkdir(0o700, parents=True, exist_ok=True)
        shutil.copyfile(_pooled(target / "files", entry.digest), file)
        os.utime(file, ns=(entry.changed, entry.changed))
    for path in data.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _verify(backup: Path, target: Path) -> None:
    """Read a backup whole. BackupError, DatabaseDamaged, OSError."""
    try:
        manifest = json.loads((backup / _MANIFEST).read_bytes())
        version, digests = manifest["version"], manifest["digests"]
    except (FileNotFoundError, ValueError, LookupError, TypeError) as error:
        raise BackupError(f"{backup} is damaged: it has no manifest that can be read") from error
    if version != _VERSION:
        raise BackupError(f"{backup} is of another version: use the program that made it")
    if digests != _digests(backup):
        raise BackupError(f"{backup} is damaged: its files differ from its manifest")
    for path in backup.glob("*.db"):
        require_sound(path)
    for entry in _index(backup / _INDEX):
        path = _pooled(target / "files", entry.digest)
        if not path.is_file() or _digest(path) != entry.digest:
            raise BackupError(f"{path} is missing or damaged: delete it and make a backup again")


def _write_manifest(draft: Path) -> None:
    manifest = {"version": _VERSION, "digests": _digests(draft)}
    _write(draft / _MANIFEST, json.dumps(manifest, indent=1).encode())


def _digests(backup: Path) -> dict[str, str]:
    files = [path for path in backup.rglob("*") if path.is_file() and path.name != _MANIFEST]
    return {str(path.relative_to(backup)): _digest(path) for path in sorted(files)}


def _write_index(path: Path, entries: list[_Entry]) -> None:
    lines = (f"{each.infohash}\t{each.digest}\t{each.size}\t{each.changed}\n" for each in entries)
    _write(path, "".join(lines).encode())


def _index(path: Path) -> Iterator[_Entry]:
    with path.open() as lines:
        for line in lines:
            infohash, digest, size, changed = line.rstrip("\n").split("\t")
            yield _Entry(infohash, digest, int(size), int(changed))


def _newest_index(target: Path) -> Iterator[_Entry]:
    """Yield the entries of the last backup whose files are in the pool."""
    for each in _finished(target)[-1:]:
        for entry in _index(each / _INDEX):
            path = _pooled(target / "files", entry.digest)
            if path.is_file() and path.stat().st_size == entry.size:
                yield entry


def _finished(target: Path) -> list[Path]:
    folder = target / "backups"
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []


def _forget_old(target: Path, keep: int) -> None:
    """Delete the oldest backups, then the files that no backup names."""
    leaving = target / "backups" / ".old"
    for old in _finished(target)[:-keep]:
        _fresh(leaving).rmdir()
        old.rename(leaving)
        fsync_directory(leaving.parent)  # what is half deleted has no name of a backup
        shutil.rmtree(leaving)
    used = {entry.digest for each in _finished(target) for entry in _index(each / _INDEX)}
    for path in (target / "files").rglob("*"):
        if path.is_file() and path.parent.name + path.name not in used:
            path.unlink()


def _put(pool: Path, digest: str, data: bytes) -> bool:
    """Add bytes to the pool; False when they are there, in place of what an interrupted backup left."""
    path = _pooled(pool, digest)
    if path.is_file() and _digest(path) == digest:
        return False
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    draft = path.with_name(".new")
    draft.unlink(missing_ok=True)
    _write(draft, data)
    draft.rename(path)
    return True


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(data)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pooled(pool: Path, digest: str) -> Path:
    return pool / digest[:2] / digest[2:]


def _file_name(infohash: str) -> str:
    return f"{infohash[:2]}/{infohash[2:4]}/{infohash[4:]}.torrent.gz"


def _fresh(path: Path) -> Path:
    """Make an empty folder in place of what an interrupted run left."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(0o700, parents=True)
    return path


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Let one backup into a folder at a time. BackupError: another is under way."""
    for folder in (target, target / "files"):
        folder.mkdir(0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # of a folder that is not ours, in which nothing was made
        fsync_directory(target.parent)
    lock = os.open(target / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupError(f"another backup into {target} is under way") from None
    finally:
        os.close(lock)
