"""Encodes a torrent's contents (files, trackers, web seeds) as compressed JSON, bounded in both directions.

A list of more than PAGE files is kept in pieces, so that a page of it is read without the rest: a mark, the length
of a compressed head (the lengths of the pieces, the number of files, trackers and web seeds), the head, the pieces.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from catalogue.model import CatalogueFile, Contents

MAX_DECODED_BYTES = 64 * 2**20
"""Bytes of the JSON."""
PAGE = 500
"""Files that a piece of a long list holds."""
EVERY_FILE = 2**31

_EMPTY = len('["",0],')
_LINKS = (
    4 * 2**20
)  # links are at most 200 of 1 KiB; a character takes up to 12 bytes where it has to be escaped
_IN_PIECES = 2  # the first byte; that of zlib's own is another
_HEAD = struct.Struct(">BI")
_WITH_FILES = '[[["'


def encode_contents(contents: Contents, limit: int = MAX_DECODED_BYTES) -> bytes:
    """Return contents as bytes, without the files that lie beyond `limit` bytes of JSON."""
    if contents.packed:
        return contents.packed
    files = [[file.path, file.size] for file in _fitting(contents.files, limit)]
    if len(files) <= PAGE:
        return _deflate([files, contents.trackers, contents.web_seeds])
    pieces = [_deflate(files[at : at + PAGE]) for at in range(0, len(files), PAGE)]
    lengths = [len(piece) for piece in pieces]
    head = _deflate([lengths, len(files), contents.trackers, contents.web_seeds])
    return b"".join([_HEAD.pack(_IN_PIECES, len(head)), head, *pieces])


def decode_contents(
    payload: bytes, limit: int = MAX_DECODED_BYTES, *, first: int = 0, count: int = EVERY_FILE
) -> Contents:
    """Read what `encode_contents` wrote, of its files `count` from number `first` on.

    ValueError: it is damaged, or more than `limit` bytes of JSON.
    """
    try:
        if payload[:1] == bytes([_IN_PIECES]):
            return _decode_pieces(payload, limit, first, count)
        return _decode_whole(_inflate(payload, limit).decode(), first, count)
    except (zlib.error, IndexError, TypeError, ValueError, RecursionError, struct.error) as error:
        raise ValueError("the file list is damaged") from error


def _decode_pieces(payload: bytes, limit: int, first: int, count: int) -> Contents:
    _, length = _HEAD.unpack_from(payload)
    start = _HEAD.size + length
    lengths, total, trackers, seeds = json.loads(_inflate(payload[_HEAD.size : start], limit))
    files: list[CatalogueFile] = []
    for number, size in enumerate(lengths):
        low = max(first - number * PAGE, 0)
        high = min(first + count - number * PAGE, PAGE)
        if low < high:
            piece = json.loads(_inflate(payload[start : start + size], limit))
            files += _files(piece[low:high])
        start += size
    return _contents(files, total, trackers, seeds)


def _decode_whole(text: str, first: int, count: int) -> Contents:
    """Read a list in one piece; a file at a time, because one call for all of a long one would stop everything."""
    if not text.startswith(_WITH_FILES) or len(text) < PAGE * _EMPTY:
        rows, trackers, seeds = json.loads(text)
        return _contents(_files(rows[first : first + count]), len(rows), trackers, seeds)
    read, at, total = json.JSONDecoder().raw_decode, 1, 0
    rows = []
    while text[at] in "[,":
        row, at = read(text, at + 1)
        if first <= total < first + count:
            rows.append(row)
        total += 1
    trackers, seeds = json.loads("[" + text[at + 2 :])
    return _contents(_files(rows), total, trackers, seeds)


def _contents(
    files: Sequence[CatalogueFile], total: int, trackers: Iterable[Any], seeds: Iterable[str]
) -> Contents:
    return Contents(tuple(files), tuple(map(tuple, trackers)), tuple(seeds), total - len(files))


def _files(rows: Iterable[Any]) -> list[CatalogueFile]:
    return [CatalogueFile(path, size) for path, size in rows]


def _deflate(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8", "replace"))


def _inflate(payload: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(payload, limit)
    if not decompressor.eof:
        raise ValueError("it goes on beyond its end")
    return text


def _fitting(files: Iterable[CatalogueFile], limit: int) -> Iterator[CatalogueFile]:
    left = limit - _LINKS
    for file in files:
        size = len(json.dumps(file.path, ensure_ascii=False).encode("utf-8", "replace"))
        left -= _EMPTY + size + len(str(file.size))
        if left < 0:
            return
        yield file
