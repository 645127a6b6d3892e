"""The benchmarks of the store, at sizes that take no time: their figures are of what they claim to measure."""

import pytest

from benchmarks.naive import NaiveSwarms
from benchmarks.swarms import STORES, announcer, measure_growth, measure_memory
from bittorrent.infohash import InfoHash

HASH = InfoHash(bytes(20))


@pytest.mark.parametrize("name", STORES)
def test_growth_and_memory_are_measured_for_every_store(name: str) -> None:
    steps = list(measure_growth(name, (10, 100), announces=50))
    assert [step["size"] for step in steps] == [10, 100]
    assert all(step["us"] > 0 for step in steps)
    assert measure_memory(name, 3, 2)["seconds"] > 0


def test_peers_differ_in_address_and_half_of_them_seed() -> None:
    peers = [announcer(HASH, index, 0) for index in range(1000)]
    assert len({peer.peer[:4] for peer in peers}) == 1000
    assert sum(peer.seeder for peer in peers) == 500


def test_the_naive_store_gives_each_its_peers() -> None:
    naive = NaiveSwarms()
    for index in range(60):
        naive.announce(announcer(HASH, index, 0), 1)
    assert len(naive.announce(announcer(HASH, 0, 50), 1)) == 6 * 50
    assert len(naive.announce(announcer(HASH, 1, 50), 1)) == 6 * 30
