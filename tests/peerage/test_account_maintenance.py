import asyncio

import pytest

from accounts.model import Scope
from peerage.account_maintenance import maintain_accounts
from peerage.one_time_links import OneTimeLinks
from peerage.setting_values import ListenAddress
from tests.support.accounts import open_accounts
from tests.support.clock import NOON
from tests.support.tasks import until


async def rounds(each, one_time_links, condition):
    """Keep up without a pause until something holds."""
    task = asyncio.create_task(maintain_accounts(each.accounts, one_time_links, every=0))
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
