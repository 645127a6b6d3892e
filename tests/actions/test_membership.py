import asyncio
from itertools import product

import pytest

from accounts.model import NOBODY, Principal, Role, Scope
from accounts.rights import Right, Rights
from actions.membership import Membership
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from tests.people import HOME, PASSWORD, people

OTHER = "some other password"


class Log:
    """A catalogue of which only the log is asked."""

    def __init__(self):
        self.lines = []

    async def log(self, actor, verb, subject, target, detail=""):
        self.lines.append((actor, verb, subject, target, detail))


class House:
    """Accounts of every role, and what may be done to them."""

    def __init__(self, each, registration):
        self.accounts = each.accounts
        self.log = Log()
        rights = Rights(frozenset({Right.READ}))
        self.deeds = Membership(each.accounts, self.log, rights, registration=registration)

    async def fill(self):
        for name, role in (
            ("ada", Role.USER),
            ("mod", Role.MODERATOR),
            ("root", Role.ADMIN),
            ("bob", Role.USER),
        ):
            setattr(self, name, await self.accounts.add(name, PASSWORD, role))
        return self

    async def keyed(self, user, scope, **options):
        _, secret = await self.accounts.mint(user.id, scope, **options)
        return await self.accounts.authenticate(secret, scope)


def run(folder, work, *, registration=False):
    async def main():
        async with people(folder, keys_per_user=50) as each:
            return await work(await House(each, registration).fill())

    return asyncio.run(main())


async def outcome(awaitable):
    try:
        await awaitable
    except Refusal as refusal:
        return refusal.code
    return "done"


def deeds_on(house, who, target, key):
    return {
        "set_password": lambda: house.deeds.set_password(who, target.id, OTHER),
        "issue_link": lambda: house.deeds.issue_link(who, target.id),
        "set_role": lambda: house.deeds.set_role(who, target.id, Role.MODERATOR),
        "set_enabled": lambda: house.deeds.set_enabled(who, target.id, enabled=False),
        "keys": lambda: house.deeds.keys(who, target.id),
        "mint": lambda: house.deeds.mint(who, target.id, Scope.REST),
        "revoke": lambda: house.deeds.revoke(who, key.id),
        "suspend": lambda: house.deeds.suspend(who, key.id, suspended=True),
        "register": lambda: house.deeds.register(who, "newcomer", PASSWORD),
        "register admin": lambda: house.deeds.register(who, "newcomer", PASSWORD, Role.ADMIN),
    }


ON_ANOTHER = ["set_password", "issue_link", "set_role", "set_enabled", "keys", "mint", "revoke", "suspend"]


@pytest.mark.parametrize("deed", [*ON_ANOTHER, "register", "register admin"])
@pytest.mark.parametrize("who", ["nobody", "ada", "mod", "root"])
def test_what_is_done_to_another_needs_the_right_and_is_logged(tmp_path, who, deed):
    async def work(house):
        principal = NOBODY if who == "nobody" else Principal(getattr(house, who))
        key, _ = await house.accounts.mint(house.bob.id, Scope.REST)
        result = await outcome(deeds_on(house, principal, house.bob, key)[deed]())
        hidden = deed == "revoke" and who != "nobody"
        expected = {"nobody": "unauthenticated", "root": "done"}.get(
            who, "not-found" if hidden else "forbidden"
        )
        assert result == expected
        changed = result == "done" and deed != "keys"
        assert [line[0] for line in house.log.lines] == ([house.root.id] if changed else [])
        if not changed:
            assert await house.accounts.user("bob") == house.bob
            assert await house.accounts.keys(house.bob.id) == [key]
            assert await house.accounts.log_in("bob", PASSWORD, HOME)
            assert await house.accounts.user("newcomer") is None

    run(tmp_path, work)


def test_what_one_does_to_oneself_is_not_logged(tmp_path):
    async def work(house):
        me = Principal(house.ada)
        key, secret = await house.deeds.mint(me, house.ada.id, Scope.REST, "mine", lifetime=60)
        assert (await house.accounts.authenticate(secret, Scope.REST)).key == key
        assert await house.deeds.keys(me, house.ada.id) == [key]
        assert (await house.deeds.revoke(me, key.id)).revoked
        await house.deeds.set_password(me, house.ada.id, OTHER, PASSWORD)
        await house.accounts.log_in("ada", OTHER, HOME)
        assert house.log.lines == []

    run(tmp_path, work)


@pytest.mark.parametrize("current", [None, "", "wrong password"])
def test_the_own_password_is_changed_with_the_current_one_alone(tmp_path, current):
    async def work(house):
        for user in (house.ada, house.root):
            deed = house.deeds.set_password(Principal(user), user.id, OTHER, current)
            assert await outcome(deed) == "bad-credentials"
            await house.accounts.log_in(user.name, PASSWORD, HOME)

    run(tmp_path, work)


def test_guessing_the_current_password_slows_down_and_logging_in_does_not(tmp_path):
    async def work(house):
        deeds = [
            await outcome(
                house.deeds.set_password(Principal(house.ada), house.ada.id, OTHER, f"guess number {n}")
            )
            for n in range(10)
        ]
        assert deeds == ["bad-credentials"] * 5 + ["login-slowed"] * 5
        await house.accounts.log_in("ada", PASSWORD, HOME)

    run(tmp_path, work)


def test_a_moderator_has_no_power_over_accounts_and_nobody_raises_himself(tmp_path):
    async def work(house):
        for user in (house.ada, house.mod):
            deed = house.deeds.set_role(Principal(user), user.id, Role.ADMIN)
            assert await outcome(deed) == "forbidden"

    run(tmp_path, work)


def test_the_last_admin_cannot_leave(tmp_path):
    async def work(house):
        root = Principal(house.root)
        assert await outcome(house.deeds.set_role(root, house.root.id, Role.USER)) == "last-admin"
        assert await outcome(house.deeds.set_enabled(root, house.root.id, enabled=False)) == "last-admin"
        assert house.log.lines == []

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("who", "role", "expected"),
    [
        ("nobody", Role.USER, "done"),
        ("nobody", Role.MODERATOR, "unauthenticated"),
        ("nobody", Role.ADMIN, "unauthenticated"),
        ("ada", Role.USER, "forbidden"),
        ("root", Role.ADMIN, "done"),
    ],
)
def test_where_registration_is_open_anyone_may_become_a_user(tmp_path, who, role, expected):
    async def work(house):
        principal = NOBODY if who == "nobody" else Principal(getattr(house, who))
        assert await outcome(house.deeds.register(principal, "newcomer", PASSWORD, role)) == expected

    run(tmp_path, work, registration=True)


@pytest.mark.parametrize(("held", "asked"), list(product(Scope, Scope)))
def test_a_key_reaches_no_scope_beyond_its_own_unless_it_is_a_rest_one(tmp_path, held, asked):
    async def work(house):
        me = await house.keyed(house.ada, held)
        mine, _ = await house.accounts.mint(house.ada.id, asked)
        expected = "done" if held in (asked, Scope.REST) else "forbidden"
        assert await outcome(house.deeds.mint(me, house.ada.id, asked)) == expected
        assert await outcome(house.deeds.revoke(me, mine.id)) == expected

    run(tmp_path, work)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_that_is_limited_mints_nothing_and_touches_no_account(tmp_path, scope):
    async def work(house):
        me = await house.keyed(house.root, scope, methods=frozenset({"list"}))
        key, _ = await house.accounts.mint(house.bob.id, Scope.REST)
        for name, deed in deeds_on(house, me, house.bob, key).items():
            assert await outcome(deed()) == "forbidden", name
        own = house.deeds.set_password(me, house.root.id, OTHER, PASSWORD)
        assert await outcome(own) == "forbidden"
        assert (await house.deeds.revoke(me, me.key.id)).revoked  # but it may end itself
        assert house.log.lines == []

    run(tmp_path, work)


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.REST])
def test_an_admins_key_of_another_dialect_has_no_power_over_accounts(tmp_path, scope):
    async def work(house):
        me = await house.keyed(house.root, scope)
        for deed in (
            house.deeds.set_role(me, house.ada.id, Role.ADMIN),
            house.deeds.set_enabled(me, house.ada.id, enabled=False),
            house.deeds.set_password(me, house.ada.id, OTHER),
            house.deeds.issue_link(me, house.ada.id),
            house.deeds.register(me, "newcomer", PASSWORD, Role.ADMIN),
            house.deeds.mint(me, house.ada.id, scope),
        ):
            assert await outcome(deed) == "forbidden"

    run(tmp_path, work)


@pytest.mark.parametrize("number", [0, -1, 999, 2**63, 2**200])
def test_what_is_not_there_is_not_found(tmp_path, number):
    async def work(house):
        root = Principal(house.root)
        for deed in (
            house.deeds.set_role(root, number, Role.USER),
            house.deeds.set_enabled(root, number, enabled=True),
            house.deeds.set_password(root, number, OTHER),
            house.deeds.issue_link(root, number),
            house.deeds.keys(root, number),
            house.deeds.mint(root, number, Scope.REST),
            house.deeds.revoke(root, number),
            house.deeds.suspend(root, number, suspended=True),
        ):
            assert await outcome(deed) == "not-found"
        assert house.log.lines == []

    run(tmp_path, work)


def test_the_log_says_what_was_done_to_whom_and_never_a_secret(tmp_path):
    async def work(house):
        root = Principal(house.root)
        await house.deeds.set_role(root, house.ada.id, Role.MODERATOR)
        key, secret = await house.deeds.mint(root, house.ada.id, Scope.FEED)
        await house.deeds.suspend(root, key.id, suspended=True)
        link = await house.deeds.issue_link(root, house.ada.id)
        assert house.log.lines == [
            (house.root.id, "set-role", Subject.USER, str(house.ada.id), "ada: user to moderator"),
            (house.root.id, "mint", Subject.KEY, str(key.id), "feed key of ada"),
            (house.root.id, "suspend", Subject.KEY, str(key.id), "feed key of ada"),
            (house.root.id, "issue-link", Subject.USER, str(house.ada.id), "ada"),
        ]
        assert secret not in repr(house.log.lines)
        assert link not in repr(house.log.lines)

    run(tmp_path, work)
