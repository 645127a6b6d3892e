"""fsync of directories and of whole trees, so that names and bytes in them survive a power cut."""

import os
from collections.abc import Iterable
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
