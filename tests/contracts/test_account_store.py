"""Contract of every account store."""

import asyncio
from dataclasses import replace

import pytest

from accounts.model import LoginSession, Role, Scope, User
from accounts.store import NewKey
from storage.accounts import SqlAccounts

DIGESTS = [bytes([number]) * 32 for number in range(10)]


@pytest.fixture
def accounts(database):
    """A store with the accounts 1 to 3: User1, User2, User3."""
    return SqlAccounts(database)


def new_key(user=1, **changes):
    return replace(NewKey(user, Scope.REST, "a label, \u00e9", None, 100, None), **changes)


async def test_an_account_is_found_by_id_and_folded_name_and_its_name_is_taken_once(accounts):
    ada = await accounts.add("Ada", "ada", "hash", Role.MODERATOR, 5)
    assert ada == User(ada.id, "Ada", Role.MODERATOR, True, 5, None)
    assert await accounts.user(ada.id) == await accounts.user("ada") == ada
    assert await accounts.add("ADA", "ada", None, Role.USER, 6) is None
    assert await accounts.user_and_password_hash("ada") == (ada, "hash")
    assert await accounts.user("Ada") is None
    assert await accounts.user(999) is None
    assert [each.id for each in await accounts.users_by_id([ada.id, 1, 999, 2**70, -1])] == [1, ada.id]


async def test_many_who_want_one_name_at_once_are_one_account(accounts):
    added = await asyncio.gather(*(accounts.add("X", "x", None, Role.USER, n) for n in range(10)))
    assert len([each for each in added if each is not None]) == 1


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("", ["a%b", "a_b", "User1", "User2", "User3"]),
        ("user", ["User1", "User2", "User3"]),
        ("%", ["a%b"]),
        ("_", ["a_b"]),
        ("\\", []),
        ("r2", ["User2"]),
    ],
)
async def test_accounts_are_listed_by_a_part_of_their_name(accounts, search, names):
    for name in ("a_b", "a%b"):
        await accounts.add(name, name, None, Role.USER, 1)
    page, count = await accounts.users(search, 0, 10)
    assert ([each.name for each in page], count) == (names, len(names))
    page, count = await accounts.users(search, 1, 1)
    assert ([each.name for each in page], count) == (names[1:2], len(names))


async def test_accounts_are_counted_by_when_they_were_seen(accounts):
    assert await accounts.totals(0, 0, 0) == {"users": 3, "enabled": 3, "day": 0, "week": 0, "month": 0}
    await accounts.write_last_used({1: 100, 2: 50}, {})
    await accounts.set_enabled(2, enabled=False)
    assert await accounts.totals(100, 60, 50) == {"users": 3, "enabled": 2, "day": 1, "week": 1, "month": 2}


async def test_role_and_last_use_change_and_time_never_goes_back(accounts):
    assert (await accounts.set_role(1, Role.ADMIN)).role is Role.ADMIN
    assert await accounts.set_role(99, Role.ADMIN) is None
    for time, kept in ((10, 10), (5, 10), (11, 11)):
        await accounts.write_last_used({1: time, 99: time}, {99: time})
        assert (await accounts.user(1)).seen == kept


async def test_admins_are_listed_with_how_they_can_enter(accounts):
    await accounts.set_role(2, Role.ADMIN)
    await accounts.set_role(1, Role.ADMIN)
    await accounts.set_role(3, Role.ADMIN)
    await accounts.set_enabled(3, enabled=False)
    await accounts.set_password(1, "hash")
    await accounts.set_link(2, DIGESTS[0], 100)
    for now, live in ((99, True), (100, False)):
        admins = await accounts.admins(now)
        assert [(each.user.id, each.has_password, each.has_link) for each in admins] == [
            (1, True, False),
            (2, False, live),
        ]


async def test_a_session_ends_with_the_password_the_account_or_by_itself(accounts):
    ends = [
        accounts.end_session,
        lambda _: accounts.set_password(1, "other"),
        lambda _: accounts.set_enabled(1, enabled=False),
        lambda _: accounts.purge(50, 0),
    ]
    for end in ends:
        await accounts.set_enabled(1, enabled=True)
        number = await accounts.add_session(1, DIGESTS[0], 1, 50, 5)
        other = await accounts.add_session(2, DIGESTS[1], 1, 60, 5)
        found = await accounts.session(DIGESTS[0])
        assert (found.principal.user.id, found.principal.session, found.expires) == (1, number, 50)
        await end(number)
        assert await accounts.session(DIGESTS[0]) is None
        assert (await accounts.session(DIGESTS[1])).principal.session == other
        await accounts.end_session(other)
    assert not await accounts.set_password(99, "x")


async def test_the_newest_sessions_of_an_account_stay(accounts):
    for digest in DIGESTS[:4]:
        await accounts.add_session(1, digest, 1, 50, 2)
    await accounts.add_session(2, DIGESTS[9], 1, 50, 2)
    found = [await accounts.session(digest) is not None for digest in (*DIGESTS[:4], DIGESTS[9])]
    assert found == [False, False, True, True, True]


async def test_a_link_works_once_while_it_is_live_and_ends_sessions(accounts):
    await accounts.set_link(1, DIGESTS[0], 100)
    await accounts.set_link(1, DIGESTS[1], 100)
    await accounts.add_session(1, DIGESTS[5], 1, 500, 5)
    assert await accounts.link_owner(DIGESTS[0], 1) is None
    assert (await accounts.link_owner(DIGESTS[1], 99)).id == 1
    assert await accounts.link_owner(DIGESTS[1], 100) is None
    assert await accounts.redeem(DIGESTS[1], "late", 100) is None
    assert (await accounts.redeem(DIGESTS[1], "hash", 99)).id == 1
    assert await accounts.redeem(DIGESTS[1], "again", 99) is None
    assert (await accounts.user_and_password_hash("user1"))[1] == "hash"
    assert await accounts.session(DIGESTS[5]) is None


async def test_a_link_beside_another_leaves_it_and_a_new_password_ends_both(accounts):
    await accounts.set_link(1, DIGESTS[0], 100)
    await accounts.add_link(1, DIGESTS[1], 100)
    assert [(await accounts.link_owner(each, 1)).id for each in DIGESTS[:2]] == [1, 1]
    await accounts.redeem(DIGESTS[1], "another", 1)
    assert [await accounts.link_owner(each, 1) for each in DIGESTS[:2]] == [None, None]


async def test_a_disabled_account_has_no_link(accounts):
    await accounts.set_link(1, DIGESTS[0], 100)
    await accounts.set_enabled(1, enabled=False)
    await accounts.set_enabled(1, enabled=True)
    assert await accounts.link_owner(DIGESTS[0], 1) is None


async def test_a_key_is_found_by_its_digest_with_its_account(accounts):
    wanted = new_key(methods=frozenset({"b", "a"}), expires=500)
    key = await accounts.add_key(wanted, DIGESTS[0], 5)
    assert (key.user_id, key.scope, key.label, key.methods) == (1, Scope.REST, wanted.label, {"a", "b"})
    assert (key.created, key.expires, key.used, key.suspended, key.revoked) == (100, 500, None, False, False)
    found = await accounts.key_by_digest(DIGESTS[0])
    assert (found.principal.key, found.principal.user.id, found.expires) == (key, 1, 500)
    assert await accounts.key_by_digest(DIGESTS[1]) is None
    assert await accounts.key(key.id) == key
    assert await accounts.key(999) is None


async def test_keys_are_suspended_revoked_used_and_listed_oldest_first(accounts):
    one = await accounts.add_key(new_key(), DIGESTS[0], 5)
    two = await accounts.add_key(new_key(user=2), DIGESTS[1], 5)
    three = await accounts.add_key(new_key(expires=200), DIGESTS[2], 5)
    assert [each.id for each in await accounts.keys(None)] == [one.id, two.id, three.id]
    assert [each.id for each in await accounts.keys(1)] == [one.id, three.id]
    assert [each.id for each in await accounts.live_keys(1, 199)] == [one.id, three.id]
    assert [each.id for each in await accounts.live_keys(1, 200)] == [one.id]
    assert (await accounts.suspend(one.id, suspended=True)).suspended
    assert not (await accounts.suspend(one.id, suspended=False)).suspended
    await accounts.write_last_used({}, {one.id: 150})
    await accounts.write_last_used({}, {one.id: 140})
    assert (await accounts.key(one.id)).used == 150
    assert (await accounts.revoke(one.id, 160)).revoked
    assert (await accounts.revoke(one.id, 170)).revoked
    assert await accounts.live_keys(1, 200) == []
    assert await accounts.revoke(999, 1) is None
    assert await accounts.suspend(999, suspended=True) is None


async def test_of_dead_keys_the_newest_stay_until_they_are_purged(accounts):
    ids = []
    for number, digest in enumerate(DIGESTS[:5]):
        key = await accounts.add_key(new_key(created=1000 + number), digest, 2)
        ids.append(key.id)
        await accounts.revoke(key.id, 1000 + number)
    # Adding one trims those that were dead before: of ids 0 to 3 the newest two.
    assert [each.id for each in await accounts.keys(1)] == [ids[2], ids[3], ids[4]]
    expired = await accounts.add_key(new_key(user=2, expires=1003), DIGESTS[8], 2)
    assert await accounts.purge(0, 1003) == 1
    assert [each.id for each in await accounts.keys(None)] == [ids[3], ids[4], expired.id]
    assert await accounts.purge(0, 1004) == 2
    assert [each.id for each in await accounts.keys(None)] == [ids[4]]


async def test_sessions_are_listed_with_their_last_use_until_they_expire(accounts):
    first = await accounts.add_session(1, DIGESTS[0], 1, 50, 5, address=b"\x7f\0\0\1")
    second = await accounts.add_session(1, DIGESTS[1], 2, 60, 5)
    await accounts.add_session(2, DIGESTS[2], 2, 60, 5)
    await accounts.write_last_used({}, {}, {first: 30})
    await accounts.write_last_used({}, {}, {first: 20, 99: 30})
    assert await accounts.sessions(1, 49) == [
        LoginSession(first, 1, 1, 50, 30, b"\x7f\0\0\1"),
        LoginSession(second, 1, 2, 60, None, None),
    ]
    assert [each.id for each in await accounts.sessions(1, 50)] == [second]
    assert await accounts.sessions(99, 1) == []


async def test_a_new_password_ends_keys_of_logins_and_no_other(accounts):
    key = await accounts.add_key(new_key(), DIGESTS[0], 5)
    await accounts.add_key(new_key(login=True), DIGESTS[1], 5)
    other = await accounts.add_key(new_key(2, login=True), DIGESTS[2], 5)
    assert await accounts.set_password(1, "hash")
    assert await accounts.keys(1) == [key]
    assert await accounts.keys(2) == [other]


async def test_all_sessions_and_logins_end_but_the_one_that_is_kept(accounts):
    sessions = [await accounts.add_session(1, digest, 1, 50, 5) for digest in DIGESTS[:2]]
    logins = [await accounts.add_key(new_key(login=True), digest, 5) for digest in DIGESTS[2:4]]
    theirs = await accounts.add_session(2, DIGESTS[5], 1, 50, 5)
    await accounts.end_sessions(1, session=sessions[0], key=logins[1].id)
    assert [each.id for each in await accounts.sessions(1, 2)] == sessions[:1]
    assert await accounts.keys(1) == logins[1:]
    await accounts.end_sessions(1, session=0, key=0)
    assert (await accounts.sessions(1, 2), await accounts.keys(1)) == ([], [])
    assert [each.id for each in await accounts.sessions(2, 2)] == [theirs]
