"""The cache's .torrent files on disk as AA/BB/REST.torrent.gz, written atomically and durably."""

import asyncio
import errno
import math
import os
import re
import stat
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import structlog

from bittorrent.infohash import InfoHash
from cache.compression import INFLATED_LIMIT
from cache.record import FileStamp, StoredFile, packed_digest
from storage.fsync import fsync_directory, sync_whole, syncs_whole
from storage.unavailable import disk_errors_refused
from tasks.fair_executor import FairExecutor
from tasks.gathering import Gathered, Gathering
from tasks.recent_work import current

SUFFIX = ".torrent.gz"
# Compression never adds more than this; a larger file was not written by this program.
MAX_FILE_SIZE = INFLATED_LIMIT + INFLATED_LIMIT // 512
WALK_BATCH = 1000

_NEW = ".new"
_BAD = ".bad"
_READERS = 4
_TOGETHER = 128  # files that are written together
_FEW = 4  # files below which syncing each costs less than syncing the whole file system
_LONG_SYNC = 2.0  # seconds after which a file system has too much else to write to be synced as a whole
_MOMENT = 0.05  # seconds for which the free bytes of the disk hold
_UNTIL_NEXT = 60.0  # seconds after that in which files are synced one by one
_PREFIX = re.compile(r"[0-9A-F]{2}\Z")
_REST = re.compile(r"[0-9A-F]{36}\.torrent\.gz\Z")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Missing, or a symbolic link or socket in place of a file.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The most bytes that a file is read of, files remembered as found right, and files kept that were set aside."""

    size: int = MAX_FILE_SIZE
    verified: int = 100_000
    set_aside: int = 100


@dataclass(slots=True)
class _NewFile:
    """A file to be stored, its name under `.new` while it has one, and what became of it."""

    infohash: InfoHash
    packed: bytes
    draft: str = ""
    placed: bool = False
    error: OSError | None = None


class FileBlobs:
    """The .torrent files of the cache in a folder that one process owns.

    A file is written under `.new`, synced, renamed into place, and its folders are synced. Files that come while others
    are written are written together and share their syncs. No symbolic link below the folder is followed. All work
    runs in threads. Copies of what another store has need not be `durable`: they are not synced. `timer` gives the
    seconds of a clock that never goes back.
    """

    def __init__(
        self,
        root: Path,
        limits: FileLimits = FileLimits(),
        *,
        durable: bool = True,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._limits = limits
        self._durably = durable
        self._timer = timer
        self._numbers = count()
        self._rename_lock = threading.Lock()
        self._durable: set[str] = set()
        self._verified: dict[InfoHash, tuple[FileStamp, bytes]] = {}
        self._puts: Gathering[_NewFile, StoredFile] = Gathering(self._put_all, _TOGETHER)
        self._syncs_whole = False
        self._free_bytes = 0
        self._free_at = math.inf
        self._one_by_one_until = 0.0
        # Threads of their own: in the loop's, reads would wait behind uploads that are unpacked, parsed and packed.
        self._readers = FairExecutor(_READERS, thread_name_prefix="files")
        self.set_aside_count = 0

    async def open(self) -> None:
        """Create the folder if it is missing, and delete what interrupted writes left behind."""
        await asyncio.to_thread(self._open)

    async def put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        """Store gzip bytes, durably; an existing file stays. StorageUnavailable: the disk is full or failing."""
        with disk_errors_refused():
            return await self._puts.do(_NewFile(infohash, packed))

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

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._root

    def path(self, infohash: InfoHash) -> Path:
        """Where the file of an infohash is, if there is one."""
        return self._root / infohash.upper[:2] / infohash.upper[2:4] / _rest(infohash)

    def stamp(self, infohash: InfoHash) -> FileStamp | None:
        """Return the stamp with which a file was found right last, as far as that is remembered."""
        found = self._verified.get(infohash)
        return found[0] if found is not None else None

    async def set_aside(self, infohash: InfoHash) -> None:
        """Move a file into `.bad`, where the newest are kept; one that is missing is no error."""
        with disk_errors_refused():
            await asyncio.to_thread(self._set_aside, infohash)

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the file, durably; return whether it was there."""
        with disk_errors_refused():
            return await asyncio.to_thread(self._remove, infohash)

    async def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every file in ascending order, at most 1,000 at a time."""
        prefixes = deque(await asyncio.to_thread(self._prefixes))
        names: list[InfoHash] = []
        while prefixes or names:
            if prefixes and len(names) < WALK_BATCH:
                names += await asyncio.to_thread(self._names, prefixes)
            if names:
                yield names[:WALK_BATCH]
                names = names[WALK_BATCH:]

    async def free(self) -> int:
        """Return the free bytes of the disk, as of a moment ago."""
        now = asyncio.get_running_loop().time()
        if not self._free_at <= now < self._free_at + _MOMENT:
            self._free_bytes, self._free_at = await asyncio.to_thread(self._free), now
        return self._free_bytes

    def _open(self) -> None:
        for folder in (self._root, self._root / _NEW):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                fsync_directory(folder.parent)
        with self._folder() as root:
            self._sync(root)
            with _opened(_NEW, root) as drafts:
                for name in _listed(drafts):
                    os.unlink(name, dir_fd=drafts)
                    log.info("files.interrupted_write_deleted", name=name)
        self._syncs_whole = self._durably and syncs_whole(self._root)

    async def _put_all(self, gathered: Sequence[Gathered[_NewFile, StoredFile]]) -> None:
        """Store what is waiting, and tell of each."""
        if len(gathered) < _FEW or not self._syncs_whole or self._timer() < self._one_by_one_until:
            await asyncio.gather(*map(self._put_one, gathered))
            return
        current.set(None)
        await asyncio.to_thread(self._put_together, [each.item for each in gathered])
        for each in gathered:
            if each.item.error is not None:
                each.fail(each.item.error)
            elif each.item.placed:
                each.settle(StoredFile.of(each.item.packed))
            else:
                await self._put_one(each)  # there is a file already

    async def _put_one(self, gathered: Gathered[_NewFile, StoredFile]) -> None:
        current.set(gathered.client)
        try:
            gathered.settle(await asyncio.to_thread(self._put, gathered.item))
        except Exception as error:
            gathered.fail(error)

    def _put(self, new: _NewFile) -> StoredFile:
        name = _rest(new.infohash)
        with self._leaf(new.infohash, make=True) as leaf:
            if _size(name, leaf) is None:
                self._write(name, leaf, new)
            self._sync(leaf)
        kept = new.packed if new.placed else self._get(new.infohash)
        if kept is None:
            raise OSError(errno.EIO, f"{new.infohash.upper} is no file that can be read")
        return StoredFile.of(kept, kept=not new.placed)

    def _write(self, name: str, leaf: int, new: _NewFile) -> None:
        with self._folder() as root, _opened(_NEW, root) as drafts:
            try:
                self._make_draft(new, drafts, sync=True)
                self._rename(new, drafts, name, leaf)
            finally:
                _drop_draft(new, drafts)

    def _make_draft(self, new: _NewFile, drafts: int, *, sync: bool) -> None:
        new.draft = f"{next(self._numbers)}{SUFFIX}"
        with os.fdopen(os.open(new.draft, _MAKE, 0o600, dir_fd=drafts), "wb") as out:
            out.write(new.packed)
            out.flush()
            if sync:
                self._sync(out.fileno())

    def _put_together(self, files: Sequence[_NewFile]) -> None:
        """Write files, sync all of them at once, then their names. One that cannot be written fails by itself."""
        began = self._timer()
        made: set[str] = set()
        with self._folder() as root, _opened(_NEW, root) as drafts:
            try:
                for new in files:
                    with _error_kept(new):
                        self._make_draft(new, drafts, sync=False)
                sync_whole(root)
                for new in files:
                    if new.error is None:
                        with _error_kept(new), self._leaf(new.infohash, make=True, made=made) as leaf:
                            self._rename(new, drafts, _rest(new.infohash), leaf)
                sync_whole(root)
            finally:
                for new in files:
                    _drop_draft(new, drafts)
        self._durable |= made
        if self._timer() - began > _LONG_SYNC:
            self._one_by_one_until = self._timer() + _UNTIL_NEXT

    def _rename(self, new: _NewFile, drafts: int, name: str, leaf: int) -> None:
        # One process owns the folder, so this lock is enough to check and rename atomically.
        with self._rename_lock:
            if _size(name, leaf) is None:
                os.rename(new.draft, name, src_dir_fd=drafts, dst_dir_fd=leaf)
                new.draft, new.placed = "", True

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
            packed = file_object.read(self._limits.size + 1)
        if len(packed) > self._limits.size:
            return None
        stamp = FileStamp(found.st_ino, found.st_size, found.st_mtime_ns)
        right = digest is None or self._is_right(infohash, packed, digest, stamp, again=again)
        return packed if right else None

    def _is_right(
        self, infohash: InfoHash, packed: bytes, digest: bytes, stamp: FileStamp, *, again: bool
    ) -> bool:
        if not again and self._verified.get(infohash) == (stamp, digest) and len(packed) == stamp.size:
            return True
        if packed_digest(packed) != digest:
            return False
        if len(self._verified) >= self._limits.verified:
            self._verified.pop(next(iter(self._verified)), None)
        self._verified[infohash] = stamp, digest
        return True

    def _set_aside(self, infohash: InfoHash) -> None:
        kept = f"{infohash.upper}-{time.time_ns()}{SUFFIX}"
        self._verified.pop(infohash, None)
        with self._folder() as root:
            with suppress(FileExistsError):
                os.mkdir(_BAD, 0o700, dir_fd=root)
            with _opened(_BAD, root) as bad, suppress(FileNotFoundError), self._leaf(infohash) as leaf:
                os.rename(_rest(infohash), kept, src_dir_fd=leaf, dst_dir_fd=bad)
                self._sync(bad)
                self._sync(leaf)
                self._note_set_aside(infohash, kept)
            with _opened(_BAD, root) as bad, self._rename_lock:
                for name in _oldest_first(bad)[: -self._limits.set_aside]:
                    os.unlink(name, dir_fd=bad)

    def _note_set_aside(self, infohash: InfoHash, kept: str) -> None:
        self.set_aside_count += 1
        log.error("files.set_aside", infohash=infohash.upper, kept=f"{_BAD}/{kept}")

    def _remove(self, infohash: InfoHash) -> bool:
        try:
            with self._leaf(infohash) as leaf:
                os.unlink(_rest(infohash), dir_fd=leaf)
                self._sync(leaf)
        except FileNotFoundError:
            return False
        return True

    def _prefixes(self) -> list[str]:
        with self._folder() as root:
            return [name for name in _listed(root) if _PREFIX.match(name)]

    def _names(self, prefixes: deque[str]) -> list[InfoHash]:
        """Take prefixes, and return the infohashes below them, until there is a batch of these."""
        names: list[InfoHash] = []
        with self._folder() as root:
            while prefixes and len(names) < WALK_BATCH:
                first = prefixes.popleft()
                with suppress(NotADirectoryError), _opened(first, root) as branch:
                    seconds = [name for name in _listed(branch) if _PREFIX.match(name)]
                    names += [name for second in seconds for name in _leaf_names(first, second, branch)]
        return names

    def _free(self) -> int:
        disk = os.statvfs(self._root)
        return disk.f_bavail * disk.f_frsize

    def _sync(self, opened: int) -> None:
        if self._durably:
            os.fsync(opened)

    @contextmanager
    def _folder(self) -> Iterator[int]:
        # The root itself may be a symbolic link, to another disk.
        root = os.open(self._root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _leaf(self, infohash: InfoHash, *, make: bool = False, made: set[str] | None = None) -> Iterator[int]:
        """Open the folder of a file; folders that are noted in `made` are synced by the caller."""
        first, second = infohash.upper[:2], infohash.upper[2:4]
        with self._folder() as root:
            if make:
                self._make_folder(first, root, first, made)
            with _opened(first, root) as branch:
                if make:
                    self._make_folder(second, branch, first + second, made)
                with _opened(second, branch) as leaf:
                    yield leaf

    def _make_folder(self, name: str, parent: int, key: str, made: set[str] | None) -> None:
        """Create a folder, and fsync its parent the first time that this process relies on it, or note it."""
        with self._rename_lock:
            if key in self._durable:
                return
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
            if made is not None:
                made.add(key)
                return
            self._sync(parent)
            self._durable.add(key)


@contextmanager
def _error_kept(new: _NewFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        new.error = error


def _drop_draft(new: _NewFile, drafts: int) -> None:
    if new.draft:
        with suppress(FileNotFoundError):
            os.unlink(new.draft, dir_fd=drafts)
        new.draft = ""


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
