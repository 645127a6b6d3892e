"""Contract of every store of credit: rules hold in their time, tokens are spent once, and the ledger books by both."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from storage.credit import SqlCredit
from storage.ledger import SqlLedger
from storage.schema import PEERAGE
from tests.support.catalogue_rows import add_torrent
from tracker.credit import (
    FREE,
    NEUTRAL,
    NORMAL,
    AccountBalance,
    Factors,
    NewCreditRule,
    ShownFactors,
    factors_by,
)
from tracker.ledger import BatchNumber
from tracker.sessions import LastTotals, SessionDelta

NOW = 1_800_000_000
HASH, OTHER = InfoHash(b"h" * 20), InfoHash(b"o" * 20)
CLIENT = b"-XX0001-abcdefghijkl"


@pytest.fixture
async def stores(backend, tmp_path):
    opened = await backend.open(tmp_path, PEERAGE)
    try:
        yield SqlCredit(opened), SqlLedger(opened), opened
    finally:
        await opened.close()


def delta(up=100, down=100, *, account=7, infohash=HASH, seen=NOW):
    last = LastTotals(up, down, seen, True, False)
    return SessionDelta(account, infohash, CLIENT, up, down, 0, 0, 0, last)


async def book(ledger, *deltas):
    assert await ledger.write(BatchNumber(0, await ledger.begin_epoch(0), 1), deltas)


async def credited(ledger, account=7):
    moved = await ledger.account(account, NOW)
    return moved.credited_up, moved.credited_down


RULES = {
    "the site": ({}, (50, 0)),
    "the torrent": ({"infohash": HASH}, (50, 0)),
    "another torrent": ({"infohash": OTHER}, (100, 100)),
    "the account": ({"account": 7}, (50, 0)),
    "another account": ({"account": 8}, (100, 100)),
    "both": ({"account": 7, "infohash": HASH}, (50, 0)),
    "another account of this torrent": ({"account": 8, "infohash": HASH}, (100, 100)),
    "this account in another torrent": ({"account": 7, "infohash": OTHER}, (100, 100)),
}


@pytest.mark.parametrize("name", RULES)
async def test_a_rule_holds_for_whom_it_is_made_and_what_was_moved_stays(stores, name):
    credit, ledger, _ = stores
    whom, expected = RULES[name]
    rule = await credit.add_rule(NewCreditRule(NOW, None, **whom, upload=50, download=0))
    assert rule.id > 0

    await book(ledger, delta())

    moved = await ledger.account(7, NOW)
    assert (moved.uploaded, moved.downloaded) == (100, 100)
    assert (moved.credited_up, moved.credited_down) == expected
    (row,) = await ledger.torrents(7, 0, 9)
    assert (row.credited_up, row.credited_down) == expected


async def test_a_delta_counts_as_it_was_when_its_client_announced(stores):
    credit, ledger, _ = stores
    rule = await credit.add_rule(NewCreditRule(NOW + 10, NOW + 20, download=0))
    await credit.add_rule(NewCreditRule(NOW + 15, None, upload=300))
    await credit.end_rule(rule.id + 1, NOW + 18)

    await book(
        ledger,
        *(delta(1 << shift, 1 << shift, infohash=InfoHash(bytes([shift]) * 20), seen=NOW + shift)
          for shift in (9, 10, 14, 15, 17, 18, 19, 20)),
    )  # fmt: skip

    up = sum(1 << shift for shift in (9, 10, 14, 18, 19, 20)) + 3 * sum(1 << shift for shift in (15, 17))
    assert await credited(ledger) == (up, (1 << 9) + (1 << 20))


async def test_a_rule_that_had_not_begun_is_as_if_it_had_never_been(stores):
    credit, ledger, _ = stores
    rule = await credit.add_rule(NewCreditRule(NOW + 100, None, download=0))
    ended = await credit.end_rule(rule.id, NOW)
    assert ended.until == ended.since
    assert await credit.end_rule(rule.id, NOW + 200) is None
    assert await credit.end_rule(rule.id + 1, NOW) is None

    await book(ledger, delta(seen=NOW + 150))

    assert await credited(ledger) == (100, 100)


async def test_rules_are_listed_until_they_end_and_tokens_apart(stores):
    credit, _, _ = stores
    site = await credit.add_rule(NewCreditRule(NOW, NOW + 10, download=0, reason="a day", author=3))
    own = await credit.add_rule(NewCreditRule(NOW, None, 7, upload=200))
    of_torrent = await credit.add_rule(NewCreditRule(NOW + 5, None, None, HASH, download=50))
    token = await credit.add_rule(NewCreditRule(NOW, NOW + 5, 7, HASH, download=0))

    assert await credit.rules(NOW, 0, 9) == ([of_torrent, own, site], 3)
    assert await credit.rules(NOW, 1, 1) == ([own], 3)
    assert await credit.rules(NOW + 10, 0, 9) == ([of_torrent, own], 2)
    assert await credit.shown(NOW) == [site, of_torrent]
    assert await credit.tokens_in_use(7, NOW) == [token]
    assert await credit.tokens_in_use(7, NOW + 5) == []
    assert (site.reason, site.author, site.until) == ("a day", 3, NOW + 10)


async def test_a_token_is_spent_once_for_a_torrent_and_never_without_one(stores):
    credit, ledger, _ = stores
    rule = NewCreditRule(NOW, NOW + 100, 7, HASH, download=0)
    assert await credit.spend_token(rule) is None
    assert await credit.grant(7, 2) == AccountBalance(2)

    spent = await asyncio.gather(*(credit.spend_token(rule) for _ in range(4)))

    assert sum(each is not None for each in spent) == 1
    assert (await credit.balance(7)).tokens == 1
    later = NewCreditRule(NOW + 100, NOW + 200, 7, HASH, download=0)
    assert await credit.spend_token(later) is not None
    assert (await ledger.account(7, NOW)).tokens == 0
    assert await credit.spend_token(NewCreditRule(NOW, None, 7, OTHER, download=0)) is None


async def test_a_balance_of_tokens_does_not_fall_below_nothing(stores):
    credit, _, _ = stores
    assert (await credit.balance(7)).tokens == 0
    assert (await credit.grant(7, -5)).tokens == 0
    assert (await credit.grant(7, 3)).tokens == 3
    assert (await credit.grant(7, -5)).tokens == 0
    assert (await credit.balance(8)).tokens == 0


@pytest.mark.parametrize(("mark", "expected"), [(0, (100, 100)), (1, (100, 0)), (2, (0, 0))])
async def test_a_torrents_own_mark_counts_and_neutral_stands_above_rules(stores, mark, expected):
    credit, ledger, database = stores
    await add_torrent(database, HASH, freeleech=mark)
    await book(ledger, delta())
    assert await credited(ledger) == expected

    await credit.add_rule(NewCreditRule(NOW, None, upload=200, download=300))
    await book(ledger, delta(seen=NOW + 1))

    more = {0: (200, 300), 1: (200, 0), 2: (0, 0)}[mark]
    assert await credited(ledger) == tuple(map(sum, zip(expected, more, strict=True)))


PERCENT = st.none() | st.integers(0, 1000)


@given(st.lists(st.tuples(PERCENT, PERCENT), max_size=5), st.sampled_from([NORMAL, FREE, NEUTRAL]))
def test_of_several_rules_the_best_for_the_account_holds(given, marked):
    rules = [NewCreditRule(0, None, upload=up, download=down) for up, down in given]
    factors = factors_by(rules, marked)
    if marked == NEUTRAL:
        assert factors == NEUTRAL
        return
    ups = [up for up, _ in given if up is not None]
    downs = [down for _, down in given if down is not None] + ([0] if marked == FREE else [])
    assert factors == Factors(max(ups, default=100), min(downs, default=100))
    assert factors_by(reversed(rules), marked) == factors


def test_what_is_shown_holds_in_its_time_and_for_its_torrent():
    shown = ShownFactors()
    assert shown.of(HASH, FREE, NOW) == FREE
    shown.replace(
        [
            NewCreditRule(NOW, NOW + 10, download=50),
            NewCreditRule(NOW + 5, None, infohash=HASH, upload=200, download=0),
        ]
    )
    assert shown.of(HASH, NORMAL, NOW) == Factors(100, 50)
    assert shown.of(HASH, NORMAL, NOW + 5) == Factors(200, 0)
    assert shown.of(OTHER, NORMAL, NOW + 9) == Factors(100, 50)
    assert shown.of(OTHER, NORMAL, NOW + 10) == NORMAL
    assert [rule.download for rule in shown.site(NOW)] == [50]
    assert shown.site(NOW + 10) == []
