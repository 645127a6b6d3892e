from ipaddress import ip_network

import pytest

from bittorrent.refusal import Refusal
from bittorrent.shares import ShareTerms
from cache.quota import Quota
from cache.storage_shares import StorageShares
from cache.torrents import TorrentCache
from storage.memory import MemoryBlobs, MemoryCacheRecords
from tests.support.clock import Clock
from tests.support.torrents import parsed, v1_torrent

HOG, OTHER = bytes([10, 0, 0, 1]), bytes([10, 1, 0, 1])
KEY = bytes(16)
DAY = 86_400


def cache_of(quota: Quota, clock: Clock, terms: ShareTerms) -> TorrentCache:
    shares = StorageShares(terms, KEY, clock)
    return TorrentCache(MemoryBlobs(), MemoryCacheRecords(), quota, clock, shares)


async def fill(cache: TorrentCache, address: bytes, name: str) -> tuple[int, str]:
    """Add torrents until one is refused; return how many were stored, and the refusal's code."""
    for number in range(200):
        data = v1_torrent(f"{name} {number}")
        try:
            await cache.add(parsed(data), data, address)
        except Refusal as refusal:
            return number, refusal.code
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize("quota", [Quota(100, 10**9, 0), Quota(10**6, 20_000, 0)], ids=["files", "bytes"])
async def test_near_the_quota_the_address_that_filled_it_is_refused_alone(quota):
    cache = cache_of(quota, Clock(), ShareTerms())
    stored, code = await fill(cache, HOG, "hog")
    assert stored > 0
    assert code == "cache-share"
    data = v1_torrent("other")
    assert (await cache.add(parsed(data), data, OTHER)).new
    again = v1_torrent("hog 0")
    assert not (await cache.add(parsed(again), again, HOG)).new


async def test_below_the_quota_and_for_who_is_exempt_or_has_no_address_nothing_binds():
    exempt = ShareTerms(exempt=(ip_network("10.0.0.0/16"),))
    for address in (HOG, None):
        cache = cache_of(Quota(50, 10**9, 0), Clock(), exempt)
        for number in range(50):
            data = v1_torrent(str(number))
            assert (await cache.add(parsed(data), data, address)).new


async def test_what_was_stored_counts_less_with_every_day():
    clock = Clock()
    cache = cache_of(Quota(100, 10**9, 0), clock, ShareTerms())
    assert await fill(cache, HOG, "hog") == (80, "cache-share")
    clock.now += 6 * DAY
    stored, _ = await fill(cache, HOG, "again")
    assert stored > 0
    clock.now -= 100 * DAY
    data = v1_torrent("last")
    await cache.add(parsed(data), data, OTHER)
