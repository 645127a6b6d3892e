"""Small valid .torrent files of each version."""

from hashlib import sha1, sha256
from typing import Any

from bittorrent.bencode import encode
from bittorrent.metainfo import Metainfo

PIECE = 16384


def v1_torrent(name: str = "one", **fields: Any) -> bytes:
    """A version 1 torrent of one file; equal arguments give equal bytes."""
    return _file({**_v1(name)}, fields)


def v2_torrent(name: str = "two", **fields: Any) -> bytes:
    """A version 2 torrent of one file."""
    return _file({**_v2(name)}, fields)


def hybrid_torrent(name: str = "both", **fields: Any) -> bytes:
    """A torrent of both versions, so with two 20-byte hashes."""
    return _file({**_v1(name), **_v2(name)}, fields)


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
