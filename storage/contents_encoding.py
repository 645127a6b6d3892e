"""Encodes a torrent's contents (files, trackers, web seeds) as compressed JSON, bounded in both directions."""

import json
import zlib
from collections.abc import Iterable, Iterator

from catalogue.model import CatalogueFile, Contents

MAX_DECODED_BYTES = 64 * 2**20
"""Bytes of the JSON."""

_EMPTY = len('["",0],')


def encode_contents(contents: Contents, limit: int = MAX_DECODED_BYTES) -> bytes:
    """Return contents as bytes, without the files that lie beyond `limit` bytes of JSON."""
    files = [[file.path, file.size] for file in _fitting(contents.files, limit)]
    text = json.dumps(
        [files, contents.trackers, contents.web_seeds], ensure_ascii=False, separators=(",", ":")
    )
    return zlib.compress(text.encode("utf-8", "replace"))


def decode_contents(payload: bytes, limit: int = MAX_DECODED_BYTES) -> Contents:
    """Read what `encode_contents` wrote. ValueError: it is damaged, or more than `limit` bytes of JSON."""
    try:
        files, trackers, seeds = json.loads(_inflate(payload, limit))
        listed = tuple(CatalogueFile(path, size) for path, size in files)
        return Contents(listed, tuple(map(tuple, trackers)), tuple(seeds))
    except (zlib.error, TypeError, ValueError, RecursionError) as error:
        raise ValueError("the file list is damaged") from error


def _inflate(payload: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(payload, limit)
    if not decompressor.eof:
        raise ValueError("it goes on beyond its end")
    return text


def _fitting(files: Iterable[CatalogueFile], limit: int) -> Iterator[CatalogueFile]:
    # Links are at most 200 of 1 KiB; a character takes up to 12 bytes where it has to be escaped.
    left = limit - 4 * 2**20
    for file in files:
        size = len(json.dumps(file.path, ensure_ascii=False).encode("utf-8", "replace"))
        left -= _EMPTY + size + len(str(file.size))
        if left < 0:
            return
        yield file
