"""Content on disk: a folder per content, named by its id, with files named by their index."""

import os
import shutil
import stat
from collections.abc import Container
from pathlib import Path

import structlog

from bittorrent.refusal import Refusal

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

log = structlog.get_logger()


class ContentFolder:
    """The folder that holds all content."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self, known: Container[int]) -> None:
        """Make the folder (mode 700) if it is missing, and delete folders of content that is not `known`."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in self._path.iterdir():
            if each.name.isascii() and each.name.isdigit() and int(each.name) not in known:
                self.remove(int(each.name))

    def of(self, content: int) -> Path:
        """Return the folder of content."""
        return self._path / str(content)

    def remove(self, content: int) -> None:
        """Delete the folder of content; what cannot be deleted is logged."""
        try:
            shutil.rmtree(self.of(content))
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("downloads.files_stay", content=content, error=str(error))

    def open(self, content: int, index: int, size: int) -> int:
        """Open a file for reading and return its descriptor; no link is followed. Refusal: `not-found`."""
        try:
            folder = os.open(self.of(content), _FOLDER)
        except OSError:
            raise Refusal("not-found") from None
        try:
            file = os.open(str(index), _FILE, dir_fd=folder)
        except OSError:
            raise Refusal("not-found") from None
        finally:
            os.close(folder)
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            os.close(file)
            raise Refusal("not-found")
        return file

    def free(self) -> int:
        """Return the bytes that are free on its disk."""
        found = os.statvfs(self._path)
        return found.f_bavail * found.f_frsize
