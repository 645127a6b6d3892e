"""What downloads keep on disk: a folder per content, named by its id, and the engine's resume data."""

import os
import shutil
import stat
from collections.abc import Container, Sequence
from pathlib import Path

import structlog

from bittorrent.refusal import Refusal
from downloads.model import ContentFile, ContentKey

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LARGEST_RESUME = 64 * 2**20

log = structlog.get_logger()


class ContentFolder:
    """The folder that holds all content; the files of one are named by their index."""

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

    def lacks(self, content: int, files: Sequence[ContentFile]) -> bool:
        """Tell whether a file that is not empty is missing, or with any size but its own."""
        try:
            sizes = {
                entry.name: entry.stat(follow_symlinks=False).st_size
                for entry in os.scandir(self.of(content))
            }
        except OSError:
            return any(file.size for file in files)
        return any(file.size and sizes.get(str(file.index)) != file.size for file in files)

    def free(self) -> int:
        """Return the bytes that are free on its disk."""
        found = os.statvfs(self._path)
        return found.f_bavail * found.f_frsize


class ResumeFiles:
    """Resume data of the engine, a file per content, replaced atomically: a crash leaves the old one or the new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder (mode 700) if it is missing."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, key: ContentKey) -> bytes | None:
        """Return the resume data, None where there is none or the file is too large."""
        try:
            path = self._path(key)
            return path.read_bytes() if path.stat().st_size <= _LARGEST_RESUME else None
        except OSError:
            return None

    def write(self, key: ContentKey, data: bytes) -> None:
        """Replace the resume data of content."""
        path = self._path(key)
        draft = path.with_suffix(".new")
        with draft.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(path)

    def remove(self, key: ContentKey) -> None:
        """Delete the resume data of content."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: ContentKey) -> Path:
        owner = "" if key.account is None else f"-{key.account}"
        return self._folder / f"{key.infohash.lower}{owner}.resume"
