"""What libtorrent makes of a torrent, and what we make of it, is the same."""

from pathlib import Path
from typing import Any

import libtorrent
import pytest

from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo

pytestmark = pytest.mark.clients

PIECE = 32 * 1024
CONTENT = {"b/two.bin": 3 * PIECE + 5, "a.txt": 7, "b/käse.txt": PIECE, "empty": 0, "c/d/e/last": 1}
FLAGS = libtorrent.create_torrent
FORMS = {
    "v1": FLAGS.v1_only,
    "v2": FLAGS.v2_only,
    "hybrid": 0,
    "canonical v1": FLAGS.v1_only | FLAGS.canonical_files,
}


def make(folder: Path, content: dict[str, int], flags: int) -> bytes:
    root = folder / "näme" if len(content) > 1 else folder / next(iter(content))
    files = []
    for name, length in content.items():
        path = root / name if len(content) > 1 else root
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((bytes(range(251)) * (length // 251 + 1))[:length])
        files.append(libtorrent.create_file_entry(str(path.relative_to(folder)), length))
    creator = libtorrent.create_torrent(files, PIECE, flags)
    creator.add_tracker("http://127.0.0.1:6969/announce", 0)
    creator.add_tracker("udp://127.0.0.1:6969", 1)
    creator.set_priv(True)
    libtorrent.set_piece_hashes(creator, str(folder))
    return bytes(libtorrent.bencode(creator.generate()))


def their_files(info: Any) -> list[tuple[str, int]]:
    files = info.layout()
    return [
        (files.file_path(number).replace("\\", "/"), files.file_size(number))
        for number in range(files.num_files())
        if not files.file_flags(number) & libtorrent.file_flags_t.flag_pad_file
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "content", [CONTENT, {"single.bin": 5 * PIECE + 1}, {"small": 9}], ids=["many", "one", "small"]
)
def test_hashes_files_and_trackers_agree(tmp_path: Path, form: str, content: dict[str, int]) -> None:
    data = make(tmp_path, content, FORMS[form])
    ours, theirs = Metainfo.parse(data), libtorrent.torrent_info(libtorrent.bdecode(data))
    hashes = theirs.info_hashes()
    assert ours.v1 == (hashes.v1.to_bytes() if hashes.has_v1() else None)
    assert ours.v2 == (hashes.v2.to_bytes() if hashes.has_v2() else None)
    folder = [] if len(content) == 1 else [ours.name]
    assert [("/".join([*folder, *file.path]), file.length) for file in ours.files] == their_files(theirs)
    assert [list(tier) for tier in ours.trackers] == [
        ["http://127.0.0.1:6969/announce"],
        ["udp://127.0.0.1:6969"],
    ]
    assert (ours.private, ours.piece_length, ours.name) == (True, PIECE, theirs.name())


@pytest.mark.parametrize("form", FORMS)
def test_magnets_agree(tmp_path: Path, form: str) -> None:
    data = make(tmp_path, CONTENT, FORMS[form])
    ours, info = Metainfo.parse(data).magnet(), libtorrent.torrent_info(libtorrent.bdecode(data))
    read_by_them = libtorrent.parse_magnet_uri(str(ours)).info_hashes
    assert read_by_them == info.info_hashes()
    theirs = Magnet.parse(libtorrent.make_magnet_uri(info))
    assert (theirs.v1, theirs.v2, theirs.name, theirs.trackers) == (
        ours.v1,
        ours.v2,
        ours.name,
        ours.trackers,
    )
