"""What every store of figures promises."""

import asyncio

import pytest

from bittorrent.infohash import InfoHash
from catalogue.model import SwarmStats
from storage.figures import SqlFigures
from tests.contracts.stores import BACKENDS
from tests.support.catalogue import hash_of, open_catalogue
from tests.support.clock import Clock
from tracker.figure_history import (
    DAY,
    DAYS,
    FRESH,
    SPANS,
    FigureHistory,
    Figures,
    Growth,
    Sample,
    Span,
    SwarmDay,
    WorkingSample,
    growth,
)

MINUTES = Span("short", 60, 3)


def figures(number):
    return Figures(*(each * number for each in range(1, 9)))


@pytest.fixture
async def library(tmp_path):
    async with open_catalogue(tmp_path) as library:
        yield library


async def test_a_ring_keeps_as_many_samples_as_it_has_points(library):
    store = SqlFigures(library.database)
    for minute in range(10):
        await store.put(Sample(60 * minute + 5, figures(minute)), [MINUTES])
    found = await store.samples(MINUTES, 0)
    assert found == [Sample(60 * minute + 5, figures(minute)) for minute in (7, 8, 9)]
    assert await store.samples(MINUTES, 540) == found[-1:]
    assert await library.count("figure_sample") == 3


async def test_figures_beyond_the_database_are_its_largest(library):
    store = SqlFigures(library.database)
    await store.put(Sample(0, Figures(1, 2**80, 1, 1, 1)), [MINUTES])
    assert (await store.samples(MINUTES, 0))[0].figures.size == 2**63 - 1


async def test_torrents_are_kept_by_day_those_with_most_seeders_first(library):
    store, many = SqlFigures(library.database), {}
    for number, name in enumerate("abc"):
        await library.enter(name)
        many[hash_of(name)] = SwarmStats(number, 7, 0)
    await library.store.statistics.update_swarm_stats(many)
    ids = {
        name: (await library.store.torrents.torrent(hash_of(name), library.everything)).id for name in "abc"
    }
    await store.put_day(100, 1)
    assert [await store.days(ids[name], 0) for name in "abc"] == [[], [], [SwarmDay(100, 2, 7)]]
    await store.put_day(101, 10)
    await store.put_day(100 + DAYS, 10)
    assert await store.days(ids["a"], 0) == []
    assert await store.days(ids["b"], 0) == [SwarmDay(101, 1, 7), SwarmDay(100 + DAYS, 1, 7)]
    assert [each.day for each in await store.days(ids["c"], 102)] == [100 + DAYS]
    await library.store.torrents.remove([InfoHash(hash_of("c"))])
    assert await store.days(ids["c"], 0) == []


async def test_a_history_samples_each_step_once_and_is_bounded_over_a_year(library):
    clock, taken = Clock(0.0), []

    async def take():
        taken.append(clock.now)
        return figures(len(taken))

    history = FigureHistory(SqlFigures(library.database), take, clock)
    for hour in range(24 * 3):
        clock.now = 3600.0 * hour + 7
        await history.sample()
        await history.sample()
    spans = {span.name: span for span in SPANS}
    assert [each.time for each in await history.series(spans["year"])] == [DAY * day + 7 for day in range(3)]
    month = await history.series(spans["month"])
    assert [each.time % (3 * 3600) for each in month] == [7] * 24
    assert await library.count("figure_sample") <= sum(span.points for span in SPANS)
    assert (await history.latest()) == figures(len(taken))
    counted = len(taken)
    clock.now += FRESH
    assert (await history.latest()) == figures(counted)
    clock.now += 1
    assert (await history.latest()) == figures(counted + 1)


def test_there_is_an_engine():
    assert BACKENDS


async def test_a_sample_that_cannot_be_taken_is_reported_and_the_next_minute_has_one(library):
    failures, taken = [], asyncio.Event()

    async def take():
        if not failures:
            raise OSError("the disk is full")
        taken.set()
        return figures(1)

    history = FigureHistory(SqlFigures(library.database), take, lambda: 59.999, failures.append)
    running = asyncio.create_task(history.run())
    async with asyncio.timeout(30):
        await taken.wait()
    running.cancel()
    assert [str(each) for each in failures] == ["the disk is full"]


async def test_workings_are_kept_in_rings_by_name_and_what_is_nought_is_left_out(library):
    store = SqlFigures(library.database)
    for minute in range(10):
        numbers = {"uploads": minute, "disk": 2**80, "flush": 0} | ({"old": 1} if minute < 2 else {})
        await store.put_workings(WorkingSample(60 * minute + 5, numbers), [MINUTES])
    await store.put_workings(WorkingSample(605, {"flush": 0}), [MINUTES])
    found = await store.workings(MINUTES, 425)
    assert found == [
        WorkingSample(60 * minute + 5, {"disk": 2**63 - 1, "uploads": minute}) for minute in (7, 8, 9)
    ]
    # A name that comes no more leaves its last rows behind, as many as the ring has slots.
    assert await library.count("working_sample") <= 3 * 3


async def test_a_history_keeps_how_the_service_works_beside_its_figures(library):
    clock, counted = Clock(0.0), {"uploads": 0}

    async def take():
        return figures(1)

    async def work():
        counted["uploads"] += 5
        return counted

    history = FigureHistory(SqlFigures(library.database), take, clock, work=work)
    for minute in range(3):
        clock.now = 60.0 * minute
        await history.sample()
    samples = await history.workings(SPANS[0])
    assert [each.numbers["uploads"] for each in samples] == [5, 10, 15]
    assert growth(samples, "uploads") == [Growth(60, 5, 60), Growth(120, 5, 60)]
    assert len(await history.workings(SPANS[1])) == 1


def test_a_count_that_is_smaller_began_anew():
    samples = [
        WorkingSample(60 * at, {"uploads": each} if each else {}) for at, each in enumerate((7, 9, 2, 0, 4))
    ]
    assert [each.number for each in growth(samples, "uploads")] == [2, 2, 0, 4]
    assert growth(samples[:1], "uploads") == growth([], "x") == []
