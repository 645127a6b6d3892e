"""The cache's .torrent files on disk as AA/BB/REST.torrent.gz, written atomically and durably."""

import asyncio
import errno
import os
import re
import stat
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import structlog

from bittorrent.infohash import InfoHash
from cache.compression import INFLATED_LIMIT, pack
from cache.record import StoredFile, packed_digest
from storage.fsync import fsync_directory
from storage.unavailable import disk_errors_refused
from tasks.fair_executor import FairExecutor

SUFFIX = ".torrent.gz"
# Compression never adds more than this; a larger file was not written by this program.
MAX_FILE_SIZE = INFLATED_LIMIT + INFLATED_LIMIT // 512
WALK_BATCH = 1000

_NEW = ".new"
_BAD = ".bad"
_BAD_KEPT = 100  # files set aside that are kept, the newest
_READERS = 4
_VERIFIED = 100_000  # files that are remembered as found right
_PREFIX = re.compile(r"[0-9A-F]{2}\Z")
_REST = re.compile(r"[0-9A-F]{36}\.torrent\.gz\Z")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Missing, or a symbolic link or socket in place of a file.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when a file is changed; times in nanoseconds."""

    inode: int
    size: int
    changed: int


class FileBlobs:
    """The .torrent files of the cache in a folder that one process owns.

    A file is written under `.new`, synced, renamed into place, and its folders are synced. No symbolic link
    below the folder is followed. All work runs in threads.
    """

    def __init__(self, root: Path, max_file_size: int = MAX_FILE_SIZE) -> None:
        self._root = root
        self._max_file_size = max_file_size
        self._numbers = count()
        self._rename_lock = threading.Lock()
        self._durable: set[str] = set()
        self._verified: dict[InfoHash, _Stamp] = {}
        # Threads of their own: in the loop's, reads would wait behind uploads that are unpacked, parsed and packed.
        self._readers = FairExecutor(_READERS, thread_name_prefix="files")
        self.set_aside_count = 0

    async def open(self) -> None:
        """Create the folder if it is missing, and delete what interrupted writes left behind."""
        await asyncio.to_thread(self._open)

    async def put(self, infohash: InfoHash, data: bytes) -> StoredFile:
        """Compress and store `data`, durably; an existing file stays.

        StorageUnavailable: the disk is full or failing.
        """
        with disk_errors_refused():
            return await asyncio.to_thread(self._put, infohash, data)

    async def get(
        self, infohash: InfoHash, digest: bytes | None = None, *, again: bool = False
    ) -> bytes | None:
        """Return the gzip bytes as stored, or None: missing, not a regular file, too large, or of another digest.

        The digest is computed once for each inode, size and time of change, as long as that is remembered, and
        whenever it is asked for `again`. StorageUnavailable: the disk is failing.
        """
        with disk_errors_refused():
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._readers, self._get, infohash, digest, again)

    async def set_aside(self, infohash: InfoHash) -> None:
        """Move a file into `.bad`, where the newest 100 are kept; one that is missing is no error."""
        with disk_errors_refused():
            await asyncio.to_thread(self._set_aside, infohash)

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the file, durably; return whether it was there."""
        with disk_errors_refused():
            return await asyncio.to_thread(self._remove, infohash)

    async def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every file in ascending order, at most 1,000 at a time."""
        for first in await asyncio.to_thread(self._prefixes):
            names = await asyncio.to_thread(self._names, first)
            for start in range(0, len(names), WALK_BATCH):
                yield names[start : start + WALK_BATCH]

    async def free(self) -> int:
        """Return the free bytes of the disk."""
        return await asyncio.to_thread(self._free)

    def _open(self) -> None:
        for folder in (self._root, self._root / _NEW):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                fsync_directory(folder.parent)
        with self._folder() as root:
            os.fsync(root)
            with _opened(_NEW, root) as drafts:
                for name in _listed(drafts):
                    os.unlink(name, dir_fd=drafts)
                    log.info("files.interrupted_write_deleted", name=name)

    def _put(self, infohash: InfoHash, data: bytes) -> StoredFile:
        name, packed = _rest(infohash), pack(data)
        with self._leaf(infohash, make=True) as leaf:
            written = _size(name, leaf) is None and self._write(name, leaf, packed)
            os.fsync(leaf)
        kept = packed if written else self._get(infohash)
        if kept is None:
            raise OSError(errno.EIO, f"{infohash.upper} is no file that can be read")
        return StoredFile.of(kept)

    def _write(self, name: str, leaf: int, packed: bytes) -> bool:
        draft = f"{next(self._numbers)}{SUFFIX}"
        with self._folder() as root, _opened(_NEW, root) as drafts:
            try:
                with os.fdopen(os.open(draft, _MAKE, 0o600, dir_fd=drafts), "wb") as out:
                    out.write(packed)
                    out.flush()
                    os.fsync(out.fileno())
                return self._rename(draft, drafts, name, leaf)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=drafts)

    def _rename(self, draft: str, drafts: int, name: str, leaf: int) -> bool:
        # One process owns the folder, so this lock is enough to check and rename atomically.
        with self._rename_lock:
            if _size(name, leaf) is not None:
                return False
            os.rename(draft, name, src_dir_fd=drafts, dst_dir_fd=leaf)
            return True

    def _get(self, infohash: InfoHash, digest: bytes | None = None, again: bool = False) -> bytes | None:
        try:
            with self._leaf(infohash) as leaf:
                file = os.open(_rest(infohash), _READ, dir_fd=leaf)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        with os.fdopen(file, "rb") as file_object:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                return None
            packed = file_object.read(self._max_file_size + 1)
        if len(packed) > self._max_file_size:
            return None
        stamp = _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)
        right = digest is None or self._is_right(infohash, packed, digest, stamp, again=again)
        return packed if right else None

    def _is_right(
        self, infohash: InfoHash, packed: bytes, digest: bytes, stamp: "_Stamp", *, again: bool
    ) -> bool:
        if not again and self._verified.get(infohash) == stamp and len(packed) == stamp.size:
            return True
        if packed_digest(packed) != digest:
            return False
        if len(self._verified) >= _VERIFIED:
            self._verified.pop(next(iter(self._verified)), None)
        self._verified[infohash] = stamp
        return True

    def _set_aside(self, infohash: InfoHash) -> None:
        kept = f"{infohash.upper}-{time.time_ns()}{SUFFIX}"
        self._verified.pop(infohash, None)
        with self._folder() as root:
            with suppress(FileExistsError):
                os.mkdir(_BAD, 0o700, dir_fd=root)
            with _opened(_BAD, root) as bad, suppress(FileNotFoundError), self._leaf(infohash) as leaf:
                os.rename(_rest(infohash), kept, src_dir_fd=leaf, dst_dir_fd=bad)
                os.fsync(bad)
                os.fsync(leaf)
                self._note_set_aside(infohash, kept)
            with _opened(_BAD, root) as bad, self._rename_lock:
                for name in _oldest_first(bad)[:-_BAD_KEPT]:
                    os.unlink(name, dir_fd=bad)

    def _note_set_aside(self, infohash: InfoHash, kept: str) -> None:
        self.set_aside_count += 1
        log.error("files.set_aside", infohash=infohash.upper, kept=f"{_BAD}/{kept}")

    def _remove(self, infohash: InfoHash) -> bool:
        try:
            with self._leaf(infohash) as leaf:
                os.unlink(_rest(infohash), dir_fd=leaf)
                os.fsync(leaf)
        except FileNotFoundError:
            return False
        return True

    def _prefixes(self) -> list[str]:
        with self._folder() as root:
            return [name for name in _listed(root) if _PREFIX.match(name)]

    def _names(self, first: str) -> list[InfoHash]:
        try:
            with self._folder() as root, _opened(first, root) as branch:
                seconds = [name for name in _listed(branch) if _PREFIX.match(name)]
                return [name for second in seconds for name in _leaf_names(first, second, branch)]
        except NotADirectoryError:
            return []

    def _free(self) -> int:
        disk = os.statvfs(self._root)
        return disk.f_bavail * disk.f_frsize

    @contextmanager
    def _folder(self) -> Iterator[int]:
        # The root itself may be a symbolic link, to another disk.
        root = os.open(self._root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _leaf(self, infohash: InfoHash, *, make: bool = False) -> Iterator[int]:
        first, second = infohash.upper[:2], infohash.upper[2:4]
        with self._folder() as root:
            if make:
                self._make_folder(first, root, first)
            with _opened(first, root) as branch:
                if make:
                    self._make_folder(second, branch, first + second)
                with _opened(second, branch) as leaf:
                    yield leaf

    def _make_folder(self, name: str, parent: int, key: str) -> None:
        """Create a folder, and fsync its parent the first time that this process relies on it."""
        with self._rename_lock:
            if key in self._durable:
                return
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
            os.fsync(parent)
            self._durable.add(key)


def _rest(infohash: InfoHash) -> str:
    return infohash.upper[4:40] + SUFFIX


@contextmanager
def _opened(name: str, parent: int) -> Iterator[int]:
    folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield folder
    finally:
        os.close(folder)


def _size(name: str, folder: int) -> int | None:
    """Return the size of a regular file, or None: anything else (a symbolic link, say) may be replaced."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _listed(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _oldest_first(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted((entry.name for entry in entries), key=lambda name: name.partition("-")[2])


def _leaf_names(first: str, second: str, branch: int) -> list[InfoHash]:
    try:
        with _opened(second, branch) as leaf:
            rests = [name for name in _listed(leaf) if _REST.match(name)]
    except NotADirectoryError:
        return []
    return [InfoHash.parse(first + second + rest.removesuffix(SUFFIX)) for rest in rests]
