import asyncio

import pytest

from actions import figures
from actions.figures import SwarmFigures
from bittorrent.infohash import InfoHash
from catalogue.model import Figures
from tracker.model import Counts
from tracker.row import Row


def infohash(number):
    return InfoHash(number.to_bytes(20, "big"))


def rows(*numbers):
    return [Row(infohash(number), part, b"") for number in numbers for part in (0, 1)]


class Catalogue:
    def __init__(self):
        self.written = []
        self.broken = False

    async def refresh(self, figures):
        if self.broken:
            raise OSError("the disk is full")
        self.written.append(dict(figures))


def scrape(name):
    return Counts(complete=name[-1], downloaded=name[-1] + 2, incomplete=name[-1] + 1, downloaders=0)


def test_changed_swarms_are_written_once_each_as_they_are_now():
    catalogue = Catalogue()
    asyncio.run(SwarmFigures(catalogue, scrape).note(rows(1, 2, 1)))
    assert catalogue.written == [{infohash(1): Figures(1, 2, 3), infohash(2): Figures(2, 3, 4)}]


def test_a_flush_writes_a_bounded_part_and_the_longest_waiting_first(monkeypatch):
    monkeypatch.setattr(figures, "MOST_PER_FLUSH", 3)
    catalogue = Catalogue()

    async def run():
        noted = SwarmFigures(catalogue, scrape)
        await noted.note(rows(1, 2, 3, 4, 5))
        assert noted.waiting == 2
        await noted.note(rows(6, 4))
        await noted.note([])
        assert noted.waiting == 0

    asyncio.run(run())
    assert [[name[-1] for name in part] for part in catalogue.written] == [[1, 2, 3], [4, 5, 6], []]


def test_what_waits_is_bounded(monkeypatch):
    monkeypatch.setattr(figures, "MOST_PER_FLUSH", 1)
    monkeypatch.setattr(figures, "MOST_WAITING", 4)

    async def run():
        noted = SwarmFigures(Catalogue(), scrape)
        for _ in range(3):
            await noted.note(rows(*range(10)))
            assert noted.waiting == 3

    asyncio.run(run())


def test_what_could_not_be_written_waits_again():
    catalogue = Catalogue()

    async def run():
        noted = SwarmFigures(catalogue, scrape)
        catalogue.broken = True
        with pytest.raises(OSError, match="full"):
            await noted.note(rows(1))
        catalogue.broken = False
        await noted.note(rows(2))

    asyncio.run(run())
    assert catalogue.written == [{infohash(1): Figures(1, 2, 3), infohash(2): Figures(2, 3, 4)}]
