"""Conversion between a .torrent and libtorrent's torrent_info: file names on disk, metadata from peers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import libtorrent as lt

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal


@dataclass(frozen=True, slots=True)
class TorrentLayout:
    """A .torrent as libtorrent reads it; `names` maps libtorrent's file index to the name on disk."""

    torrent: bytes
    names: Mapping[int, str]

    def params(self) -> Any:  # noqa: ANN401 - libtorrent has no types
        """Return new `add_torrent_params` for this torrent."""
        return lt.load_torrent_buffer(self.torrent)


def read_layout(torrent: bytes) -> TorrentLayout:
    """Read a .torrent and number its files as `Metainfo.files` does, padding left out.

    ValueError: it holds symbolic links, or the engine cannot read it.
    """
    try:
        info = lt.load_torrent_buffer(torrent).ti
    except RuntimeError as error:
        raise ValueError(f"the engine cannot read the torrent: {error}") from None
    assert info is not None
    files = info.layout()
    flags = [files.file_flags(number) for number in range(files.num_files())]
    if any(flag & lt.file_flags_t.flag_symlink for flag in flags):
        raise ValueError("the torrent holds symbolic links")
    shown = [number for number, flag in enumerate(flags) if not flag & lt.file_flags_t.flag_pad_file]
    return TorrentLayout(torrent, {number: str(index) for index, number in enumerate(shown)})


def short_hashes(hashes: Any) -> list[str]:  # noqa: ANN401
    """Return the one or two 20-byte hashes of a torrent, in hex, version 1's first."""
    v1 = [str(hashes.v1)] if hashes.has_v1() else []
    return [*v1, hashes.v2.to_bytes()[:20].hex()] if hashes.has_v2() else v1


def build_torrent(info: Any, infohash: InfoHash) -> bytes:  # noqa: ANN401
    """Build the .torrent of metadata from peers. ValueError: it is invalid, or of another torrent."""
    data = b"d4:info" + bytes(info.info_section()) + b"e"
    try:
        metainfo = Metainfo.parse(data)
    except Refusal as refusal:
        raise ValueError(str(refusal)) from None
    if infohash not in metainfo.infohashes:
        raise ValueError("the metadata is of another torrent")
    return data
