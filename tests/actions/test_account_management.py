from contextlib import asynccontextmanager
from itertools import product

import pytest

from accounts.model import NOBODY, Principal, Role, Scope
from accounts.registration import Registration
from accounts.rights import Right, Rights
from actions.account_management import AccountManagement
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from tests.support.accounts import HOME, PASSWORD, open_accounts

OTHER = "some other password"


class Log:
    """A catalogue that only has a log."""

    def __init__(self):
        self.lines = []

    async def log(self, actor, verb, subject, target, detail=""):
        self.lines.append((actor, verb, subject, target, detail))


class Data:
    """What is kept of an account: its number."""

    async def records(self, user):
        yield [{"kind": "account", "id": user}]


class Setup:
    """Accounts of every role."""

    def __init__(self, each, registration):
        self.accounts = each.accounts
        self.log = Log()
        rights = Rights(frozenset({Right.READ}))
        self.management = AccountManagement(
            each.accounts, self.log, rights, Data(), registration=Registration(registration)
        )

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


@asynccontextmanager
async def open_setup(folder, *, registration=False):
    async with open_accounts(folder, keys_per_user=50) as each:
        yield await Setup(each, registration).fill()


async def outcome(awaitable):
    try:
        await awaitable
    except Refusal as refusal:
        return refusal.code
    return "done"


def operations_on(setup, who, target, key):
    return {
        "set_password": lambda: setup.management.set_password(who, target.id, OTHER),
        "issue_link": lambda: setup.management.issue_link(who, target.id),
        "set_role": lambda: setup.management.set_role(who, target.id, Role.MODERATOR),
        "set_enabled": lambda: setup.management.set_enabled(who, target.id, enabled=False),
        "keys": lambda: setup.management.keys(who, target.id),
        "mint": lambda: setup.management.mint(who, target.id, Scope.REST),
        "revoke": lambda: setup.management.revoke(who, key.id),
        "suspend": lambda: setup.management.suspend(who, key.id, suspended=True),
        "register": lambda: setup.management.register(who, "newcomer", PASSWORD),
        "register admin": lambda: setup.management.register(who, "newcomer", PASSWORD, Role.ADMIN),
    }


ON_ANOTHER = ["set_password", "issue_link", "set_role", "set_enabled", "keys", "mint", "revoke", "suspend"]


@pytest.mark.parametrize("operation", [*ON_ANOTHER, "register", "register admin"])
@pytest.mark.parametrize("who", ["nobody", "ada", "mod", "root"])
async def test_what_is_done_to_another_needs_the_right_and_is_logged(tmp_path, who, operation):
    async with open_setup(tmp_path) as setup:
        principal = NOBODY if who == "nobody" else Principal(getattr(setup, who))
        key, _ = await setup.accounts.mint(setup.bob.id, Scope.REST)
        result = await outcome(operations_on(setup, principal, setup.bob, key)[operation]())
        hidden = operation == "revoke" and who != "nobody"
        expected = {"nobody": "unauthenticated", "root": "done"}.get(
            who, "not-found" if hidden else "forbidden"
        )
        assert result == expected
        changed = result == "done" and operation != "keys"
        assert [line[0] for line in setup.log.lines] == ([setup.root.id] if changed else [])
        if not changed:
            assert await setup.accounts.user("bob") == setup.bob
            assert await setup.accounts.keys(setup.bob.id) == [key]
            assert await setup.accounts.log_in("bob", PASSWORD, HOME)
            assert await setup.accounts.user("newcomer") is None


async def test_what_one_does_to_oneself_is_not_logged(tmp_path):
    async with open_setup(tmp_path) as setup:
        me = Principal(setup.ada)
        key, secret = await setup.management.mint(me, setup.ada.id, Scope.REST, "mine", lifetime=60)
        assert (await setup.accounts.authenticate(secret, Scope.REST)).key == key
        assert await setup.management.keys(me, setup.ada.id) == [key]
        assert (await setup.management.revoke(me, key.id)).revoked
        await setup.management.set_password(me, setup.ada.id, OTHER, PASSWORD)
        await setup.accounts.log_in("ada", OTHER, HOME)
        assert setup.log.lines == []


@pytest.mark.parametrize("current", [None, "", "wrong password"])
async def test_the_own_password_is_changed_with_the_current_one_alone(tmp_path, current):
    async with open_setup(tmp_path) as setup:
        for user in (setup.ada, setup.root):
            operation = setup.management.set_password(Principal(user), user.id, OTHER, current)
            assert await outcome(operation) == "bad-credentials"
            await setup.accounts.log_in(user.name, PASSWORD, HOME)


async def test_guessing_the_current_password_slows_down_and_logging_in_does_not(tmp_path):
    async with open_setup(tmp_path) as setup:
        operations = [
            await outcome(
                setup.management.set_password(Principal(setup.ada), setup.ada.id, OTHER, f"guess number {n}")
            )
            for n in range(10)
        ]
        assert operations == ["bad-credentials"] * 5 + ["login-slowed"] * 5
        await setup.accounts.log_in("ada", PASSWORD, HOME)


async def test_a_moderator_has_no_power_over_accounts_and_nobody_raises_himself(tmp_path):
    async with open_setup(tmp_path) as setup:
        for user in (setup.ada, setup.mod):
            operation = setup.management.set_role(Principal(user), user.id, Role.ADMIN)
            assert await outcome(operation) == "forbidden"


async def test_the_last_admin_cannot_leave(tmp_path):
    async with open_setup(tmp_path) as setup:
        root = Principal(setup.root)
        assert await outcome(setup.management.set_role(root, setup.root.id, Role.USER)) == "last-admin"
        assert await outcome(setup.management.set_enabled(root, setup.root.id, enabled=False)) == "last-admin"
        assert setup.log.lines == []


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
async def test_where_registration_is_open_anyone_may_become_a_user(tmp_path, who, role, expected):
    async with open_setup(tmp_path, registration=True) as setup:
        principal = NOBODY if who == "nobody" else Principal(getattr(setup, who))
        assert await outcome(setup.management.register(principal, "newcomer", PASSWORD, role)) == expected


@pytest.mark.parametrize(("held", "asked"), list(product(Scope, Scope)))
async def test_a_key_reaches_no_scope_beyond_its_own_unless_it_is_a_rest_one(tmp_path, held, asked):
    async with open_setup(tmp_path) as setup:
        me = await setup.keyed(setup.ada, held)
        mine, _ = await setup.accounts.mint(setup.ada.id, asked)
        expected = "done" if held in (asked, Scope.REST) else "forbidden"
        assert await outcome(setup.management.mint(me, setup.ada.id, asked)) == expected
        assert await outcome(setup.management.revoke(me, mine.id)) == expected


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_key_that_is_limited_mints_nothing_and_touches_no_account(tmp_path, scope):
    async with open_setup(tmp_path) as setup:
        me = await setup.keyed(setup.root, scope, methods=frozenset({"list"}))
        key, _ = await setup.accounts.mint(setup.bob.id, Scope.REST)
        for name, operation in operations_on(setup, me, setup.bob, key).items():
            assert await outcome(operation()) == "forbidden", name
        own = setup.management.set_password(me, setup.root.id, OTHER, PASSWORD)
        assert await outcome(own) == "forbidden"
        assert (await setup.management.revoke(me, me.key.id)).revoked  # but it may end itself
        assert setup.log.lines == []


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.REST])
async def test_an_admins_key_of_another_dialect_has_no_power_over_accounts(tmp_path, scope):
    async with open_setup(tmp_path) as setup:
        me = await setup.keyed(setup.root, scope)
        for operation in (
            setup.management.set_role(me, setup.ada.id, Role.ADMIN),
            setup.management.set_enabled(me, setup.ada.id, enabled=False),
            setup.management.set_password(me, setup.ada.id, OTHER),
            setup.management.issue_link(me, setup.ada.id),
            setup.management.register(me, "newcomer", PASSWORD, Role.ADMIN),
            setup.management.mint(me, setup.ada.id, scope),
        ):
            assert await outcome(operation) == "forbidden"


@pytest.mark.parametrize("number", [0, -1, 999, 2**63, 2**200])
async def test_what_is_not_there_is_not_found(tmp_path, number):
    async with open_setup(tmp_path) as setup:
        root = Principal(setup.root)
        for operation in (
            setup.management.set_role(root, number, Role.USER),
            setup.management.set_enabled(root, number, enabled=True),
            setup.management.set_password(root, number, OTHER),
            setup.management.issue_link(root, number),
            setup.management.keys(root, number),
            setup.management.mint(root, number, Scope.REST),
            setup.management.revoke(root, number),
            setup.management.suspend(root, number, suspended=True),
        ):
            assert await outcome(operation) == "not-found"
        assert setup.log.lines == []


async def test_the_log_says_what_was_done_to_whom_and_never_a_secret(tmp_path):
    async with open_setup(tmp_path) as setup:
        root = Principal(setup.root)
        await setup.management.set_role(root, setup.ada.id, Role.MODERATOR)
        key, secret = await setup.management.mint(root, setup.ada.id, Scope.FEED)
        await setup.management.suspend(root, key.id, suspended=True)
        link = await setup.management.issue_link(root, setup.ada.id)
        assert setup.log.lines == [
            (setup.root.id, "set-role", Subject.USER, str(setup.ada.id), "ada: user to moderator"),
            (setup.root.id, "mint", Subject.KEY, str(key.id), "feed key of ada"),
            (setup.root.id, "suspend", Subject.KEY, str(key.id), "feed key of ada"),
            (setup.root.id, "issue-link", Subject.USER, str(setup.ada.id), "ada"),
        ]
        assert secret not in repr(setup.log.lines)
        assert link not in repr(setup.log.lines)


async def test_sessions_of_others_are_ended_by_admins_alone_and_logged(tmp_path):
    async with open_setup(tmp_path) as setup:
        await setup.accounts.open_session(setup.ada.id)
        for who in (Principal(setup.bob), NOBODY):
            with pytest.raises(Refusal):
                await setup.management.end_sessions(who, setup.ada.id)
            with pytest.raises(Refusal):
                await setup.management.sessions(who, setup.ada.id)
        (session,) = await setup.management.sessions(Principal(setup.root), setup.ada.id)
        with pytest.raises(Refusal, match="nothing here"):
            await setup.management.end_session(Principal(setup.root), session.id)
        await setup.management.end_sessions(Principal(setup.root), setup.ada.id)
        assert await setup.management.sessions(Principal(setup.ada), setup.ada.id) == []


async def test_an_account_takes_along_its_own_data_and_an_admin_that_of_others(tmp_path):
    async with open_setup(tmp_path) as setup:

        async def exported(principal, user):
            return [
                record async for batch in await setup.management.export(principal, user) for record in batch
            ]

        ada, root = Principal(setup.ada), Principal(setup.root)
        assert await exported(ada, setup.ada.id) == [{"kind": "account", "id": setup.ada.id}]
        assert setup.log.lines == []
        for other in (setup.bob.id, 999):
            with pytest.raises(Refusal):
                await setup.management.export(ada, other)
        assert await exported(root, setup.bob.id) == [{"kind": "account", "id": setup.bob.id}]
        assert [line[1] for line in setup.log.lines] == ["export"]
        with pytest.raises(Refusal):
            await setup.management.export(NOBODY, setup.ada.id)
