r"""Reader of IMDb's `title.basics.tsv`, plain or gzip, in batches of lines.

Format: https://developer.imdb.com/non-commercial-datasets/ (`\N` is null).
"""

import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from actions.archives import ARCHIVE_ERRORS, describe_error, open_regular_file
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitle
from catalogue.text_cleaning import clean_line

HEADER = (
    b"tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres"
)
LONGEST_LINE = 16 * 2**10
MOST_LINES = 100_000_000
"""The real file has some 12 million; a compressed one can hold any number in a few bytes."""
LONGEST_TITLE = 500

# Whether each type is a series, and its rank among titles that are equal: the smallest is meant most likely.
_KINDS = {
    b"movie": (False, 0),
    b"tvMovie": (False, 1),
    b"video": (False, 2),
    b"tvSpecial": (False, 3),
    b"short": (False, 4),
    b"tvShort": (False, 5),
    b"tvSeries": (True, 0),
    b"tvMiniSeries": (True, 1),
}
_NUMBER = re.compile(rb"tt([0-9]{7,10})")
_YEAR = re.compile(rb"[12][0-9]{3}")
_NOTHING = rb"\N"
_PACKED = b"\x1f\x8b"
_BUFFER = 256 * 2**10


@dataclass(frozen=True, slots=True)
class RankedTitle:
    """A title of the file, and its rank: of two that match, the one with the smaller rank is preferred."""

    title: ImdbTitle
    rank: int


class ImdbTsv:
    """The films and series of one file of `most_lines`, for one thread at a time. `skipped` counts unreadable lines."""

    def __init__(self, path: Path, *, most_lines: int = MOST_LINES) -> None:
        """Open the file. Refusal: `unreadable`."""
        self.skipped = 0
        self._most_lines = most_lines
        self._lines = 0
        try:
            self._file = open_regular_file(path)
        except OSError as error:
            raise Refusal("unreadable", describe_error(error)) from error
        try:
            self._decompressed_file = _decompressed(self._file)
            if self._line() != HEADER:
                raise Refusal("unreadable", "its first line is not that of title.basics")
        except ARCHIVE_ERRORS as error:
            self.close()
            raise Refusal("unreadable", describe_error(error)) from error
        except Refusal:
            self.close()
            raise

    @property
    def done(self) -> int:
        """The bytes of the file read so far."""
        return self._file.tell()

    def read_titles(self, lines: int) -> list[RankedTitle] | None:
        """Read that many lines and return their films and series; None at the end of the file.

        Refusal: `unreadable` when the file is damaged, `too-large` beyond what such a file can be.
        """
        titles: list[RankedTitle] = []
        try:
            for count in range(lines):
                line = self._line()
                if not line:
                    return titles if count else None
                if (listed := self._parse(line)) is not None:
                    titles.append(listed)
        except ARCHIVE_ERRORS as error:
            raise Refusal("unreadable", describe_error(error)) from error
        return titles

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self) -> bytes:
        line = self._decompressed_file.readline(LONGEST_LINE + 1)
        self._lines += 1
        if len(line) > LONGEST_LINE or self._lines > self._most_lines:
            raise Refusal("too-large", f"line {self._lines} is beyond what title.basics holds")
        return line.rstrip(b"\r\n") or (b"\t" if line else b"")

    def _parse(self, line: bytes) -> RankedTitle | None:
        """Return the film or series of a line; None for other types and unreadable lines."""
        cells = line.split(b"\t")
        if len(cells) != 9:
            self.skipped += 1
            return None
        if (kind := _KINDS.get(cells[1])) is None:
            return None
        try:
            return _listed(cells, *kind)
        except ValueError:
            self.skipped += 1
            return None


def _listed(cells: list[bytes], series: bool, rank: int) -> RankedTitle:
    number = _NUMBER.fullmatch(cells[0])
    if number is None:
        raise ValueError("it has no number")
    title = clean_line(cells[2].decode(), LONGEST_TITLE)
    if not title:
        raise ValueError("it has no title")
    original = title if cells[3] in {cells[2], _NOTHING} else clean_line(cells[3].decode(), LONGEST_TITLE)
    year = None if cells[5] == _NOTHING else _year(cells[5])
    return RankedTitle(ImdbTitle(int(number[1]), title, original, year, series), rank)


def _year(cell: bytes) -> int:
    if not _YEAR.fullmatch(cell):
        raise ValueError("it has no year")
    return int(cell)


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    packed = file.read(len(_PACKED)) == _PACKED
    file.seek(0)
    if not packed:
        return file
    return io.BufferedReader(gzip.GzipFile(fileobj=file), _BUFFER)
