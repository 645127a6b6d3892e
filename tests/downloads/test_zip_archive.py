import io
import os
import zipfile
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downloads.model import ContentFile
from downloads.zip_archive import ZipArchive


def listed(files):
    return [ContentFile(index, path, len(data)) for index, (path, data) in enumerate(files)]


def zipped(files):
    archive = ZipArchive(listed(files))
    parts = [part for _, data in files for part in archive.entry([data] if data else [])]
    return archive, b"".join([*parts, *archive.end()])


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=10))
def test_any_files_make_a_zip_of_the_length_that_was_said(files):
    archive, data = zipped(files)

    assert len(data) == archive.size
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert [opened.read(info) for info in opened.infolist()] == [content for _, content in files]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "..\\x", "C:\\x", "a/\0/../x"])
def test_nothing_is_unpacked_outside(path, tmp_path):
    _, data = zipped([(path, b"x")])

    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        (name,) = opened.namelist()
    assert not name.startswith("/")
    assert ".." not in name.split("/")
    assert not set(name) & set("\\:\0")


def test_more_files_than_a_plain_zip_holds():
    archive, data = zipped([(f"root/{n}", b"") for n in range(65_600)])

    assert len(data) == archive.size
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert len(opened.infolist()) == 65_600


def test_more_bytes_than_a_plain_zip_holds():
    piece, size = os.urandom(1 << 20), (1 << 32) + (1 << 20)
    archive = ZipArchive([ContentFile(0, "large", size), ContentFile(1, "behind", 6)])
    head, length = b"", 0
    for part in archive.entry(repeat(piece, size >> 20)):
        head = head or part
        length += len(part)
    rest = b"".join([*archive.entry([b"behind"]), *archive.end()])

    assert length + len(rest) == archive.size
    # The local header says version 4.5 (zip64), and the end record is a zip64 one.
    assert head[4:6] == b"\x2d\x00"
    assert b"PK\x06\x06" in rest
    with zipfile.ZipFile(_Sparse(length, rest)) as opened:
        assert [info.file_size for info in opened.infolist()] == [size, 6]
        assert opened.read("behind") == b"behind"


class _Sparse(io.RawIOBase):
    """A file whose first `hole` bytes are zero and take no room."""

    def __init__(self, hole, rest):
        self.hole, self.rest, self.at = hole, rest, 0

    def seekable(self):
        return True

    def readable(self):
        return True

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.hole + len(self.rest))[whence]
        return self.at

    def tell(self):
        return self.at

    def read(self, size=-1):
        end = self.hole + len(self.rest) if size is None or size < 0 else self.at + size
        zeros = bytes(max(0, min(end, self.hole) - self.at))
        data = zeros + self.rest[max(0, self.at - self.hole) : max(0, end - self.hole)]
        self.at += len(data)
        return data


@pytest.mark.parametrize("data", [b"", b"ab", b"abcd"])
def test_a_source_of_another_length_is_an_error(data):
    archive = ZipArchive([ContentFile(0, "a", 3)])

    with pytest.raises(RuntimeError):
        list(archive.entry([data]))
