"""Content files and torrents for tests: random bytes each time, so that no swarm is met twice."""

import os
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

import libtorrent as lt

SIZE = 300_000
PIECE = 32_768


class Kind(IntFlag):
    """Which hashes a torrent carries."""

    V1 = int(lt.create_torrent.v1_only)
    V2 = int(lt.create_torrent.v2_only)
    HYBRID = 0


@dataclass(frozen=True, slots=True)
class Torrent:
    """A .torrent file over one content file, with both on disk."""

    path: Path
    folder: Path
    name: str
    content: bytes
    v1: bytes
    v2: bytes

    @property
    def infohash(self) -> bytes:
        """The 20 bytes that trackers know it by."""
        return self.v1 or self.v2[:20]

    @property
    def raw(self) -> bytes:
        """The .torrent's bytes."""
        return self.path.read_bytes()

    def is_complete(self, folder: Path) -> bool:
        """Whether the whole content is in `folder`."""
        copy = folder / self.name
        return copy.exists() and copy.read_bytes() == self.content


def make_torrent(folder: Path, announce: str, kind: Kind = Kind.V1) -> Torrent:
    """Write a new file of several pieces below `folder`, and a torrent that names `announce`."""
    seed = folder / "origin"
    seed.mkdir(parents=True)
    content = os.urandom(SIZE)
    name = f"content-{content[:4].hex()}.bin"
    (seed / name).write_bytes(content)
    maker = lt.create_torrent(lt.list_files(str(seed / name)), piece_size=PIECE, flags=int(kind))
    maker.add_tracker(announce)
    lt.set_piece_hashes(maker, str(seed))
    path = folder / f"{name}.torrent"
    path.write_bytes(lt.bencode(maker.generate()))
    hashes = lt.torrent_info(str(path)).info_hashes()
    return Torrent(
        path, seed, name, content,
        hashes.v1.to_bytes() if hashes.has_v1() else b"",
        hashes.v2.to_bytes() if hashes.has_v2() else b"",
    )  # fmt: skip
