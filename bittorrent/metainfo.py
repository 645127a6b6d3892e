"""Metainfo: a .torrent file parsed and checked, version 1 (BEP 3), version 2 (BEP 52) or hybrid.

A torrent is accepted if clients accept it and its paths are safe. Its infohashes are of the raw `info` bytes,
never of a re-encoding, so unsorted and unknown keys change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any, Self

from bittorrent import bencode
from bittorrent.bencode import DEFAULT_LIMITS, BencodeLimits
from bittorrent.file_list import (
    FileEntry,
    MetainfoFile,
    check_hybrid_files,
    total_length,
    v1_entries,
    v2_entries,
    visible_files,
)
from bittorrent.infohash import V1_LENGTH, InfoHash
from bittorrent.magnet import Magnet
from bittorrent.merkle import BLOCK, check_piece_layers
from bittorrent.refusal import Refusal
from bittorrent.text import (
    declared_encoding,
    has_separator,
    is_safe_path_part,
    printable,
    printable_multiline,
    read_text,
)
from bittorrent.urls import trackers_of, web_seeds_of

__all__ = ["BencodeLimits", "Metainfo", "MetainfoFile"]

LARGEST_PIECE = 2**30
LONGEST_COMMENT = 8192
LONGEST_CREATOR = 256
MAGNET_LINKS = 20

_END_OF_TIME = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Metainfo:
    """A checked .torrent. `info` is the raw slice that is hashed; `v1` has 20 bytes, `v2` 32.

    `files` leaves out padding and symbolic links, and so does `size`, in bytes. Every text is safe to show.
    `piece_length` is in bytes, `created` in Unix seconds; `trackers` are tiers; `canonical` is whether all keys
    were in order.
    """

    info: bytes
    v1: InfoHash | None
    v2: InfoHash | None
    name: str
    files: tuple[MetainfoFile, ...]
    size: int
    piece_length: int
    private: bool
    trackers: tuple[tuple[str, ...], ...]
    web_seeds: tuple[str, ...]
    comment: str
    created_by: str
    created: int | None
    canonical: bool

    @classmethod
    def parse(cls, data: bytes, limits: BencodeLimits = DEFAULT_LIMITS) -> Self:
        """Parse and check the bytes of a .torrent file.

        Raises Refusal: those of `bencode.read`, and no-info, no-name, empty-name, bad-name, bad-path, bad-length,
        bad-files, bad-piece-length, bad-pieces, bad-meta-version, bad-file-tree, bad-piece-layers, hybrid-mismatch.
        """
        document = bencode.decode(data, limits)
        fields = document.value
        info = fields.get(b"info") if isinstance(fields, dict) else None
        if not isinstance(info, dict):
            raise Refusal("no-info")
        start, end = document.spans[b"info"]
        raw = data[start:end]
        encoding = declared_encoding(fields.get(b"encoding"))
        has_v1, has_v2 = _versions(info)
        name = _name(info, encoding)
        files = _files(fields, info, name, encoding)
        return cls(
            info=raw,
            v1=InfoHash(sha1(raw, usedforsecurity=False).digest()) if has_v1 else None,
            v2=InfoHash(sha256(raw).digest()) if has_v2 else None,
            name=printable(name),
            files=files,
            size=sum(file.length for file in files),
            piece_length=info[b"piece length"],
            private=info.get(b"private") == 1,
            trackers=trackers_of(fields),
            web_seeds=web_seeds_of(fields),
            comment=printable_multiline(read_text(fields, b"comment", encoding) or "", LONGEST_COMMENT),
            created_by=printable((read_text(fields, b"created by", encoding) or "")[:LONGEST_CREATOR]),
            created=_created(fields),
            canonical=document.canonical,
        )

    @property
    def infohash(self) -> InfoHash:
        """The 20 bytes that identify the torrent: version 1's hash, else version 2's truncated."""
        return self.infohashes[0].truncated

    @property
    def infohashes(self) -> tuple[InfoHash, ...]:
        """Every infohash of the torrent: version 1's, version 2's, and version 2's truncated to 20 bytes."""
        v1 = (self.v1,) if self.v1 else ()
        return (*v1, self.v2, self.v2.truncated) if self.v2 else v1

    def magnet(self) -> Magnet:
        """Return its magnet link, with the first trackers and web seeds."""
        trackers = tuple(link for tier in self.trackers for link in tier)[:MAGNET_LINKS]
        return Magnet(self.v1, self.v2, self.name, trackers, self.web_seeds[:MAGNET_LINKS], self.size)


def _versions(info: Mapping[bytes, Any]) -> tuple[bool, bool]:
    version = info.get(b"meta version", 1)
    if version not in (1, 2):
        raise Refusal("bad-meta-version")
    has_v2 = version == 2
    return b"pieces" in info or not has_v2, has_v2


def _name(info: Mapping[bytes, Any], encoding: str | None) -> str:
    name = read_text(info, b"name", encoding)
    alternative = read_text(info, b"name.utf-8", None)
    if name is None:
        raise Refusal("no-name")
    if not name:
        raise Refusal("empty-name")
    if not is_safe_path_part(name) or has_separator(info[b"name"]):
        raise Refusal("bad-name")
    # Clients differ in which of the two they use, so the one that is not shown must be safe too.
    if alternative is not None and not is_safe_path_part(alternative):
        raise Refusal("bad-name")
    return name


def _files(
    fields: Mapping[bytes, Any], info: Mapping[bytes, Any], name: str, encoding: str | None
) -> tuple[MetainfoFile, ...]:
    has_v1, has_v2 = _versions(info)
    piece_length = _piece_length(info, has_v2)
    v1: list[FileEntry] = []
    if has_v1:
        v1 = v1_entries(info, name, encoding)
        _check_pieces(info.get(b"pieces"), total_length(v1), piece_length)
    if not has_v2:
        return visible_files(v1)
    v2 = v2_entries(info, name)
    if has_v1:
        check_hybrid_files(v1, v2, piece_length)
    lengths = {entry.root: entry.file.length for entry in v2 if entry.root}
    check_piece_layers(fields.get(b"piece layers", {}), lengths, piece_length)
    return visible_files(v2)


def _piece_length(info: Mapping[bytes, Any], has_v2: bool) -> int:
    length = info.get(b"piece length")
    if not isinstance(length, int) or not 0 < length <= LARGEST_PIECE:
        raise Refusal("bad-piece-length")
    if has_v2 and (length < BLOCK or length & (length - 1)):
        raise Refusal("bad-piece-length", "version 2 takes powers of two from 16 KiB on")
    return length


def _check_pieces(pieces: object, length: int, piece_length: int) -> None:
    if not isinstance(pieces, bytes) or len(pieces) != V1_LENGTH * -(-length // piece_length):
        raise Refusal("bad-pieces")


def _created(fields: Mapping[bytes, Any]) -> int | None:
    created = fields.get(b"creation date")
    return created if isinstance(created, int) and 0 <= created <= _END_OF_TIME else None
