import asyncio
import errno
import gzip
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.compression import pack
from storage import files, fsync
from storage.files import FileBlobs, FileLimits
from tests.support.clock import Clock

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
    blobs = FileBlobs(tmp_path / "torrents", FileLimits(size=10))
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


async def test_what_is_remembered_is_bounded(tmp_path):
    blobs = FileBlobs(tmp_path / "torrents", FileLimits(verified=2))
    await blobs.open()
    for number in range(5):
        name = InfoHash(bytes((number,)) * 20)
        assert await blobs.get(name, (await blobs.put(name, pack(b"x"))).digest) is not None
    assert len(blobs._verified) == 2


async def test_the_newest_files_that_were_set_aside_are_kept(tmp_path):
    blobs = FileBlobs(tmp_path / "torrents", FileLimits(set_aside=3))
    await blobs.open()
    for number in range(5):
        name = InfoHash(bytes((9 - number,)) * 20)
        await blobs.put(name, pack(b"x"))
        await blobs.set_aside(name)
    kept = sorted(path.name[:2] for path in (tmp_path / "torrents" / ".bad").iterdir())
    assert kept == ["05", "06", "07"]
    assert blobs.set_aside_count == 5


MANY = [InfoHash(bytes((number % 3, number)) + bytes(18)) for number in range(20)]


@pytest.fixture
async def together(tmp_path, monkeypatch):
    """Files that are synced together, as on a local disk of Linux, by a clock set by hand.

    Every sync is noted, fails where it is among `failing`, and takes so many `seconds`.
    """
    timer = Clock(1000.0)
    blobs = FileBlobs(tmp_path / "torrents", timer=timer)
    await blobs.open()
    calls = []

    def sync_whole(root):
        assert Path(f"/proc/self/fd/{root}").readlink() == blobs._root
        drafts = sorted(path.name for path in (blobs._root / ".new").iterdir())
        calls.append((len(drafts), len(list(blobs._root.glob("[0-9]*/*/*.gz")))))
        timer.now += blobs.seconds
        if len(calls) in blobs.failing:
            raise OSError(errno.EIO, "fire")

    monkeypatch.setattr(files, "sync_whole", sync_whole)
    blobs._syncs_whole, blobs.failing, blobs.calls = True, set(), calls
    blobs.timer, blobs.seconds = timer, 0.0
    return blobs


async def put_many(blobs, names=MANY):
    """Put files at once."""
    return await asyncio.gather(
        *(blobs.put(name, pack(bytes(name) * 9)) for name in names), return_exceptions=True
    )


async def test_files_that_come_together_are_written_together_with_two_syncs(together):
    stored = await put_many(together)
    assert together.calls == [(20, 0), (0, 20)]
    for name, each in zip(MANY, stored, strict=True):
        packed = await together.get(name, each.digest)
        assert gzip.decompress(packed) == bytes(name) * 9
        assert not each.kept
    assert list((together._root / ".new").iterdir()) == []
    assert [name async for batch in together.walk() for name in batch] == sorted(MANY)


async def test_one_that_cannot_be_written_fails_alone_and_one_that_is_there_stays(together, tmp_path):
    (tmp_path / "torrents" / "01").symlink_to(tmp_path)
    await together.put(MANY[0], pack(b"first"))
    stored = await put_many(together)
    assert stored[0].kept
    assert gzip.decompress(await together.get(MANY[0])) == b"first"
    for name, each in zip(MANY[1:], stored[1:], strict=True):
        assert isinstance(each, OSError) == (name[0] == 1)
        assert (await together.get(name) is None) == (name[0] == 1)
    assert list((together._root / ".new").iterdir()) == []


async def test_one_hash_twice_in_a_batch_keeps_the_first_and_describes_it_to_both(together):
    stored = await put_many(together, [MANY[0], MANY[1], MANY[2], MANY[0], MANY[0]])
    assert [each.kept for each in stored] == [False, False, False, True, True]
    assert stored[0] == stored[3] == stored[4]


async def test_when_the_bytes_cannot_be_synced_all_fail_and_no_file_gets_its_name(together):
    together.failing = {1}
    found = await put_many(together)
    assert all(isinstance(each, Refusal) and each.code == "busy" for each in found)
    assert together.calls == [(20, 0)]
    assert list(together._root.glob("*/*/*.gz")) == list((together._root / ".new").iterdir()) == []
    together.failing = set()
    assert [each.kept for each in await put_many(together)] == [False] * 20


async def test_when_the_names_cannot_be_synced_all_fail_and_their_folders_are_synced_the_next_time(
    together, monkeypatch
):
    together.failing = {2}
    found = await put_many(together)
    assert all(isinstance(each, Refusal) and each.code == "busy" for each in found)
    synced, real = [], os.fsync

    def record(fd):
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink().relative_to(together._root)))
        real(fd)

    monkeypatch.setattr(files.os, "fsync", record)
    assert (await together.put(MANY[0], pack(b"x"))).kept
    assert synced == [".", "00", "00/00"]


async def test_a_sync_that_takes_long_is_followed_by_some_time_without(together):
    together.seconds = 1.5
    await put_many(together, MANY[:10])
    assert len(together.calls) == 2
    await put_many(together, MANY[10:])
    assert len(together.calls) == 2
    together.timer.now += 61
    await together.remove(MANY[0])
    await put_many(together, [*MANY[:1], *MANY[5:9]])
    assert len(together.calls) == 4


async def test_few_files_and_those_on_other_disks_are_synced_one_by_one(together):
    await put_many(together, MANY[:3])
    assert together.calls == []
    together._syncs_whole = False
    await put_many(together)
    assert together.calls == []


@pytest.mark.parametrize(
    ("release", "magic", "whole"),
    [
        ("6.1.0-18-amd64", 0xEF53, True),
        ("5.17.0", 0x9123683E, True),
        ("5.16.9", 0xEF53, False),
        ("6.1.0", 0x6969, False),
        ("strange", 0xEF53, False),
    ],
)
def test_a_whole_file_system_is_synced_where_that_tells_of_every_failure(
    tmp_path, monkeypatch, release, magic, whole
):
    class Library:
        @staticmethod
        def statfs(path, described):
            described[:8] = magic.to_bytes(8, sys.byteorder)
            return 0

        @staticmethod
        def syncfs(file):
            raise AssertionError

    monkeypatch.setattr(fsync, "_libc", Library)
    monkeypatch.setattr(fsync.os, "uname", lambda: SimpleNamespace(release=release))
    assert fsync.syncs_whole(tmp_path) == whole


def test_a_sync_of_a_whole_file_system_is_made_again_when_interrupted_and_tells_its_error(
    monkeypatch, tmp_path
):
    errors = [errno.EINTR, errno.EIO]
    monkeypatch.setattr(fsync, "_libc", lambda: SimpleNamespace(syncfs=lambda file: -1))
    monkeypatch.setattr(fsync, "get_errno", lambda: errors.pop(0))
    with pytest.raises(OSError, match="Input/output error"):
        fsync.sync_whole(0)
    assert errors == []
    monkeypatch.undo()
    with (tmp_path / "file").open("wb") as file:
        fsync.sync_whole(file.fileno())
