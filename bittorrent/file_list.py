"""A torrent's file list: version 1 `files`, version 2 `file tree`, and the files that are shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bittorrent.merkle import HASH_LENGTH
from bittorrent.refusal import Refusal
from bittorrent.text import (
    LONGEST_PATH,
    decode_text,
    has_separator,
    is_safe_path_part,
    printable,
    utf8_length,
)

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class MetainfoFile:
    """A file of the content: its path inside the torrent's folder, safe to show, and its length in bytes.

    The content of a torrent of one file has that file's name for a path.
    """

    path: tuple[str, ...]
    length: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file entry of a torrent; padding and symbolic links are `hidden`.

    `root` is the pieces root of a version 2 file, empty for one without content.
    """

    file: MetainfoFile
    hidden: bool
    root: bytes = b""


def v1_entries(info: Mapping[bytes, Any], name: str, encoding: str | None) -> list[FileEntry]:
    """Read `length` or `files` (BEP 3, 47); raises Refusal: bad-files, bad-length, bad-path."""
    files = info.get(b"files")
    if files is None and b"length" in info:
        return [FileEntry(_printable_file((name,), _length(info)), hidden=False)]
    if not isinstance(files, list) or not files or b"length" in info:
        raise Refusal("bad-files")
    return [_v1_entry(fields, name, encoding) for fields in files]


def v2_entries(info: Mapping[bytes, Any], name: str) -> list[FileEntry]:
    """Read `file tree` (BEP 52); raises Refusal: bad-file-tree, bad-length, bad-path."""
    tree = info.get(b"file tree")
    if not isinstance(tree, dict) or not tree:
        raise Refusal("bad-file-tree", "it is missing or empty")
    return [_v2_entry(path, fields, name) for path, fields in _leaves(tree)]


def visible_files(entries: list[FileEntry]) -> tuple[MetainfoFile, ...]:
    """Return the files that are not hidden; raises Refusal: bad-files, bad-length."""
    files = tuple(entry.file for entry in entries if not entry.hidden)
    if not files:
        raise Refusal("bad-files")
    if sum(file.length for file in files) == 0:
        raise Refusal("bad-length", "the torrent has no content, and clients take none such")
    if total_length(entries) > LARGEST:
        raise Refusal("bad-length", "all files together are beyond 64 bits")
    return files


def total_length(entries: list[FileEntry]) -> int:
    """Sum the lengths of all entries, padding included."""
    return sum(entry.file.length for entry in entries)


def check_hybrid_files(v1: list[FileEntry], v2: list[FileEntry], piece_length: int) -> None:
    """Check that both halves of a hybrid have the same files, piece-aligned in version 1 (BEP 52).

    Raises Refusal("hybrid-mismatch").
    """
    if visible_files(v1) != visible_files(v2):
        raise Refusal("hybrid-mismatch")
    offset = 0
    for entry in v1:
        if offset % piece_length and entry.file.length and not entry.hidden:
            raise Refusal("hybrid-mismatch", "a file does not start on a piece, for want of padding")
        offset += entry.file.length


def _v1_entry(fields: object, name: str, encoding: str | None) -> FileEntry:
    if not isinstance(fields, dict):
        raise Refusal("bad-files")
    attributes = _attributes(fields)
    path = _path(fields.get(b"path"), fields.get(b"path.utf-8"), encoding)
    _check_path(name, path)
    if b"l" in attributes:
        return _link(fields, path, encoding)
    return FileEntry(_printable_file(path, _length(fields)), hidden=b"p" in attributes or _is_padding(path))


def _v2_entry(path: tuple[bytes, ...], fields: Mapping[bytes, Any], name: str) -> FileEntry:
    parts = _path(list(path), None, None)
    _check_path(name, parts)
    attributes = _attributes(fields)
    if b"l" in attributes:
        return _link(fields, parts, None)
    length, root = _length(fields), fields.get(b"pieces root", b"")
    if length and (not isinstance(root, bytes) or len(root) != HASH_LENGTH):
        raise Refusal("bad-file-tree", "a file has no pieces root of 32 bytes")
    return FileEntry(
        _printable_file(parts, length), b"p" in attributes or _is_padding(parts), root if length else b""
    )


def _leaves(tree: Mapping[bytes, Any]) -> Iterator[tuple[tuple[bytes, ...], Mapping[bytes, Any]]]:
    """Walk the tree in its own order with a stack of iterators; the document's depth limit bounds it."""
    path: list[bytes] = []
    open_folders = [iter(tree.items())]
    while open_folders:
        part, node = next(open_folders[-1], (b"", None))
        if node is None:
            open_folders.pop()
            del path[-1:]
        elif not isinstance(node, dict) or not part:
            raise Refusal("bad-file-tree")
        elif b"" not in node:
            path.append(part)
            open_folders.append(iter(node.items()))
        elif len(node) > 1 or not isinstance(node[b""], dict):
            raise Refusal("bad-file-tree", "a file is a folder too")
        else:
            yield (*path, part), node[b""]


def _link(fields: Mapping[bytes, Any], path: tuple[str, ...], encoding: str | None) -> FileEntry:
    """Check that a symbolic link (BEP 47) stays in the torrent's folder; it is empty and hidden."""
    _check_path("", _path(fields.get(b"symlink path"), None, encoding))
    if fields.get(b"length", 0) != 0:
        raise Refusal("bad-length", "a symbolic link has none")
    return FileEntry(_printable_file(path, 0), hidden=True)


def _path(raw: object, utf8: object, encoding: str | None) -> tuple[str, ...]:
    """Decode a path; its `path.utf-8` is used when it has the same number of parts."""
    if not isinstance(raw, list) or not all(
        isinstance(part, bytes) and not has_separator(part) for part in raw
    ):
        raise Refusal("bad-path")
    if not isinstance(utf8, list):
        return tuple(decode_text(part, None, encoding) for part in raw)
    # Clients differ in which of the two they use, so the one that is not shown must be safe too.
    if len(utf8) != len(raw) or not all(isinstance(part, bytes) for part in utf8):
        raise Refusal("bad-path")
    _check_path("", tuple(decode_text(part, None, None) for part in utf8))
    return tuple(
        decode_text(part, alternative, encoding) for part, alternative in zip(raw, utf8, strict=True)
    )


def _check_path(name: str, path: tuple[str, ...]) -> None:
    if not path or not all(is_safe_path_part(part) for part in path):
        raise Refusal("bad-path")
    if utf8_length(name) + sum(utf8_length(part) + 1 for part in path) > LONGEST_PATH:
        raise Refusal("bad-path", f"the limit is {LONGEST_PATH} bytes")


def _is_padding(path: tuple[str, ...]) -> bool:
    """Recognise padding by its name, as clients wrote it before BEP 47."""
    return path[-1].startswith("_____padding_file_") or (
        len(path) == 2 and path[0] == ".pad" and path[1].isdecimal()
    )


def _printable_file(path: tuple[str, ...], length: int) -> MetainfoFile:
    return MetainfoFile(tuple(printable(part) for part in path), length)


def _attributes(fields: Mapping[bytes, Any]) -> bytes:
    attributes = fields.get(b"attr", b"")
    return attributes if isinstance(attributes, bytes) else b""


def _length(fields: Mapping[bytes, Any]) -> int:
    length = fields.get(b"length")
    if not isinstance(length, int) or not 0 <= length <= LARGEST:
        raise Refusal("bad-length")
    return length
