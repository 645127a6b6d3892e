"""Compression: gzip for the disk, and bounded decompression of gzip and bzip2 uploads."""

import bz2
import zlib
from collections.abc import Callable
from typing import Protocol

from bittorrent.refusal import Refusal

GZIP_MAGIC = b"\x1f\x8b"
BZIP2_MAGIC = b"BZh"
# Every member after the first costs a new decompressor; ordinary files have one, appended ones a few.
MEMBERS_LIMIT = 1000
# The largest stored file, uncompressed, whatever the limit of uploads was when it was added.
INFLATED_LIMIT = 2**30
_GZIP_WINDOW = 31
_CHUNK = 65536


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def pack(data: bytes) -> bytes:
    """Return `data` as one gzip member, level 9; the same data gives the same bytes (no time, no name)."""
    return zlib.compress(data, 9, wbits=_GZIP_WINDOW)


def is_compressed(data: bytes) -> bool:
    """Return whether `unpack` decompresses it."""
    return data.startswith((GZIP_MAGIC, BZIP2_MAGIC))


def unpack(data: bytes, limit: int) -> bytes:
    """Return the decompressed bytes of a gzip or bzip2 file, or `data` itself when it is neither.

    It decompresses once: content that is compressed again is returned as it is. Output is bounded while it
    is produced. Refusal: `too-large` beyond `limit` bytes, `bad-compression` when the file is damaged, cut
    off or followed by something else.
    """
    if data.startswith(GZIP_MAGIC):
        return _unpack_members(data, limit, lambda: zlib.decompressobj(wbits=_GZIP_WINDOW))
    if data.startswith(BZIP2_MAGIC):
        return _unpack_members(data, limit, bz2.BZ2Decompressor)
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _unpack_members(data: bytes, limit: int, start: Callable[[], _Decompressor]) -> bytes:
    try:
        return _inflate(data, limit, start)
    except (zlib.error, OSError, EOFError) as error:
        raise Refusal("bad-compression") from error


def _inflate(data: bytes, limit: int, start: Callable[[], _Decompressor]) -> bytes:
    out = bytearray()
    members = 1
    member = start()
    for offset in range(0, len(data), _CHUNK):
        chunk = data[offset : offset + _CHUNK]
        while chunk:
            if member.eof:
                chunk = chunk.lstrip(b"\0")  # gzip files on tape and in blocks are padded with zeros
                if not chunk:
                    break
                members += 1
                if members > MEMBERS_LIMIT:
                    raise Refusal("bad-compression", f"more than {MEMBERS_LIMIT} members")
                member = start()
            out += member.decompress(chunk, limit - len(out) + 1)
            if len(out) > limit:
                raise _too_large(limit)
            chunk = member.unused_data if member.eof else b""
    if not member.eof:
        raise EOFError
    return bytes(out)


def _too_large(limit: int) -> Refusal:
    return Refusal("too-large", f"at most {limit} bytes")
