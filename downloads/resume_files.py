"""Resume data of the engine on disk: a file per content."""

import os
from pathlib import Path

from downloads.model import ContentKey

_LARGEST = 64 * 2**20


class ResumeFiles:
    """Resume files, replaced atomically: a crash leaves the old one or the new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder (mode 700) if it is missing."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, key: ContentKey) -> bytes | None:
        """Return the resume data, None where there is none or the file is too large."""
        try:
            path = self._path(key)
            return path.read_bytes() if path.stat().st_size <= _LARGEST else None
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
