"""Valid .torrent files of each version."""

from hashlib import sha1, sha256
from typing import Any

import bencodepy

from bittorrent.bencode import encode
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo

PIECE = 16384
ANNOUNCE = b"http://tracker.example/announce"


def v1_torrent(name: str = "one", **fields: Any) -> bytes:
    """A version 1 torrent of one file; equal arguments give equal bytes."""
    return _file({**_v1(name)}, fields)


def v2_torrent(name: str = "two", **fields: Any) -> bytes:
    """A version 2 torrent of one file."""
    return _file({**_v2(name)}, fields)


def hybrid_torrent(name: str = "both", **fields: Any) -> bytes:
    """A torrent of both versions, so with two 20-byte hashes."""
    return _file({**_v1(name), **_v2(name)}, fields)


def torrent(
    name: str = "a file",
    size: int = 1 << 20,
    *,
    private: bool = False,
    hybrid: bool = False,
    announce: bytes = ANNOUNCE,
    extra: bytes = b"",
) -> bytes:
    """A .torrent of one file whose pieces nobody has; `extra` bytes of comment make it as large as a test needs."""
    piece = 1 << 20
    pieces = b"".join(sha1(f"{name}{n}".encode()).digest() for n in range(-(-size // piece)))
    info = {b"length": size, b"name": name.encode(), b"piece length": piece, b"pieces": pieces}
    if private:
        info[b"private"] = 1
    if hybrid:
        leaf = {b"": {b"length": size, b"pieces root": sha256(name.encode()).digest()}}
        info |= {b"meta version": 2, b"file tree": {name.encode(): leaf}}
    document = {b"announce": announce, b"info": info}
    if extra:
        document[b"comment"] = extra
    return bytes(bencodepy.encode(document))


def names(data: bytes) -> tuple[str, str]:
    """The v1 hash of a .torrent file and its truncated v2 hash, in upper-case hex."""
    info = bencodepy.encode(bencodepy.decode(data)[b"info"])
    return InfoHash.of(sha1(info).digest()).upper, InfoHash.of(sha256(info).digest()).truncated.upper


def parsed(data: bytes) -> Metainfo:
    """The torrent that a file holds."""
    return Metainfo.parse(data)


def _content(name: str) -> bytes:
    return f"the content of {name}".encode()


def _v1(name: str) -> dict[bytes, Any]:
    content = _content(name)
    return {
        b"length": len(content),
        b"name": name.encode(),
        b"piece length": PIECE,
        b"pieces": sha1(content, usedforsecurity=False).digest(),
    }


def _v2(name: str) -> dict[bytes, Any]:
    content = _content(name)
    leaf = {b"length": len(content), b"pieces root": sha256(content).digest()}
    return {
        b"file tree": {name.encode(): {b"": leaf}},
        b"meta version": 2,
        b"name": name.encode(),
        b"piece length": PIECE,
    }


def _file(info: dict[bytes, Any], fields: dict[str, Any]) -> bytes:
    outer = {key.replace("_", " ").encode(): value for key, value in fields.items()}
    return encode({**outer, b"info": info})
