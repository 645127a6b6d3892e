import gzip
import os
import stat
from pathlib import Path

import pytest

from bittorrent.infohash import InfoHash
from cache.compression import pack
from storage import files
from storage.files import FileBlobs

HASH = InfoHash.parse("00aabbccddeeff11223344556677889900112233")
PLACE = "00/AA/BBCCDDEEFF11223344556677889900112233.torrent.gz"


@pytest.fixture
async def blobs(tmp_path):
    opened = FileBlobs(tmp_path / "torrents")
    await opened.open()
    return opened


async def test_a_file_is_stored_in_the_layout_with_mode_600(blobs, tmp_path):
    await blobs.put(HASH, pack(b"bytes"))
    path = tmp_path / "torrents" / PLACE
    assert gzip.decompress(path.read_bytes()) == b"bytes"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list((tmp_path / "torrents" / ".new").iterdir()) == []


async def test_interrupted_writes_are_deleted_at_start(blobs, tmp_path):
    draft = tmp_path / "torrents" / ".new" / "7.torrent.gz"
    draft.write_bytes(b"half")
    await blobs.open()
    assert not draft.exists()


async def test_other_files_are_not_walked(blobs, tmp_path):
    await blobs.put(HASH, pack(b"bytes"))
    root = tmp_path / "torrents"
    (root / "README").write_bytes(b"")
    (root / "01").write_bytes(b"")
    (root / "00" / "BB").write_bytes(b"")
    (root / "00" / "AA" / "short.torrent.gz").write_bytes(b"")

    assert [infohash async for batch in blobs.walk() for infohash in batch] == [HASH]


async def test_a_link_in_place_of_a_file_is_not_followed_and_is_replaced(blobs, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    path = tmp_path / "torrents" / PLACE
    path.parent.mkdir(parents=True)
    path.symlink_to(secret)
    assert await blobs.get(HASH) is None
    await blobs.put(HASH, pack(b"bytes"))
    assert secret.read_bytes() == b"secret"
    assert not path.is_symlink()
    assert gzip.decompress(await blobs.get(HASH)) == b"bytes"


async def test_a_link_in_place_of_a_folder_is_not_followed(blobs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "AA").mkdir(parents=True)
    (elsewhere / PLACE[3:]).write_bytes(b"x")
    (tmp_path / "torrents" / "00").symlink_to(elsewhere)
    assert await blobs.get(HASH) is None
    with pytest.raises(OSError, match="directory"):
        await blobs.put(HASH, pack(b"bytes"))


async def test_the_folder_itself_may_be_a_link_to_another_disk(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "torrents").symlink_to(tmp_path / "disk")
    blobs = FileBlobs(tmp_path / "torrents")
    await blobs.open()
    await blobs.put(HASH, pack(b"bytes"))
    assert (tmp_path / "disk" / PLACE).exists()


async def test_a_file_that_is_not_regular_or_too_large_is_not_read(tmp_path):
    blobs = FileBlobs(tmp_path / "torrents", 10)
    await blobs.open()
    path = tmp_path / "torrents" / PLACE
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert await blobs.get(HASH) is None
    path.unlink()
    path.write_bytes(b"x" * 11)
    assert await blobs.get(HASH) is None


async def test_a_write_that_fails_leaves_nothing_behind(blobs, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk on fire")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", lambda fd: fail() if stat.S_ISREG(os.fstat(fd).st_mode) else None)
        with pytest.raises(OSError, match="fire"):
            await blobs.put(HASH, pack(b"bytes"))
    assert list((tmp_path / "torrents" / ".new").iterdir()) == []
    assert await blobs.get(HASH) is None


async def test_file_and_folders_are_synced_before_a_put_returns(blobs, tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def record(fd):
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        real(fd)

    monkeypatch.setattr(files.os, "fsync", record)
    await blobs.put(HASH, pack(b"bytes"))
    root = str(tmp_path / "torrents")
    assert synced == [root, f"{root}/00", f"{root}/.new/0.torrent.gz", f"{root}/00/AA"]


async def test_a_file_is_looked_at_again_when_it_changed(blobs, tmp_path):
    stored = await blobs.put(HASH, pack(b"bytes"))
    path = tmp_path / "torrents" / PLACE
    assert await blobs.get(HASH, stored.digest) is not None
    packed = path.read_bytes()
    path.write_bytes(packed[:-1] + b"x")
    assert await blobs.get(HASH, stored.digest) is None
    path.write_bytes(packed)
    assert await blobs.get(HASH, stored.digest) == packed


async def test_a_digest_is_computed_once_for_a_file_that_does_not_change(blobs, monkeypatch):
    stored = await blobs.put(HASH, pack(b"bytes"))
    asked = []
    monkeypatch.setattr(files, "packed_digest", lambda packed: asked.append(packed) or stored.digest)
    for _ in range(3):
        assert await blobs.get(HASH, stored.digest) is not None
    assert len(asked) == 1
    await blobs.get(HASH, stored.digest, again=True)
    assert len(asked) == 2


async def test_what_is_remembered_is_bounded(blobs, monkeypatch):
    monkeypatch.setattr(files, "_VERIFIED", 2)
    for number in range(5):
        name = InfoHash(bytes((number,)) * 20)
        assert await blobs.get(name, (await blobs.put(name, pack(b"x"))).digest) is not None
    assert len(blobs._verified) == 2


async def test_the_newest_files_that_were_set_aside_are_kept(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_BAD_KEPT", 3)
    for number in range(5):
        name = InfoHash(bytes((9 - number,)) * 20)
        await blobs.put(name, pack(b"x"))
        await blobs.set_aside(name)
    kept = sorted(path.name[:2] for path in (tmp_path / "torrents" / ".bad").iterdir())
    assert kept == ["05", "06", "07"]
    assert blobs.set_aside_count == 5
