import gc

import pytest

from actions.swarm_stats_sync import SwarmStatsLimits, SwarmStatsSync
from bittorrent.infohash import InfoHash
from catalogue.model import SwarmStats
from tracker.journal_row import JournalRow
from tracker.model import Counts


def infohash(number):
    return InfoHash(number.to_bytes(20, "big"))


def rows(*numbers):
    return [JournalRow(infohash(number), part, b"") for number in numbers for part in (0, 1)]


class Catalogue:
    def __init__(self):
        self.written = []
        self.broken = False

    async def update_swarm_stats(self, stats):
        if self.broken:
            raise OSError("the disk is full")
        self.written.append(dict(stats))


def scrape(name):
    return Counts(complete=name[-1], downloaded=name[-1] + 2, incomplete=name[-1] + 1, downloaders=0)


async def test_changed_swarms_are_written_once_each_as_they_are_now():
    catalogue = Catalogue()
    await SwarmStatsSync(catalogue, scrape).update(rows(1, 2, 1))
    assert catalogue.written == [{infohash(1): SwarmStats(1, 2, 3), infohash(2): SwarmStats(2, 3, 4)}]


async def test_a_flush_writes_a_bounded_part_and_the_longest_waiting_first():
    catalogue = Catalogue()
    noted = SwarmStatsSync(catalogue, scrape, SwarmStatsLimits(per_flush=3))
    await noted.update(rows(1, 2, 3, 4, 5))
    assert noted.waiting == 2
    await noted.update(rows(6, 4))
    await noted.update([])
    assert noted.waiting == 0
    assert [[name[-1] for name in part] for part in catalogue.written] == [[1, 2, 3], [4, 5, 6]]


async def test_what_waits_is_bounded():
    noted = SwarmStatsSync(Catalogue(), scrape, SwarmStatsLimits(per_flush=1, waiting=4))
    for _ in range(3):
        await noted.update(rows(*range(10)))
        assert noted.waiting == 3


async def test_what_could_not_be_written_waits_again():
    catalogue = Catalogue()
    noted = SwarmStatsSync(catalogue, scrape)
    catalogue.broken = True
    with pytest.raises(OSError, match="full"):
        await noted.update(rows(1))
    catalogue.broken = False
    await noted.update(rows(2))
    assert catalogue.written == [{infohash(1): SwarmStats(1, 2, 3), infohash(2): SwarmStats(2, 3, 4)}]


async def test_garbage_collections_do_not_look_at_what_waits():
    noted = SwarmStatsSync(Catalogue(), scrape, SwarmStatsLimits(per_flush=1))
    await noted.update(rows(*range(10)))
    assert noted.waiting == 9
    assert not any(map(gc.is_tracked, noted._waiting))


async def test_a_part_that_could_not_be_written_waits_again_alone():
    catalogue = Catalogue()
    noted = SwarmStatsSync(catalogue, scrape, SwarmStatsLimits(at_once=2))
    write = catalogue.update_swarm_stats

    async def write_and_break(stats):
        await write(stats)
        catalogue.broken = True

    catalogue.update_swarm_stats = write_and_break
    with pytest.raises(OSError, match="full"):
        await noted.update(rows(1, 2, 3, 4, 5))
    assert [[name[-1] for name in part] for part in catalogue.written] == [[1, 2]]
    assert noted.waiting == 3
