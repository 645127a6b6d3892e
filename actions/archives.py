"""Finding .torrent files in files, folders, tar and zip archives, one by one.

Archives are untrusted, so each read, each central directory and the total inflated size of an archive are bounded.
Symbolic links inside folders and archives are not followed.
"""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bittorrent.refusal import Refusal

TORRENT_SUFFIXES = (".torrent", ".torrent.gz", ".torrent.bz2")
ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# A zip's central directory is read at once; this is one of half a million torrents. Tar has no such limit.
ZIP_DIRECTORY_LIMIT = 64 * 2**20
TAR_HEADER_LIMIT = 2**20
INFLATE_RATIO = 200
"""Piece hashes hardly compress, so a collection of torrents never inflates to many times its size."""
INFLATE_BASE = 256 * 2**20
"""Bytes that any archive may inflate to; a large one to INFLATE_RATIO times its size more."""

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
ARCHIVE_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)
"""What damaged and hostile archives make the libraries that read them raise."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be a torrent: its name, its bytes or why there are none, and bytes read so far."""

    name: str
    data: bytes | Refusal
    done: int


def total_size(paths: list[Path]) -> int:
    """Return the bytes of every source under the paths: what `done` counts up to."""
    return sum(size for path in paths for _, size in _sources(path))


def candidates(
    paths: list[Path], limit: int, *, inflate_base: int = INFLATE_BASE
) -> Generator[Candidate, None, None]:
    """Yield every candidate file under the paths; a file is read up to `limit` bytes, a larger one is `too-large`.

    A path that is named is tried whatever its suffix; inside folders and archives suffixes decide. A tar archive
    inflates to `inflate_base` bytes and some times its size.
    """
    done = 0
    for path in paths:
        for source, size in _sources(path):
            yield from _read_source(source, limit, done, inflate_base)
            done += size


def _sources(path: Path) -> Iterator[tuple[Path, int]]:
    if path.is_dir():
        yield from _walk(path)
    else:
        yield path, _size(path)


def _walk(folder: Path) -> Iterator[tuple[Path, int]]:
    suffixes = (*TORRENT_SUFFIXES, *ZIP_SUFFIXES, *TAR_SUFFIXES)
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name.lower().endswith(suffixes) and not path.is_symlink():
                yield path, _size(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read_source(path: Path, limit: int, done: int, inflate_base: int) -> Iterator[Candidate]:
    name = path.name.lower()
    try:
        with open_regular_file(path) as file:
            if name.endswith(ZIP_SUFFIXES):
                yield from _read_zip(path, file, limit, done)
            elif name.endswith(TAR_SUFFIXES):
                yield from _read_tar(path, file, limit, done, inflate_base)
            else:
                yield Candidate(_printable(str(path)), _read_bounded(file, limit), done + _size(path))
    except Refusal as refusal:
        yield Candidate(_printable(str(path)), refusal, done)
    except ARCHIVE_ERRORS as error:
        yield Candidate(_printable(str(path)), Refusal("unreadable", describe_error(error)), done)


def open_regular_file(path: Path) -> IO[bytes]:
    """Open a regular file; anything that could block its reader is refused. Refusal: `unreadable`."""
    descriptor = os.open(path, _OPEN)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refusal("unreadable", "it is no plain file")
    return os.fdopen(descriptor, "rb")


def _read_bounded(file: IO[bytes], limit: int) -> bytes | Refusal:
    data = file.read(limit + 1)
    return data if len(data) <= limit else Refusal("too-large", f"at most {limit} bytes")


def _printable(name: str) -> str:
    """Return a file name with unprintable characters replaced."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name)


def describe_error(error: Exception) -> str:
    """Describe an error of a file, without the file's name."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


def _read_zip(path: Path, file: IO[bytes], limit: int, done: int) -> Iterator[Candidate]:
    with zipfile.ZipFile(_BoundedFile(file, ZIP_DIRECTORY_LIMIT)) as archive:
        for member in archive.infolist():
            # A folder ends with a slash. `is_dir` fails for a member without a name.
            if member.filename.lower().endswith(TORRENT_SUFFIXES):
                data = _zip_member(archive, member, limit)
                yield Candidate(_printable(f"{path}/{member.filename}"), data, done + file.tell())


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes | Refusal:
    if member.compress_type not in _ZIP_METHODS:
        return Refusal("unreadable", "it is packed in a way that is not read here")
    try:
        with archive.open(member) as inside:
            return _read_bounded(inside, limit)
    except ARCHIVE_ERRORS as error:
        return Refusal("unreadable", describe_error(error))


def _read_tar(path: Path, file: IO[bytes], limit: int, done: int, inflate_base: int) -> Iterator[Candidate]:
    max_position = inflate_base + INFLATE_RATIO * os.fstat(file.fileno()).st_size
    with _inflating(path.name.lower(), file) as plain:
        bounded = _BoundedFile(plain, max(limit, TAR_HEADER_LIMIT), max_position)
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            while (member := archive.next()) is not None:
                # tarfile remembers every member that it has seen; a collection has millions.
                vars(archive)["members"].clear()
                if member.type in tarfile.REGULAR_TYPES and member.name.lower().endswith(TORRENT_SUFFIXES):
                    data = _tar_member(archive, member, limit)
                    yield Candidate(_printable(f"{path}/{member.name}"), data, done + file.tell())


def _inflating(name: str, file: IO[bytes]) -> IO[bytes]:
    if name.endswith((".gz", ".tgz")):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if name.endswith("bz2"):
        return bz2.BZ2File(file)
    if name.endswith("xz"):
        return lzma.LZMAFile(file)
    return file


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, limit: int) -> bytes | Refusal:
    if member.size > limit:
        return Refusal("too-large", f"at most {limit} bytes")
    inside = archive.extractfile(member)
    assert inside is not None
    with inside:
        data = inside.read(limit + 1)
    if len(data) != member.size:
        raise EOFError
    return data


class _BoundedFile(io.RawIOBase):
    """A file that refuses reads longer than `longest_read`, and positions beyond `max_position`."""

    def __init__(self, file: IO[bytes], longest_read: int, max_position: int | None = None) -> None:
        self._file = file
        self._longest_read = longest_read
        self._max_position = max_position

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes. Refusal: `too-large`."""
        data = self._file.read(min(size, self._longest_read + 1) if size >= 0 else self._longest_read + 1)
        if len(data) > self._longest_read:
            raise Refusal("too-large", "a part of the archive is larger than any is")
        self._check(self._file.tell())
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Seek; forwards in a compressed file, this reads."""
        if whence == io.SEEK_SET:
            self._check(offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def _check(self, position: int) -> None:
        if self._max_position is not None and position > self._max_position:
            raise Refusal("too-large", "the archive inflates to far more than its size")
