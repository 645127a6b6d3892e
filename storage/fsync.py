"""fsync of directories, of whole trees and of file systems, so that names and bytes in them survive a power cut."""

import errno
import os
import re
from collections.abc import Iterable
from ctypes import CDLL, c_long, create_string_buffer, get_errno
from functools import cache
from pathlib import Path


def fsync_directory(path: Path) -> None:
    """Write a directory's entries to disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def fsync_all(paths: Iterable[Path]) -> None:
    """Write files and directories to disk. OSError: one of them could not be written."""
    os.sync()  # all at once, which is fast and tells nothing; then each is asked whether it is there
    for path in paths:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def fsync_tree(folder: Path) -> None:
    """Write a directory and everything below it to disk. OSError: some of it could not be written."""
    fsync_all([*folder.rglob("*"), folder])


def syncs_whole(path: Path) -> bool:
    """Return whether `sync_whole` tells of every failure below a path: on local disks, and Linux from 5.17 on."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or tuple(map(int, release.groups())) < _TELLS_OF_FAILURES:
        return False
    library = _libc()
    described = create_string_buffer(_STATFS_SIZE)
    if not hasattr(library, "syncfs") or library.statfs(os.fsencode(path), described) != 0:
        return False
    return c_long.from_buffer(described).value in _LOCAL


def sync_whole(file: int) -> None:
    """Write a whole file system to disk, of which `file` was opened before what is to be written. OSError."""
    while _libc().syncfs(file) != 0:
        error = get_errno()
        if error != errno.EINTR:
            raise OSError(error, os.strerror(error))


@cache
def _libc() -> CDLL:
    return CDLL(None, use_errno=True)


# syncfs(2) tells of files that could not be written since 5.8, and of what the file system itself could not write, the
# journal with the names, since 5.17 ("vfs: make sync_filesystem return errors from ->sync_fs").
_TELLS_OF_FAILURES = (5, 17)
_STATFS_SIZE = 512  # more than any has
_LOCAL = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010})  # ext4, XFS, Btrfs, F2FS: statfs(2)
