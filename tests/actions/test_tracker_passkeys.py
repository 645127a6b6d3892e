import asyncio

import pytest
import structlog

from accounts.model import Role, Scope
from actions.tracker_passkeys import TrackerPasskeys
from bittorrent.refusal import Refusal
from tests.support.accounts import AccountSetup, open_accounts
from tests.support.swarm_stores import STORES
from tests.support.tasks import begun_for
from tracker.mode import Mode
from tracker.model import AnnounceTerms, TooManyPasskeys
from tracker.policy import Policy
from tracker.tracker import Tracker


def a_tracker() -> Tracker:
    store = [*STORES.values()][-1](AnnounceTerms(), 1)
    return Tracker(store, Policy(store, Mode.PRIVATE), AnnounceTerms(), lambda: 1_800_000_000)


def found(tracker: Tracker, passkey: str) -> int | str:
    try:
        return tracker.account_of(passkey.encode())
    except Refusal as refusal:
        return refusal.code


@pytest.fixture
async def setup(tmp_path):
    async with open_accounts(tmp_path) as opened:
        yield opened


async def passkey_id(setup: AccountSetup, user: int) -> int:
    [key] = [each for each in await setup.accounts.keys(user) if not each.revoked]
    return key.id


async def test_each_change_is_in_force_when_it_returns(setup):
    tracker, accounts = a_tracker(), setup.accounts
    await TrackerPasskeys(accounts.passkeys, tracker.policy).start()
    await setup.join("root", Role.ADMIN)
    ada = await setup.join("ada")

    passkey = await accounts.passkeys.passkey(ada.id)
    assert found(tracker, passkey) == ada.id
    key = await passkey_id(setup, ada.id)
    await accounts.suspend(key, suspended=True)
    assert found(tracker, passkey) == "passkey-suspended"
    await accounts.set_enabled(ada.id, enabled=False)
    assert found(tracker, passkey) == "passkey-disabled"
    await accounts.set_enabled(ada.id, enabled=True)
    assert found(tracker, passkey) == "passkey-suspended"
    await accounts.suspend(key, suspended=False)
    assert found(tracker, passkey) == ada.id
    other = await accounts.passkeys.reset(ada.id)
    assert (found(tracker, passkey), found(tracker, other)) == ("unknown-passkey", ada.id)
    await accounts.revoke(await passkey_id(setup, ada.id))
    assert found(tracker, other) == "unknown-passkey"


@pytest.mark.parametrize("how", ["reset", "revoke"])
async def test_a_suspended_account_does_not_get_round_it_by_another_passkey(setup, how):
    tracker, accounts = a_tracker(), setup.accounts
    await TrackerPasskeys(accounts.passkeys, tracker.policy).start()
    ada = await setup.join("ada")
    await accounts.passkeys.passkey(ada.id)
    await accounts.suspend(await passkey_id(setup, ada.id), suspended=True)

    if how == "revoke":
        await accounts.revoke(await passkey_id(setup, ada.id))
        other = await accounts.passkeys.passkey(ada.id)
    else:
        other = await accounts.passkeys.reset(ada.id)

    assert found(tracker, other) == "passkey-suspended"
    await accounts.suspend(await passkey_id(setup, ada.id), suspended=False)
    assert found(tracker, other) == ada.id
    assert found(tracker, await accounts.passkeys.reset(ada.id)) == ada.id


async def test_a_start_finds_every_passkey_in_its_state(setup):
    accounts, passkeys = setup.accounts, {}
    await setup.join("root", Role.ADMIN)
    for name in ("ada", "bob", "eve", "out"):
        user = await setup.join(name)
        passkeys[name] = user.id, await accounts.passkeys.passkey(user.id)
    await accounts.suspend(await passkey_id(setup, passkeys["bob"][0]), suspended=True)
    await accounts.set_enabled(passkeys["eve"][0], enabled=False)
    await accounts.revoke(await passkey_id(setup, passkeys["out"][0]))
    _, opens_links_alone = await accounts.mint(passkeys["ada"][0], Scope.PASSKEY, "links " + "A" * 43)
    tracker = a_tracker()

    assert await TrackerPasskeys(accounts.passkeys, tracker.policy).start() == 3

    assert [found(tracker, passkey) for _, passkey in passkeys.values()] == [
        passkeys["ada"][0], "passkey-suspended", "passkey-disabled", "unknown-passkey",
    ]  # fmt: skip
    assert found(tracker, opens_links_alone) == "unknown-passkey"


async def test_whoever_hangs_up_leaves_no_passkey_that_the_tracker_does_not_know(setup):
    tracker, accounts = a_tracker(), setup.accounts
    await TrackerPasskeys(accounts.passkeys, tracker.policy).start()
    await setup.join("root", Role.ADMIN)
    ada = await setup.join("ada")
    passkey = await accounts.passkeys.passkey(ada.id)

    for turns in range(12):
        task = await begun_for(accounts.set_enabled(ada.id, enabled=bool(turns % 2)), turns)
        task.cancel()
        await asyncio.wait([task])
        await accounts._running.drain()
        user = await accounts.user(ada.id)
        assert found(tracker, passkey) == (ada.id if user.enabled else "passkey-disabled")


async def test_a_full_table_is_logged_and_changes_nothing_else(setup):
    class Full:
        def set_passkey(self, passkey: bytes, account: int) -> None:
            raise TooManyPasskeys

    await TrackerPasskeys(setup.accounts.passkeys, Full()).start()
    ada = await setup.join("ada")
    with structlog.testing.capture_logs() as logs:
        assert await setup.accounts.passkeys.passkey(ada.id)
    assert [(each["event"], each["account"]) for each in logs] == [("tracker.too_many_passkeys", ada.id)]
