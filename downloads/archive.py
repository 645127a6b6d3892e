"""Hides how many files become one zip while it is being sent: stored, and as long as was said beforehand."""

from collections.abc import Iterable, Iterator, Sequence

from zipstream import ZIP_STORED, ZipStream

from bittorrent.filenames import unpackable
from downloads.model import ContentFile


class Archive:
    """A zip of files, nothing of which is kept: its bytes come from `entry` for each file in order, then `end`.

    zip64 is used where the format needs it. Names lie below the folder that the zip is unpacked in.
    """

    def __init__(self, files: Sequence[ContentFile]) -> None:
        self._zip = ZipStream(compress_type=ZIP_STORED, sized=True)
        self._source: Iterable[bytes] = ()
        for file, name in zip(files, unpackable(file.path for file in files), strict=True):
            self._zip.add(self._current(), name, size=file.size)
        self.size: int = len(self._zip)

    def entry(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the next file's entry; `source` gives exactly its bytes. RuntimeError: it gave more or fewer."""
        self._source = source
        yield from self._zip.file()

    def end(self) -> Iterator[bytes]:
        """Yield what stands behind the files: where each of them lies."""
        yield from self._zip.footer()

    def _current(self) -> Iterator[bytes]:
        yield from self._source
