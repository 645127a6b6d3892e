"""Contract of every census store."""

import pytest

from bittorrent.infohash import InfoHash
from storage.census import SqlCensus
from tracker.census_store import Count, OpenDay

ONE, TWO, THREE = (InfoHash(bytes([number]) * 20) for number in (1, 2, 3))
US, NL, DE = (bytes(ONE) + b"US", bytes(ONE) + b"NL", bytes(TWO) + b"DE")


@pytest.fixture
async def census(swarms):
    await swarms.overwrite_deleted()
    return SqlCensus(swarms)


async def test_a_day_is_opened_once_and_not_again_after_it_was_closed(census):
    assert await census.open_day() is None
    assert await census.begin(OpenDay(10, 100))
    assert await census.begin(OpenDay(10, 999))
    assert await census.open_day() == OpenDay(10, 100)
    await census.close_day(10, 0)
    assert await census.open_day() is None
    assert not await census.begin(OpenDay(10, 100))
    assert await census.begin(OpenDay(11, 200))


async def test_tallies_are_replaced_and_found_by_name_and_in_pages(census):
    await census.begin(OpenDay(10, 0))
    await census.write(OpenDay(10, 50), [(US, b"first"), (NL, b"nl"), (DE, b"de")])
    await census.write(OpenDay(10, 60), [(US, b"second")])
    assert await census.open_day() == OpenDay(10, 60)
    assert await census.size() == 3
    other = bytes(THREE) + b"US"
    # The hash of one and the country of another name no tally.
    crossed = bytes(TWO) + b"US"
    assert sorted(await census.read([US, DE, other, crossed])) == [(US, b"second"), (DE, b"de")]
    assert await census.read([]) == []
    assert await census.page(bytes(22), 2) == [(NL, b"nl"), (US, b"second")]
    assert await census.page(US, 2) == [(DE, b"de")]


async def test_closing_a_day_deletes_its_tallies_and_counts_out_of_range(census):
    for day in (8, 9, 10, 12):
        await census.write_counts(day, [Count(ONE, "US", day)])
    await census.begin(OpenDay(10, 0))
    await census.write(OpenDay(10, 1), [(US, b"x")])
    await census.close_day(10, 9)
    assert await census.size() == 0
    await census.begin(OpenDay(12, 0))
    assert await census.last_closed(99) == 10
    assert await census.last_closed(9) is None
    assert await census.counts(ONE, 10) == [("US", 10)]
    assert not await census.seen([ONE], 0, 8)
    assert not await census.seen([ONE], 11, 99)


async def test_countries_of_a_day_are_summed_over_all_torrents(census):
    await census.write_counts(
        10, [Count(ONE, "US", 1), Count(ONE, "NL", 5), Count(TWO, "US", 4), Count(TWO, "DE", 5)]
    )
    await census.write_counts(11, [Count(ONE, "US", 100)])
    assert await census.countries(10) == [("DE", 5), ("NL", 5), ("US", 5)]
    assert await census.countries(9) == []


async def test_counts_are_replaced_and_sorted_by_number_then_country(census):
    await census.begin(OpenDay(10, 0))
    await census.write_counts(10, [Count(ONE, "US", 1), Count(ONE, "NL", 5), Count(ONE, "DE", 5)])
    await census.write_counts(10, [Count(ONE, "US", 9)])
    assert await census.counts(ONE, 10) == []  # the day is open
    await census.close_day(10, 0)
    assert await census.counts(ONE, 10) == [("US", 9), ("DE", 5), ("NL", 5)]
    assert await census.counts(InfoHash(bytes(ONE) + b"\x07" * 12), 10) == [("US", 9), ("DE", 5), ("NL", 5)]
    assert await census.counts(TWO, 10) == []


async def test_a_torrent_is_seen_by_counts_of_a_range_of_days_or_by_a_tally(census):
    await census.begin(OpenDay(10, 0))
    await census.write(OpenDay(10, 1), [(DE, b"x")])
    await census.write_counts(5, [Count(ONE, "US", 1)])
    assert await census.seen([ONE, TWO, THREE], 5, 6) == {ONE, TWO}
    assert await census.seen([ONE, TWO, THREE], 6, 9) == {TWO}
    assert await census.seen([], 0, 99) == frozenset()


async def test_a_forgotten_torrent_and_a_discarded_day_leave_nothing(census):
    await census.begin(OpenDay(10, 0))
    await census.write(OpenDay(10, 1), [(US, b"x"), (DE, b"y")])
    await census.write_counts(9, [Count(ONE, "US", 1), Count(TWO, "DE", 1)])
    await census.forget([ONE])
    assert await census.seen([ONE, TWO], 0, 99) == {TWO}
    assert await census.page(bytes(22), 9) == [(DE, b"y")]
    await census.discard_day(10)
    assert await census.open_day() is None
    assert await census.size() == 0
    assert await census.seen([TWO], 0, 99) == {TWO}
    await census.discard_day(9)
    assert not await census.seen([TWO], 0, 99)
