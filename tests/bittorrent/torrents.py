"""Small test torrents, and the refusal codes of invalid ones."""

from typing import Any

import pytest

from bittorrent.bencode import encode
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal

PIECE = 16384
ROOT = b"r" * 32


def v1(**changes: Any) -> dict[bytes, Any]:
    info = {"name": b"a.txt", "piece length": PIECE, "pieces": b"p" * 20, "length": 5}
    return with_byte_keys(info | changes)


def v1_files(*files: dict[bytes, Any], **changes: Any) -> dict[bytes, Any]:
    info = {"name": b"folder", "piece length": PIECE, "files": list(files)} | changes
    if "pieces" not in info:
        info["pieces"] = b"p" * 20 * -(-sum(file.get(b"length", 0) for file in files) // PIECE)
    return with_byte_keys(info)


def v2(tree: Any, **changes: Any) -> dict[bytes, Any]:
    return with_byte_keys(
        {"name": b"a.txt", "piece length": PIECE, "meta version": 2, "file tree": tree} | changes
    )


def with_byte_keys(info: dict[str, Any]) -> dict[bytes, Any]:
    return {key.replace("_", " ").encode(): value for key, value in info.items() if value is not None}


def file(*path: bytes, length: int = 5, **more: Any) -> dict[bytes, Any]:
    return {b"path": list(path), b"length": length} | with_byte_keys(more)


def leaf(length: int = 5, root: bytes = ROOT, **more: Any) -> dict[bytes, Any]:
    return {b"": {b"length": length, b"pieces root": root} | with_byte_keys(more)}


def hybrid(*files: dict[bytes, Any], tree: dict[bytes, Any]) -> dict[bytes, Any]:
    return v1_files(*files) | {b"meta version": 2, b"file tree": tree}


def parse(info: Any, **outer: Any) -> Metainfo:
    return Metainfo.parse(
        encode({b"info": info} | {key.replace("_", " "): value for key, value in outer.items()})
    )


def code_of(info: Any, **outer: Any) -> str:
    with pytest.raises(Refusal) as refused:
        parse(info, **outer)
    return refused.value.code


def paths(metainfo: Metainfo) -> list[str]:
    return ["/".join(entry.path) for entry in metainfo.files]
