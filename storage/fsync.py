"""fsync of directories, so that names in them survive a power cut."""

import os
from pathlib import Path


def fsync_directory(path: Path) -> None:
    """Write a directory's entries to disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
