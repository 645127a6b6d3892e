"""Contract of every Blobs implementation."""

import asyncio
import gzip
import random

import pytest

from bittorrent.infohash import InfoHash
from cache.compression import pack
from cache.record import StoredFile
from tests.contracts.stores import BLOBS

pytestmark = pytest.mark.parametrize("opener", BLOBS.values(), ids=BLOBS)

HASH = InfoHash(bytes(range(20)))
OTHER = InfoHash(bytes(range(1, 21)))


async def test_bytes_come_back_packed_by_gzip_and_put_returns_their_size(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        stored = await blobs.put(HASH, pack(b"d4:infode"))
        packed = await blobs.get(HASH)
        assert gzip.decompress(packed) == b"d4:infode"
        assert stored == StoredFile.of(packed)


async def test_the_first_bytes_of_a_hash_stay(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        first = await blobs.put(HASH, pack(b"first"))
        assert await blobs.put(HASH, pack(b"another, longer than the first")) == first
        assert gzip.decompress(await blobs.get(HASH)) == b"first"


async def test_equal_bytes_pack_to_equal_bytes(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        await blobs.put(HASH, pack(b"same" * 1000))
        await blobs.put(OTHER, pack(b"same" * 1000))
        assert await blobs.get(HASH) == await blobs.get(OTHER)


async def test_a_missing_file_is_none(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        assert await blobs.get(HASH) is None
        assert await blobs.remove(HASH) is False
        assert [batch async for batch in blobs.walk()] == []


async def test_a_removed_file_is_gone_and_can_be_put_again(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        await blobs.put(HASH, pack(b"first"))
        assert await blobs.remove(HASH) is True
        assert await blobs.get(HASH) is None
        await blobs.put(HASH, pack(b"second"))
        assert gzip.decompress(await blobs.get(HASH)) == b"second"


async def test_walking_yields_every_hash_once_in_ascending_order(opener, tmp_path):
    source = random.Random(7)
    hashes = [InfoHash(source.randbytes(20)) for _ in range(40)]
    # Neighbours share folders.
    hashes += [InfoHash(hashes[0][:2] + source.randbytes(18)) for _ in range(10)]

    async with opener(tmp_path) as blobs:
        for infohash in hashes:
            await blobs.put(infohash, pack(infohash))
        walked = [infohash async for batch in blobs.walk() for infohash in batch]
        assert walked == sorted(hashes)


async def test_many_puts_of_one_hash_at_once_keep_one_of_them_whole(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        stored = await asyncio.gather(*(blobs.put(HASH, pack(bytes([n]) * (n + 1) * 50)) for n in range(12)))
        packed = await blobs.get(HASH)
        assert set(stored) == {StoredFile.of(packed)}
        content = gzip.decompress(packed)
        assert content == bytes([content[0]]) * (content[0] + 1) * 50


async def test_free_disk_is_a_number_of_bytes(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        assert await blobs.free() > 0


async def test_bytes_of_another_digest_are_none_and_stay(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        stored = await blobs.put(HASH, pack(b"right"))
        packed = await blobs.get(HASH)
        assert await blobs.get(HASH, stored.digest) == packed
        assert await blobs.get(HASH, stored.digest, again=True) == packed
        assert await blobs.get(HASH, bytes(16), again=True) is None
        assert await blobs.get(HASH) == packed


async def test_what_is_set_aside_is_gone_and_can_be_stored_anew(opener, tmp_path):
    async with opener(tmp_path) as blobs:
        await blobs.put(HASH, pack(b"bad"))
        await blobs.set_aside(HASH)
        await blobs.set_aside(OTHER)
        assert await blobs.get(HASH) is None
        assert [each async for each in blobs.walk()] in ([], [[]])
        await blobs.put(HASH, pack(b"good"))
        assert gzip.decompress(await blobs.get(HASH)) == b"good"
