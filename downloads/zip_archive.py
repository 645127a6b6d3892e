"""A zip archive of many files, written as a stream: uncompressed, with its length known in advance."""

from collections.abc import Iterable, Iterator, Sequence

from zipstream import ZIP_STORED, ZipStream

from bittorrent.filenames import extractable_paths
from downloads.model import ContentFile


class ZipArchive:
    """A streamed zip: its bytes come from `entry` for each file in order, then from `end`.

    zip64 is used where the format needs it. No name leads outside the folder that the zip is unpacked into.
    """

    def __init__(self, files: Sequence[ContentFile]) -> None:
        self._zip = ZipStream(compress_type=ZIP_STORED, sized=True)
        self._source: Iterable[bytes] = ()
        for file, name in zip(files, extractable_paths(file.path for file in files), strict=True):
            self._zip.add(self._read_source(), name, size=file.size)
        self.size: int = len(self._zip)

    def entry(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the next file's entry; `source` gives exactly its bytes. RuntimeError: it gave more or fewer."""
        self._source = source
        yield from self._zip.file()

    def end(self) -> Iterator[bytes]:
        """Yield the central directory."""
        yield from self._zip.footer()

    def _read_source(self) -> Iterator[bytes]:
        yield from self._source
