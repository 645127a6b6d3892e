"""Contract of standings and invitations on disk: figures are summed, changes are logged with them, secrets open once."""

import asyncio

import pytest

from accounts.model import Role
from bittorrent.infohash import InfoHash
from storage.accounts import SqlAccounts
from storage.invitations import SqlInvitations
from storage.ledger import SqlLedger
from storage.schema import PEERAGE
from storage.standing import SqlStandings
from tests.support.catalogue_rows import add_torrent
from tests.support.clock import Clock
from tracker.ledger import BatchNumber
from tracker.sessions import LARGEST, LastTotals, SessionDelta
from tracker.standing import (
    ClassRule,
    JudgedAccount,
    MemberFigures,
    Standing,
    StandingChange,
    Standings,
    WatchRules,
)

NOW = 1_800_000_000
DAY = 86_400


@pytest.fixture
async def database(backend, tmp_path):
    opened = await backend.open(tmp_path, PEERAGE)
    try:
        yield opened
    finally:
        await opened.close()


async def user(database, name, role=Role.USER):
    return (await SqlAccounts(database).add(name, name, None, role, NOW - 9 * DAY)).id


async def book(database, account, up, down, infohash=b"h" * 20):
    last = LastTotals(up, down, NOW, True, True)
    moved = SessionDelta(account, InfoHash(infohash), b"p" * 20, up, down, 0, 1, 0, last)
    ledger = SqlLedger(database)
    assert await ledger.write(BatchNumber(0, await ledger.begin_epoch(0), 1), [moved])


async def log(database):
    return await database.rows("SELECT verb, subject, target, detail, account_id FROM log_entry ORDER BY id")


async def test_figures_are_those_of_enabled_accounts_without_a_higher_role(database):
    ada, _, bob = [
        await user(database, "ada"),
        await user(database, "mod", Role.MODERATOR),
        await user(database, "bob"),
    ]
    eve = await user(database, "eve")
    await SqlAccounts(database).set_enabled(eve, enabled=False)
    await book(database, ada, 100, 10)
    await book(database, ada, LARGEST, 0, b"o" * 20)
    await add_torrent(database, InfoHash(b"h" * 20), uploader_id=ada)
    store = SqlStandings(database)

    found = await store.figures(0, 9)

    assert found == [
        (MemberFigures(ada, 2**62 + 100, 10, 2, 1, NOW - 9 * DAY), Standing()),
        (MemberFigures(bob, 0, 0, 0, 0, NOW - 9 * DAY), Standing()),
    ]
    assert await store.figures(ada, 1) == found[1:]
    assert await store.figures(bob, 9) == []


async def test_standings_are_written_with_the_log_and_invites_given_meanwhile_stay(database):
    ada, store, invitations = await user(database, "ada"), SqlStandings(database), SqlInvitations(database)
    before, after = Standing("", 0, 0, 0, 0), Standing("Power", 5, 6, 2, 1)
    await invitations.grant(ada, 3)
    changes = [StandingChange("promote", "no class to Power"), StandingChange("bar", "ratio 0.1")]
    await store.write([JudgedAccount(ada, before, after, changes)], NOW)

    assert await store.standing(ada) == after._replace(invites=5)
    assert await store.barred() == {ada}
    assert await log(database) == [
        ("promote", "user", str(ada), "no class to Power", None),
        ("bar", "user", str(ada), "ratio 0.1", None),
    ]
    assert await store.standing(99) == Standing()


async def test_the_task_judges_everybody_and_says_who_is_barred(database):
    ada, bob, clock = await user(database, "ada"), await user(database, "bob"), Clock(NOW)
    await book(database, ada, 10, 100)
    standings = Standings(
        SqlStandings(database),
        [ClassRule("User"), ClassRule("Giver", uploaded=1, ratio=1, invites=1)],
        WatchRules(0.5, 50, DAY),
        clock,
        lambda error: pytest.fail(str(error)),
    )
    assert await standings.judge_all() == 2
    assert await standings.judge_all() == 0
    clock.now += DAY
    assert await standings.judge_all() == 1
    assert standings.barred == {ada}
    await book(database, bob, 10, 0)
    await book(database, ada, 90, 0)
    assert await standings.judge_all() == 2
    assert standings.barred == frozenset()
    assert [row[:3] for row in await log(database)] == [
        ("promote", "user", str(ada)), ("watch", "user", str(ada)), ("promote", "user", str(bob)),
        ("bar", "user", str(ada)), ("promote", "user", str(ada)), ("unbar", "user", str(ada)),
        ("promote", "user", str(bob)),
    ]  # fmt: skip
    assert (await standings.store.standing(bob)).invites == 1


async def test_an_invitation_costs_an_invite_and_lets_one_in(database):
    ada, bob, store = await user(database, "ada"), await user(database, "bob"), SqlInvitations(database)
    assert await store.add(ada, b"1" * 32, NOW, NOW + 10, free=False) is None
    assert await store.grant(ada, 2) == 2
    made = await store.add(ada, b"1" * 32, NOW, NOW + 10, free=False)
    assert await store.valid(b"1" * 32, NOW) == made
    assert await store.valid(b"1" * 32, NOW + 10) is None

    claims = await asyncio.gather(*(store.claim(b"1" * 32, NOW) for _ in range(3)))

    assert [each for each in claims if each is not None] == [made]
    await store.settle(made.id, None)
    assert await store.claim(b"1" * 32, NOW) == made
    await store.settle(made.id, bob)
    assert await store.claim(b"1" * 32, NOW) is None
    assert await store.inviter(bob) == ada
    assert await store.inviter(ada) is None
    assert not await store.withdraw(ada, made.id)
    sent, total = await store.sent(ada, 0, 9)
    assert ([each.account for each in sent], total) == ([bob], 1)


async def test_a_claim_that_was_never_settled_holds_for_a_while_alone(database):
    ada, store = await user(database, "ada"), SqlInvitations(database)
    await store.add(ada, b"1" * 32, NOW, NOW + DAY, free=True)
    assert await store.claim(b"1" * 32, NOW) is not None
    assert await store.claim(b"1" * 32, NOW + 599) is None
    assert await store.claim(b"1" * 32, NOW + 600) is not None


async def test_what_nobody_used_is_withdrawn_by_its_sender_who_has_it_back(database):
    ada, bob, store = await user(database, "ada"), await user(database, "bob"), SqlInvitations(database)
    await store.grant(ada, 1)
    made = await store.add(ada, b"1" * 32, NOW, NOW + 10, free=False)
    assert not await store.withdraw(bob, made.id)
    assert await store.withdraw(ada, made.id)
    assert await store.valid(b"1" * 32, NOW) is None
    assert await store.grant(ada, -5) == 0


async def test_the_tree_has_everybody_below_who_let_them_in(database):
    store, names = SqlInvitations(database), {}
    for name in ("root", "a", "b", "aa", "ab", "aaa", "else"):
        names[name] = await user(database, name)
    for at, (by, who) in enumerate([("root", "a"), ("root", "b"), ("a", "aa"), ("a", "ab"), ("aa", "aaa")]):
        made = await store.add(names[by], bytes([at]) * 32, NOW, NOW + 9, free=True)
        await store.settle(made.id, names[who])
    await book(database, names["aaa"], 7, 3)

    tree = await store.tree(names["root"], 99)

    assert [(each.name, each.depth) for each in tree] == [
        ("root", 0), ("a", 1), ("aa", 2), ("aaa", 3), ("ab", 2), ("b", 1),
    ]  # fmt: skip
    assert (tree[3].uploaded, tree[3].downloaded) == (7, 3)
    assert [each.name for each in await store.tree(names["aa"], 99)] == ["aa", "aaa"]
    assert len(await store.tree(names["root"], 3)) == 3
    assert await store.tree(99, 9) == []
