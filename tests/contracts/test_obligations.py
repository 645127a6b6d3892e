"""Contract of what accounts owe and of their points: rows stand as the rules say, and no second is rewarded twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from storage.bonus import SqlBonus
from storage.credit import SqlCredit
from storage.ledger import SqlLedger
from storage.obligations import SqlObligations
from storage.schema import PEERAGE
from tests.support.catalogue_rows import add_torrent
from tracker.bonus import GIB, BonusFormula, SeededTorrent
from tracker.ledger import BatchNumber
from tracker.obligations import Obligation, ObligationRules
from tracker.sessions import LARGEST, LastTotals, SessionDelta

NOW = 1_800_000_000
HASH, OTHER = InfoHash(b"h" * 20), InfoHash(b"o" * 20)
HOUR, DAY = 3600, 86_400
RULES = ObligationRules(seed_time=10 * HOUR, ratio=1.5, grace=DAY)


@pytest.fixture
async def database(backend, tmp_path):
    opened = await backend.open(tmp_path, PEERAGE)
    try:
        yield opened
    finally:
        await opened.close()


async def book(database, up=0, down=0, *, seeded=0, completed=0, seen=NOW, infohash=HASH, account=7):
    last = LastTotals(up, down, seen, True, bool(completed))
    moved = SessionDelta(account, infohash, b"p" * 20, up, down, seeded, completed, 0, last)
    ledger = SqlLedger(database)
    assert await ledger.write(BatchNumber(0, await ledger.begin_epoch(0), 1), [moved])


async def kind_of(database, rules=RULES, now=NOW):
    (standing,), total = await SqlObligations(database).standings(7, rules, now, 0, 9)
    assert total == 1
    counts = await SqlObligations(database).counts(7, rules, now)
    assert counts == {standing.obligation: 1}
    return standing


@pytest.mark.parametrize(
    ("moved", "away", "expected"),
    [
        ({"down": 100}, 9 * DAY, Obligation.NONE),
        ({"down": 100, "completed": 1}, 0, Obligation.OWED),
        ({"down": 100, "completed": 1}, DAY, Obligation.OWED),
        ({"down": 100, "completed": 1}, DAY + 1, Obligation.BROKEN),
        ({"down": 100, "completed": 1, "seeded": 10 * HOUR - 1}, DAY + 1, Obligation.BROKEN),
        ({"down": 100, "completed": 1, "seeded": 10 * HOUR}, 9 * DAY, Obligation.MET),
        ({"down": 2000, "completed": 1, "up": 2999}, 9 * DAY, Obligation.BROKEN),
        ({"down": 2000, "completed": 1, "up": 3000}, 9 * DAY, Obligation.MET),
        ({"down": LARGEST, "completed": 1, "up": LARGEST}, 9 * DAY, Obligation.BROKEN),
    ],
)
async def test_a_row_stands_as_the_rules_say(database, moved, away, expected):
    await book(database, **moved)
    standing = await kind_of(database, now=NOW + away)
    assert standing.obligation is expected
    owes = expected in (Obligation.OWED, Obligation.BROKEN)
    assert standing.owed == (10 * HOUR - moved.get("seeded", 0) if owes else 0)
    assert standing.until == (NOW + DAY if owes else 0)


async def test_without_a_time_nothing_is_owed_and_without_a_ratio_only_time_counts(database):
    await book(database, 9000, 100, completed=1)
    assert (await kind_of(database, ObligationRules())).obligation is Obligation.NONE
    only_time = ObligationRules(seed_time=1, grace=DAY)
    assert (await kind_of(database, only_time)).obligation is Obligation.OWED


async def test_a_share_of_the_size_counts_as_downloaded(database):
    rules = ObligationRules(seed_time=HOUR, share=20, grace=DAY)
    await book(database, 0, 199)
    assert (await kind_of(database, rules)).obligation is Obligation.NONE  # of a torrent without a record
    await add_torrent(database, HASH, title="a film", size=1000)
    assert (await kind_of(database, rules)).obligation is Obligation.NONE
    await book(database, 0, 1)
    standing = await kind_of(database, rules)
    assert (standing.obligation, standing.title, standing.size) == (Obligation.OWED, "a film", 1000)


async def test_what_is_broken_comes_first_and_seeding_again_mends_it(database):
    await book(database, 0, 9, completed=1, seen=NOW - 9 * DAY, infohash=OTHER)
    await book(database, 5, 9, seen=NOW)
    await book(database, account=8)
    store = SqlObligations(database)
    found, total = await store.standings(7, RULES, NOW, 0, 9)
    assert ([each.infohash for each in found], total) == ([OTHER, HASH], 2)
    assert await store.standings(7, RULES, NOW, 1, 1) == ([found[1]], 2)

    await book(database, 0, 0, seeded=HOUR, infohash=OTHER)
    assert await store.counts(7, RULES, NOW) == {Obligation.NONE: 1, Obligation.OWED: 1}


FORMULA = BonusFormula(per_hour=1, per_gib=0.1, most_gib=100, aged=1, scarce=4)


def test_the_formula_is_that_of_the_documentation():
    year = 365 * DAY
    assert FORMULA.milli_points(SeededTorrent(20 * GIB, year, 1), HOUR) == 30_000
    assert FORMULA.milli_points(SeededTorrent(20 * GIB, 9 * year, 1), HOUR) == 30_000
    assert FORMULA.milli_points(SeededTorrent(500 * GIB, 0, 4), HOUR) == 22_000
    assert FORMULA.milli_points(SeededTorrent(0, -5, 0), HOUR // 2) == 2_500
    assert BonusFormula().milli_points(SeededTorrent(GIB, year, 1), 10**9) == 0


@given(st.integers(0, 2**62), st.integers(-(2**40), 2**40), st.integers(-1, 2**31), st.integers(0, 2**40))
def test_points_are_never_less_than_nothing(size, age, seeders, seconds):
    assert FORMULA.milli_points(SeededTorrent(size, age, seeders), seconds) >= 0


async def test_each_second_is_rewarded_once_and_points_are_spent_once(database):
    bonus, credit = SqlBonus(database), SqlCredit(database)
    await add_torrent(database, HASH, size=20 * GIB, added=NOW - 365 * DAY, seeders=1)
    await book(database, seeded=HOUR)
    await book(database, seeded=HOUR, infohash=OTHER, account=8)

    assert await bonus.reward(FORMULA, NOW, 100) == 2
    assert await bonus.reward(FORMULA, NOW, 100) == 0
    assert (await credit.balance(7)).points == 30_000
    assert (await credit.balance(8)).points == 5_000  # of a torrent without a record

    assert not await bonus.exchange(7, 31, tokens=1, uploaded=0)
    assert not await bonus.exchange(9, 1, tokens=1, uploaded=0)
    assert await bonus.exchange(7, 20, tokens=2, uploaded=5)
    assert not await bonus.exchange(7, 11, tokens=2, uploaded=5)
    balance = await credit.balance(7)
    assert (balance.points, balance.tokens, balance.uploaded) == (10_000, 2, 5)
    moved = await SqlLedger(database).account(7, NOW)
    assert (moved.uploaded, moved.credited_up, moved.points) == (0, 5, 10_000)

    await book(database, seeded=2 * HOUR, seen=NOW + 9 * HOUR)
    assert await bonus.reward(FORMULA, NOW, 1) == 1
    assert (await credit.balance(7)).points == 70_000


async def test_without_a_formula_what_was_seeded_is_past(database):
    bonus, credit = SqlBonus(database), SqlCredit(database)
    await book(database, seeded=HOUR)
    assert await bonus.reward(BonusFormula(), NOW, 100) == 1
    assert await bonus.reward(FORMULA, NOW, 100) == 0
    assert (await credit.balance(7)).points == 0
