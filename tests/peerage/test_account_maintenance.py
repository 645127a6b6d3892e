import asyncio

import pytest

from accounts.erasure import ErasureLine, Writings
from accounts.model import Scope
from accounts.rights import Rights
from actions.erasure import AccountErasure
from peerage.account_maintenance import maintain_accounts
from peerage.one_time_links import OneTimeLinks
from peerage.setting_values import ListenAddress
from storage.erasure import SqlErasures
from tests.support.accounts import open_accounts
from tests.support.clock import NOON
from tests.support.tasks import until


def erasing(each):
    """What erases accounts, where nothing counts and nothing is fetched."""

    async def nothing(*_):
        pass

    store = SqlErasures(each.database)
    return AccountErasure(
        each.accounts, Rights(frozenset()), store, each.clock, write_counts=nothing, end_work=nothing
    )


async def rounds(each, one_time_links, condition):
    """Keep up without a pause until something holds."""
    task = asyncio.create_task(maintain_accounts(each.accounts, one_time_links, erasing(each), every=0))
    await until(lambda: task.done() or condition())
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("failing", [None, "purge", "link_owner"])
async def test_uses_are_written_though_something_else_fails(tmp_path, failing):
    async with open_accounts(tmp_path) as each:
        one_time_links = OneTimeLinks(each.accounts, tmp_path, None, [ListenAddress("127.0.0.1", 1)])
        await one_time_links.open([ListenAddress("127.0.0.1", 1)])
        key, secret = await each.accounts.mint((await each.join()).id, Scope.REST)
        await each.accounts.authenticate(secret, Scope.REST)

        async def fail(*_):
            raise OSError("disk full")

        if failing is not None:
            setattr(each.store, failing, fail)

        async def written():
            return (await each.accounts.key(key.id)).used == NOON

        await rounds(each, one_time_links, written)
        assert await written()


async def test_the_first_admins_file_goes_once_its_link_is_redeemed(tmp_path):
    async with open_accounts(tmp_path) as each:
        one_time_links = OneTimeLinks(each.accounts, tmp_path, None, [ListenAddress("127.0.0.1", 1)])
        await one_time_links.open([ListenAddress("127.0.0.1", 1)])
        secret = one_time_links.pending.read_text().strip().rpartition("/")[2]
        await each.accounts.redeem_link(secret, "a very good one")

        async def gone():
            return one_time_links.pending is None

        await rounds(each, one_time_links, gone)
        assert not (tmp_path / "first-admin-link").exists()


async def test_an_erasure_that_was_interrupted_is_finished(tmp_path):
    async with open_accounts(tmp_path) as each:
        one_time_links = OneTimeLinks(each.accounts, tmp_path, None, [ListenAddress("127.0.0.1", 1)])
        user, store = await each.join(), SqlErasures(each.database)
        await store.begin(user.id, Writings.KEEP, ErasureLine(None, "", NOON))
        assert await store.waiting() == [user.id]

        async def finished():
            return await store.waiting() == []

        await rounds(each, one_time_links, finished)
