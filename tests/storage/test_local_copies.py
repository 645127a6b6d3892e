"""Copies of far files on the own disk: used by digest, bounded in bytes, and never what says what there is."""

import asyncio
import errno
from random import Random

import pytest

from bittorrent.infohash import InfoHash
from cache.compression import pack
from cache.record import packed_digest
from storage.files import FileBlobs
from storage.memory import MemoryBlobs
from storage.s3.local_copies import LocalCopies
from storage.unavailable import StorageUnavailable
from tests.support.tasks import begun, turn

HASHES = [InfoHash(bytes([number]) * 20) for number in range(9)]


class Far(MemoryBlobs):
    """Counts what is read, and can be away."""

    def __init__(self):
        super().__init__()
        self.reads = 0
        self.away = False

    async def get(self, infohash, digest=None, *, again=False):
        self.reads += 1
        await turn()
        if self.away:
            raise StorageUnavailable("busy")
        return await super().get(infohash, digest, again=again)


@pytest.fixture
def far():
    return Far()


async def opened(far, tmp_path, limit=1 << 20):
    copies = LocalCopies(far, FileBlobs(tmp_path / "copies", durable=False), limit)
    await copies.open()
    return copies


def packed(number):
    return pack(Random(number).randbytes(5000))


async def test_what_was_put_or_read_is_answered_while_the_far_store_is_away(far, tmp_path):
    copies = await opened(far, tmp_path)
    await copies.put(HASHES[0], packed(0))
    await far.put(HASHES[1], packed(1))
    await far.put(HASHES[2], packed(2))
    assert await copies.get(HASHES[1], packed_digest(packed(1))) == packed(1)
    far.away = True
    for number in (0, 1):
        assert await copies.get(HASHES[number], packed_digest(packed(number))) == packed(number)
        assert copies.stamp(HASHES[number]) is not None
    with pytest.raises(StorageUnavailable):
        await copies.get(HASHES[2], packed_digest(packed(2)))
    assert (far.reads, copies.hits, copies.misses) == (2, 2, 2)


async def test_many_who_ask_at_once_fetch_it_once(far, tmp_path):
    copies = await opened(far, tmp_path)
    await far.put(HASHES[0], packed(0))
    digest = packed_digest(packed(0))
    answers = await asyncio.gather(*(copies.get(HASHES[0], digest) for _ in range(20)))
    assert (set(answers), far.reads) == ({packed(0)}, 1)


async def test_one_who_gives_up_does_not_end_the_fetch_of_others(far, tmp_path):
    copies = await opened(far, tmp_path)
    await far.put(HASHES[0], packed(0))
    digest = packed_digest(packed(0))
    first, second = [await begun(copies.get(HASHES[0], digest)) for _ in range(2)]
    first.cancel()
    assert await second == packed(0)
    assert first.cancelled() or first.cancelling()


async def test_the_copies_that_were_used_longest_ago_make_room(far, tmp_path):
    size = len(packed(0))
    copies = await opened(far, tmp_path, 3 * size)
    for number in range(3):
        await copies.put(HASHES[number], packed(number))
    await copies.get(HASHES[0], packed_digest(packed(0)))
    await copies.put(HASHES[3], packed(3))
    assert copies.bytes == 3 * size
    far.away = True
    kept = []
    for number in range(4):
        try:
            kept.append(await copies.get(HASHES[number], packed_digest(packed(number))) is not None)
        except StorageUnavailable:
            kept.append(False)
    assert kept == [True, False, True, True]


async def test_a_file_larger_than_the_limit_has_no_copy(far, tmp_path):
    copies = await opened(far, tmp_path, 1)
    await copies.put(HASHES[0], packed(0))
    assert await copies.get(HASHES[0], packed_digest(packed(0))) == packed(0)
    assert (copies.bytes, far.reads) == (0, 1)


async def test_a_torn_copy_is_fetched_again(far, tmp_path):
    copies = await opened(far, tmp_path)
    await copies.put(HASHES[0], packed(0))
    [path] = (tmp_path / "copies").rglob("*.torrent.gz")
    path.write_bytes(packed(0)[:-7])
    digest = packed_digest(packed(0))
    assert await copies.get(HASHES[0], digest) == packed(0)
    assert path.read_bytes() == packed(0)
    assert await copies.get(HASHES[0], digest) == packed(0)
    assert far.reads == 1


async def test_a_stale_copy_gives_way_to_what_is_there_now(far, tmp_path):
    copies = await opened(far, tmp_path)
    await copies.put(HASHES[0], packed(0))
    far.files[HASHES[0]] = packed(5)
    assert await copies.get(HASHES[0], packed_digest(packed(5))) == packed(5)
    assert await copies.get(HASHES[0], packed_digest(packed(0))) is None


async def test_asked_again_or_without_a_digest_the_far_store_is_asked(far, tmp_path):
    copies = await opened(far, tmp_path)
    await copies.put(HASHES[0], packed(0))
    far.files[HASHES[0]] = packed(5)
    assert await copies.get(HASHES[0]) == packed(5)
    assert await copies.get(HASHES[0], packed_digest(packed(0)), again=True) is None


async def test_what_is_removed_or_set_aside_has_no_copy(far, tmp_path):
    copies = await opened(far, tmp_path)
    for number in range(2):
        await copies.put(HASHES[number], packed(number))
    assert await copies.remove(HASHES[0])
    await copies.set_aside(HASHES[1])
    assert not list((tmp_path / "copies").rglob("*.torrent.gz"))
    assert copies.bytes == 0


async def test_a_new_process_finds_the_copies_and_keeps_their_limit(far, tmp_path):
    first = await opened(far, tmp_path)
    for number in range(4):
        await first.put(HASHES[number], packed(number))
    second = await opened(far, tmp_path, 2 * len(packed(0)))
    assert second.bytes == 2 * len(packed(0))
    assert len(list((tmp_path / "copies").rglob("*.torrent.gz"))) == 2


async def test_a_full_disk_only_means_that_there_are_fewer_copies(far, tmp_path, monkeypatch):
    copies = await opened(far, tmp_path)

    async def full(*_):
        raise StorageUnavailable("disk-full") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(copies._copies, "put", full)
    await copies.put(HASHES[0], packed(0))
    assert await copies.get(HASHES[0], packed_digest(packed(0))) == packed(0)
    assert copies.bytes == 0
