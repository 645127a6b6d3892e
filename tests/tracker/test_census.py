import gc
from datetime import date, timedelta

import pytest

from bittorrent.infohash import InfoHash
from tests.support.census import AMERICAN, DUTCH, GERMAN, OTHER, TORRENT, Bytes, open_census, traces
from tests.support.clock import DAY, NOON, Clock
from tracker.census import CensusTerms
from tracker.distinct_counter import EXACT
from tracker.journal_row import JournalRow
from tracker.model import Event

TODAY = date(1970, 1, 1) + timedelta(days=NOON // DAY)
V6 = (0x20, 0x01, 0x48, 0x60, 0x48, 0x60, 0, 0)


def americans(count: int) -> list[tuple[int, int, int, int]]:
    return [(8, 8, number >> 8, number & 255) for number in range(count)]


async def counted(tmp_path, make_store, actions):
    """The report of the day on which `actions` were done, after its end."""

    async with open_census(tmp_path / "data", make_store=make_store) as census:
        await actions(census)
        await census.pass_midnight()
        return await census.census.report(TORRENT)


async def test_peers_are_counted_by_country_most_first(tmp_path, make_store):
    async def actions(o):
        for number in range(3):
            o.announce((8, 8, 8, number))
        for number in range(2):
            o.announce((193, 0, 6, number), seeder=True)
        o.announce((10, 0, 0, 1))
        o.announce(GERMAN, OTHER)
        await o.flush()

    report = await counted(tmp_path, make_store, actions)

    assert (report.day, report.countries) == (TODAY, (("US", 3), ("NL", 2), ("ZZ", 1)))
    assert report.total == 6


async def test_countries_are_summed_over_all_torrents_once_the_day_is_closed(tmp_path, make_store):
    async with open_census(tmp_path / "data", make_store=make_store) as opened:
        opened.announce((8, 8, 8, 1))
        opened.announce((8, 8, 8, 1), OTHER)
        opened.announce(GERMAN, OTHER)
        await opened.flush()
        assert opened.census.countries is None
        await opened.pass_midnight()
        report = opened.census.countries
        assert (report.day, report.countries) == (TODAY, (("US", 2), ("DE", 1)))


async def test_an_address_counts_once_a_day_whatever_its_ports_and_however_often_it_comes(
    tmp_path, make_store
):
    async def actions(o):
        for minute in range(5):
            o.clock.now += 60
            o.announce(AMERICAN, port=1000 + minute)
            await o.flush()
        o.announce(AMERICAN, event=Event.STOPPED)
        await o.flush()

    assert (await counted(tmp_path, make_store, actions)).countries == (("US", 1),)


async def test_an_ipv6_network_of_64_bits_counts_as_one_address(tmp_path, make_store):
    async def actions(o):
        for host in range(1, 6):
            o.announce((*V6, 0, 0, 0, 0, 0, 0, 0, host))
        o.announce((*V6[:7], 1, 0, 0, 0, 0, 0, 0, 0, 1))
        await o.flush()

    assert (await counted(tmp_path, make_store, actions)).countries == (("US", 2),)


async def test_many_peers_are_estimated(tmp_path, make_store):
    async def actions(o):
        for host in americans(4 * EXACT):
            o.announce(host)
        await o.flush()

    assert (await counted(tmp_path, make_store, actions)).total == pytest.approx(4 * EXACT, rel=0.08)


async def test_who_was_silent_since_yesterday_is_not_seen_today(tmp_path, make_store):
    async with open_census(tmp_path / "data", make_store=make_store) as o:
        o.clock.now = (NOON // DAY + 1) * DAY - 600
        o.announce(AMERICAN)
        o.announce(DUTCH)
        await o.flush()
        await o.pass_midnight()
        o.announce(DUTCH)
        o.announce(GERMAN)
        await o.flush()
        await o.pass_midnight()
        first = await o.census.report(TORRENT, TODAY)
        second = await o.census.report(TORRENT)

    assert first.countries == (("NL", 1), ("US", 1))
    assert second.countries == (("DE", 1), ("NL", 1))


async def test_a_peer_of_the_last_seconds_of_a_day_counts_for_that_day(tmp_path, make_store):
    async def actions(o):
        o.clock.now = (NOON // DAY + 1) * DAY - 2
        o.announce(AMERICAN)

    assert (await counted(tmp_path, make_store, actions)).countries == (("US", 1),)


async def test_a_swarm_of_many_parts_is_counted_whole(tmp_path, make_store):
    async def actions(o):
        for host in americans(9_000):
            o.announce(host)
        await o.flush()

    assert (await counted(tmp_path, make_store, actions)).total == pytest.approx(9_000, rel=0.08)


async def test_a_day_that_is_not_closed_has_no_counts(tmp_path):
    async with open_census(tmp_path / "data") as o:
        o.announce(AMERICAN)
        await o.flush()
        days = TODAY, TODAY + timedelta(days=1), TODAY - timedelta(days=1), date.min, date.max
        reports = [await o.census.report(TORRENT, day) for day in days]
        latest = await o.census.report(TORRENT)

    assert all(report.countries == () for report in reports)
    assert (latest.day, latest.countries) == (TODAY - timedelta(days=1), ())


async def test_a_day_can_be_closed_early_and_the_rest_of_it_is_not_counted(tmp_path, make_store):
    async with open_census(tmp_path / "data", make_store=make_store) as o:
        o.announce(AMERICAN)
        await o.flush()
        ended = await o.census.end_day()
        o.announce(DUTCH)
        await o.flush()
        again = await o.census.end_day()
        early = await o.census.report(TORRENT)
        await o.pass_midnight()
        o.announce(GERMAN)
        await o.flush()
        await o.pass_midnight()
        later = await o.census.report(TORRENT)

    assert (ended, again) == (TODAY, None)
    assert (early.day, early.countries) == (TODAY, (("US", 1),))
    assert (later.day, later.countries) == (TODAY + timedelta(days=1), (("DE", 1),))


async def test_alive_is_who_had_a_peer_within_the_days_of_the_settings(tmp_path):
    terms = CensusTerms(alive_days=3)

    async with open_census(tmp_path / "data", terms=terms) as o:
        nobody = await o.census.alive([TORRENT, OTHER])
        o.announce(AMERICAN)
        await o.flush()
        alive = [await o.census.alive([TORRENT, OTHER])]
        for _ in range(3):
            await o.pass_midnight()
            alive.append(await o.census.alive([TORRENT, OTHER]))
        none_asked = await o.census.alive([])

    assert nobody == none_asked == frozenset()
    assert alive == [{TORRENT}, {TORRENT}, {TORRENT}, frozenset()]


async def test_what_is_older_than_the_settings_say_is_dropped(tmp_path):
    async with open_census(tmp_path / "data", terms=CensusTerms(keep_days=2)) as o:
        o.announce(AMERICAN)
        await o.flush()
        kept = []
        for _ in range(3):
            await o.pass_midnight()
            kept.append((await o.census.report(TORRENT, TODAY)).total)
        assert kept == [1, 1, 0]


async def test_a_blocked_torrent_is_forgotten(tmp_path):
    async with open_census(tmp_path / "data") as o:
        for infohash in (TORRENT, OTHER):
            o.announce(AMERICAN, infohash)
        await o.flush()
        await o.pass_midnight()
        for infohash in (TORRENT, OTHER):
            o.announce(AMERICAN, infohash)
        await o.flush()
        await o.census.forget([TORRENT])
        alive = await o.census.alive([TORRENT, OTHER])
        await o.pass_midnight()
        days = TODAY, TODAY + timedelta(days=1)
        assert (
            alive,
            [(await o.census.report(hash_, day)).total for hash_ in (TORRENT, OTHER) for day in days],
        ) == ({OTHER}, [0, 0, 1, 1])


# Restarts


@pytest.mark.parametrize("ends", ["while it is open", "after it"])
async def test_a_restart_goes_on_with_the_day(tmp_path, ends):
    clock, random = Clock(), Bytes()

    async with open_census(tmp_path / "data", clock, random=random) as o:
        o.announce(AMERICAN)
        o.announce(DUTCH)
        await o.flush()
    if ends == "after it":
        clock.now += DAY
    async with open_census(tmp_path / "data", clock, random=random) as o:
        if ends == "while it is open":
            o.announce(AMERICAN)
            o.announce(GERMAN)
            await o.flush()
            await o.pass_midnight()
        countries = (await o.census.report(TORRENT, TODAY)).countries

    assert countries == ((("NL", 1), ("US", 1)) if ends == "after it" else (("DE", 1), ("NL", 1), ("US", 1)))


async def test_a_close_that_was_cut_short_is_done_again(tmp_path, monkeypatch):
    clock, random = Clock(), Bytes()

    async with open_census(tmp_path / "data", clock, random=random) as o:
        o.announce(AMERICAN)
        o.announce(DUTCH, OTHER)
        await o.flush()

        async def fail(*_):
            raise OSError("disk on fire")

        with monkeypatch.context() as patch:
            patch.setattr(o.store, "close_day", fail)
            with pytest.raises(OSError, match="fire"):
                await o.pass_midnight()
        hidden = await o.census.report(TORRENT, TODAY)
    async with open_census(tmp_path / "data", clock, random=random) as o:
        first, second = await o.census.report(TORRENT), await o.census.report(OTHER)

    assert hidden.countries == ()
    assert (first.day, first.countries, second.countries) == (TODAY, (("US", 1),), (("NL", 1),))


async def test_what_could_not_be_written_is_written_with_the_next_flush(tmp_path, monkeypatch):
    async with open_census(tmp_path / "data") as o:
        o.announce(AMERICAN)

        async def fail(*_):
            raise OSError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(o.store, "write", fail)
            with pytest.raises(OSError, match="full"):
                await o.flush()
        await o.flush()
        assert await o.store.size() == 1


async def test_counters_that_left_memory_are_read_again(tmp_path):
    async with open_census(tmp_path / "data", terms=CensusTerms(memory=2_000)) as o:
        hashes = [InfoHash(bytes([number]) * 20) for number in range(60)]
        for host in (AMERICAN, DUTCH, AMERICAN, (8, 8, 4, 4)):
            o.clock.now += 60
            for infohash in hashes:
                o.announce(host, infohash)
            await o.flush()
            assert o.census._counters._weight <= 2_000
        await o.pass_midnight()
        assert ({(await o.census.report(infohash)).countries for infohash in hashes}) == {
            (("US", 2), ("NL", 1))
        }


async def test_beyond_the_cap_new_counters_are_left_out_and_that_is_counted(tmp_path):
    async with open_census(tmp_path / "data", terms=CensusTerms(max_counters=1)) as o:
        o.announce(AMERICAN)
        await o.flush()
        o.announce(DUTCH, OTHER)
        o.announce((8, 8, 4, 4))
        await o.flush()
        uncounted = o.census.uncounted
        await o.pass_midnight()
        assert (uncounted, (await o.census.report(TORRENT)).total, (await o.census.report(OTHER)).total) == (
            1,
            2,
            0,
        )


async def test_damaged_rows_are_passed_over(tmp_path):
    async with open_census(tmp_path / "data") as o:
        await o.census.observe([JournalRow(TORRENT, 0, b"junk"), JournalRow(OTHER, 0, None)])
        assert await o.store.size() == 0


async def test_a_census_that_is_off_counts_nothing_and_ends_the_day_that_was_begun(tmp_path):
    clock, random = Clock(), Bytes()

    async with open_census(tmp_path / "data", clock, random=random) as o:
        o.announce(AMERICAN)
        await o.flush()
    off = CensusTerms(enabled=False)
    async with open_census(tmp_path / "data", clock, terms=off, random=random) as o:
        o.announce(DUTCH)
        await o.flush()
        await o.pass_midnight()
        report, keys = await o.census.report(TORRENT), list(o.folder.secrets.iterdir())

    assert (report.countries, keys) == ((("US", 1),), [])


# Clocks


@pytest.mark.parametrize("back", [1, 5, 3_600, DAY // 2])
async def test_a_clock_that_is_set_back_within_the_day_changes_no_count(tmp_path, make_store, back):
    async def actions(o):
        o.clock.now += DAY // 4
        o.announce(AMERICAN)
        await o.flush()
        o.clock.now -= back
        o.announce(DUTCH)
        await o.flush()
        o.clock.now += 10
        o.announce(AMERICAN)
        await o.flush()

    assert (await counted(tmp_path, make_store, actions)).countries == (("NL", 1), ("US", 1))


async def test_a_clock_that_is_set_back_over_midnight_opens_no_closed_day(tmp_path):
    async with open_census(tmp_path / "data") as o:
        o.announce(AMERICAN)
        await o.flush()
        await o.pass_midnight()
        o.clock.now -= 60
        o.announce(DUTCH)
        await o.flush()
        o.clock.now += 60
        o.announce(GERMAN)
        await o.flush()
        await o.pass_midnight()
        assert (
            (await o.census.report(TORRENT, TODAY)).countries,
            (await o.census.report(TORRENT)).countries,
        ) == ((("US", 1),), (("DE", 1),))


async def test_a_day_of_a_clock_that_was_years_ahead_never_was(tmp_path):
    async with open_census(tmp_path / "data") as o:
        o.announce(AMERICAN)
        await o.flush()
        o.clock.now += 3_000 * DAY
        o.announce(DUTCH)
        await o.flush()
        o.clock.now -= 2_999 * DAY
        o.announce(GERMAN)
        await o.flush()
        await o.pass_midnight()
        first, second = [await o.census.report(TORRENT, TODAY), await o.census.report(TORRENT)]

    assert first.countries == (("US", 1),)
    assert (second.day, ("DE", 1) in second.countries) == (TODAY + timedelta(days=1), True)


# Privacy


async def test_the_key_of_the_day_is_a_secret_file_and_is_gone_when_the_day_is(tmp_path):
    async with open_census(tmp_path / "data") as o:
        key = o.folder.secrets / f"census-{NOON // DAY}"
        mode = key.stat().st_mode & 0o777
        o.announce(AMERICAN)
        await o.flush()
        before = key.read_bytes()
        await o.pass_midnight()
        given, left = o.random.given, traces(tmp_path, [before])

    assert (mode, before, left) == (0o600, given[0], [])
    assert given[1] != given[0]


@pytest.mark.parametrize("ends", ["in service", "while it was down", "by the operator"])
async def test_no_hash_is_left_in_the_files_when_the_day_is_over(tmp_path, make_store, ends):
    clock, random = Clock(), Bytes()

    async with open_census(tmp_path / "data", clock, random=random, make_store=make_store) as o:
        for round_ in range(4):
            clock.now += 60
            for host in americans(100 * (round_ + 1)):
                o.announce(host)
            for number in range(200):
                o.announce(AMERICAN, InfoHash(number.to_bytes(20, "big")))
            await o.flush()
        counters = await o.store.page(b"", 1000)
        hashes = [bytes(payload[1:9]) for _, payload in counters if payload[0] == 1]
        sketches = [payload[-64:] for _, payload in counters if payload[0] == 2]
        assert len(hashes) == 200
        assert len(sketches) == 1
        needles = hashes + sketches
        assert len({needle for _, needle in traces(tmp_path, needles)}) == 201
        if ends == "in service":
            await o.pass_midnight()
        elif ends == "by the operator":
            await o.census.end_day()
        assert (traces(tmp_path, needles) == []) == (ends != "while it was down")
    clock.now += DAY
    async with open_census(tmp_path / "data", clock, random=random, make_store=make_store):
        assert traces(tmp_path, needles) == []


async def test_a_reader_in_the_way_postpones_the_wiping_to_the_next_flush(tmp_path, monkeypatch):
    async with open_census(tmp_path / "data") as o:
        asked = []

        async def busy():
            asked.append(True)
            return len(asked) > 1

        monkeypatch.setattr(o.store, "wipe", busy)
        await o.pass_midnight()
        assert len(asked) == 1
        await o.flush()
        await o.flush()
        assert len(asked) == 2


async def test_no_address_is_in_the_counters_and_two_torrents_share_no_hash(tmp_path):
    async with open_census(tmp_path / "data") as o:
        for infohash in (TORRENT, OTHER):
            o.announce(AMERICAN, infohash)
        await o.flush()
        first, second = [payload for _, payload in await o.store.page(b"", 10)]

    assert first != second
    assert bytes(AMERICAN) not in first + second


async def test_two_days_share_no_hash(tmp_path):
    async with open_census(tmp_path / "data") as o:
        payloads = []
        for _ in range(2):
            o.announce(AMERICAN)
            await o.flush()
            payloads += [payload for _, payload in await o.store.page(b"", 10)]
            await o.pass_midnight()
        assert len(set(payloads)) == 2


async def test_garbage_collections_do_not_look_at_counters_of_few_peers(tmp_path):
    async with open_census(tmp_path / "data") as o:
        for number in range(60):
            o.announce(AMERICAN, InfoHash(bytes([number]) * 20))
        await o.flush()
        kept = o.census._counters._kept
        assert len(kept) == 60
        assert not any(gc.is_tracked(part) for pair in kept.items() for part in pair)
