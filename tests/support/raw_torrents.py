"""A small valid .torrent as plain dictionaries, so that tests can damage it."""

import hashlib
import os
from typing import Any

import bencodepy


def info(name: bytes | None = None, **changes: Any) -> dict[bytes, Any]:
    """A single-file `info` of one random piece; changes are by key, with `_` for a space."""
    plain: dict[bytes, Any] = {
        b"length": 16384,
        b"name": name or b"x-" + os.urandom(4).hex().encode(),
        b"piece length": 16384,
        b"pieces": os.urandom(20),
    }
    return plain | {key.replace("_", " ").encode(): value for key, value in changes.items()}


def torrent(inside: dict[bytes, Any] | None = None) -> bytes:
    """A whole .torrent around an `info`."""
    return bytes(bencodepy.encode({b"announce": b"http://127.0.0.1/announce", b"info": inside or info()}))


def infohash(data: bytes) -> bytes:
    """The 20 bytes that name it."""
    return hashlib.sha1(bencodepy.encode(bencodepy.decode(data)[b"info"])).digest()
