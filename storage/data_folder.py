"""The data folder: the paths in it, the lock by which one process owns it, and its secrets."""

import asyncio
import fcntl
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.fsync import fsync_directory

# sockaddr_un.sun_path has 108 bytes, the last of which ends the string.
_SOCKET_PATH_LIMIT = 107
_SECRET_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


RESTORING = ".restore"
"""The folder in which a restore prepares what it then moves into place."""

_OTHERS = 0o077
_PROBE = ".probe"
_PROBE_BYTES = 4096


class FolderError(Exception):
    """The data folder cannot be used as it is; the text says why and names the path."""


class FolderInUse(FolderError):
    """Another process owns the data folder; `pid` is its number, or None when it has not written it yet."""

    def __init__(self, path: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path} is in use by {who}")
        self.path = path
        self.pid = pid


class DataFolder:
    """The folder of all persistent data. Its paths can be read without owning it.

    One that a restore was interrupted in can be owned by another restore alone, by `restoring`.
    """

    def __init__(self, path: Path, *, restoring: bool = False) -> None:
        self.path = path.absolute()
        self._restoring = restoring
        self._lock: int | None = None
        self._folder: int | None = None

    @property
    def swarms(self) -> Path:
        """The database of the swarm journal."""
        return self.path / "swarms.db"

    @property
    def records(self) -> Path:
        """The database of accounts, catalogue, cache records, lists and downloads."""
        return self.path / "peerage.db"

    @property
    def titles(self) -> Path:
        """The database of titles that the operator imported."""
        return self.path / "titles.db"

    @property
    def torrents(self) -> Path:
        """The folder of the .torrent files."""
        return self.path / "torrents"

    @property
    def copies(self) -> Path:
        """The folder of copies of .torrent files that are in a bucket."""
        return self.path / "copies"

    @property
    def drafts(self) -> Path:
        """The folder of what was chosen for a bulk upload and not sent yet."""
        return self.path / "drafts"

    @property
    def downloads(self) -> Path:
        """The default folder of downloaded content."""
        return self.path / "downloads"

    @property
    def maintenance(self) -> Path:
        """The log of what was done to the folder."""
        return self.path / "maintenance.log"

    @property
    def secrets(self) -> Path:
        """The folder of the secrets, mode 700."""
        return self.path / "secrets"

    @property
    def control_socket(self) -> Path:
        """A path of the control socket that fits in a socket address, valid in this process until `release`.

        A path that is too long goes through this process's own descriptor of the folder. FolderError:
        the folder is not there, or its path is too long on a system without /proc.
        """
        direct = self.path / "control.sock"
        if len(os.fsencode(direct)) <= _SOCKET_PATH_LIMIT:
            return direct
        if not Path("/proc/self/fd").is_dir():
            raise FolderError(f"{direct} is too long for a socket: choose a shorter data folder")
        if self._folder is None:
            try:
                self._folder = os.open(self.path, _FOLDER_FLAGS)
            except OSError as error:
                raise FolderError(f"{self.path} cannot be opened: {error.strerror}") from error
        return Path(f"/proc/self/fd/{self._folder}/control.sock")

    def acquire(self) -> Self:
        """Create the folder if it is missing (mode 700), close it to others, and own it until `release` or the end.

        FolderInUse: another process owns it. FolderError: it cannot be created or written.
        """
        try:
            self._make()
            self._lock = self._take_lock()
            self._close_to_others()
            self._require_whole()
        except OSError as error:
            raise FolderError(f"{self.path} cannot be used: {error.strerror}") from error
        return self

    def release(self) -> None:
        """Release the folder. The lock file stays: if it were deleted, two processes could lock two files."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            try:
                with suppress(OSError):  # the number only says who had it
                    os.ftruncate(lock, 0)
            finally:
                os.close(lock)
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def owner(self) -> int | None:
        """Return the pid of the process that owns the folder now, or None (also when it is being taken)."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return None if _locked(lock) else _pid_in(lock)
        finally:
            os.close(lock)

    async def write_probe(self) -> None:
        """Write a block durably beside the databases and the .torrent files. OSError: the disk takes none."""
        await asyncio.to_thread(self._write_probe)

    def _write_probe(self) -> None:
        for folder in (self.path, self.torrents):
            path = folder / _PROBE
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, bytes(_PROBE_BYTES))
                os.fsync(file)
            finally:
                os.close(file)
                path.unlink()

    def secret(self, name: str, size: int, random: Callable[[int], bytes]) -> bytes:
        """Return the secret of that name, `size` bytes; the first call creates it (mode 600, durable).

        FolderError: the file has another size, so it was damaged or is of another version.
        """
        if not _SECRET_NAME.match(name):
            raise ValueError("a secret is named in lower-case letters, digits and hyphens")
        try:
            return self._read_secret(name, size)
        except FileNotFoundError:
            self._write_secret(name, random(size))
        return self._read_secret(name, size)

    def secret_names(self) -> list[str]:
        """Return the names of all secrets, sorted."""
        if not self.secrets.is_dir():
            return []
        return sorted(path.name for path in self.secrets.iterdir() if _SECRET_NAME.match(path.name))

    def destroy_secret(self, name: str) -> None:
        """Overwrite a secret with zeros and delete it, durably; a missing one is not an error."""
        if not _SECRET_NAME.match(name):
            raise ValueError("a secret is named in lower-case letters, digits and hyphens")
        try:
            file = os.open(self.secrets / name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.pwrite(file, bytes(os.fstat(file).st_size), 0)
            os.fsync(file)
        finally:
            os.close(file)
        (self.secrets / name).unlink()
        fsync_directory(self.secrets)

    def _make(self) -> None:
        if self.path.is_dir():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700)
        fsync_directory(self.path.parent)

    def _require_whole(self) -> None:
        if not self._restoring and (self.path / RESTORING).exists():
            self.release()
            raise FolderError(f"a restore into {self.path} was interrupted: run `peerage restore` again")

    def _close_to_others(self) -> None:
        """Take every right of the group and of others from the folder, its databases and secrets; say which."""
        opened = []
        for path in (self.path, *self.own_files()):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & _OTHERS:
                opened.append(path.name or str(path))
                with suppress(PermissionError):  # another user's: the line says so each time
                    path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
        if opened:
            import structlog  # noqa: PLC0415 - a command beside a server needs none

            log = structlog.get_logger()
            log.warning("data_folder.closed_to_others", folder=str(self.path), were_open=opened)

    def own_files(self) -> list[Path]:
        """Return the folders of files and secrets, the databases and their logs, and the lock, which may be missing."""
        names = [name for name in ("torrents", "secrets") if (self.path / name).is_dir()]
        databases = [path for pattern in ("*.db", "*.db-wal", "*.db-shm") for path in self.path.glob(pattern)]
        return [*(self.path / name for name in names), *sorted(databases), self.path / "lock"]

    def _take_lock(self) -> int:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if not _locked(lock):
            pid = _pid_in(lock)
            os.close(lock)
            raise FolderInUse(self.path, pid)
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            os.close(lock)
            raise
        return lock

    def _read_secret(self, name: str, size: int) -> bytes:
        file = os.open(self.secrets / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(file, 0o600)
            value = os.read(file, size + 1)
        finally:
            os.close(file)
        if len(value) != size:
            raise FolderError(f"{self.secrets / name} does not hold {size} bytes: it was damaged")
        return value

    def _write_secret(self, name: str, value: bytes) -> None:
        if not self.secrets.is_dir():
            self.secrets.mkdir(mode=0o700)
            fsync_directory(self.path)
        draft = self.secrets / f".{name}.new"
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(value)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(self.secrets / name)
        fsync_directory(self.secrets)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(lock: int) -> int | None:
    text = os.pread(lock, 32, 0).strip()
    return int(text) if text.isdigit() else None
