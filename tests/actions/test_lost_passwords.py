"""Lost passwords over real accounts and a real SMTP server: who is mailed what, how often, and what nobody is told."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from accounts.model import NOBODY, Principal, Scope
from actions.lost_passwords import LINK_LIFETIME, MAILS_PER_ACCOUNT, MOST_WAITING, LostPasswords
from actions.mail import MailText
from bittorrent.refusal import Refusal
from storage.mail_addresses import SqlMailAddresses
from tests.support.accounts import HOME, PASSWORD, open_accounts
from tests.support.mail_servers import client, deliver, mail_server

ADA = "Ada@home.example"


def compose(name, link):
    return MailText("links", f"{name} {link}")


class Mailing:
    """Accounts of which ada has a confirmed address and bob has none."""

    @asynccontextmanager
    async def opened(self, folder):
        async with open_accounts(folder) as self.setup, mail_server() as self.box:
            self.accounts, self.clock = self.setup.accounts, self.setup.clock
            self.mailing = LostPasswords(
                self.accounts, SqlMailAddresses(self.setup.database), self.setup.secrets, client(self.box),
                "https://tracker.example/", clock=self.clock, retry_after=(0.0,),
            )  # fmt: skip
            self.ada, self.bob = await self.setup.join("ada"), await self.setup.join("bob")
            await self.mailing.propose(Principal(self.ada), ADA, PASSWORD, compose)
            await self.mailing.confirm((await self.links())[0])
            self.box.mails.clear()
            self.clock.now += 7200
            yield self

    async def links(self):
        """Send what waits, and return the secrets of what arrived."""
        await deliver(self.mailing)
        return [mail.get_content().split()[-1].rpartition("/")[2] for mail in self.box.mails]


@pytest.fixture
async def mailing(tmp_path):
    async with Mailing().opened(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("named", ["ada", "ADA", ADA, ADA.upper()])
async def test_a_link_goes_to_the_confirmed_address_and_sets_a_password_once(mailing, named):
    mailing.mailing.ask(named, HOME, compose)
    (secret,) = await mailing.links()
    assert mailing.box.recipients[-1] == [ADA]
    assert mailing.box.mails[0].get_content().split()[:2] == [
        "ada",
        f"https://tracker.example/welcome/{secret}",
    ]
    assert (await mailing.accounts.redeem_link(secret, "another password")).id == mailing.ada.id
    with pytest.raises(Refusal, match="link"):
        await mailing.accounts.redeem_link(secret, "a third password")
    assert (await mailing.accounts.log_in("ada", "another password", HOME)).id == mailing.ada.id


async def test_a_link_is_good_for_an_hour(mailing):
    mailing.mailing.ask("ada", HOME, compose)
    (secret,) = await mailing.links()
    mailing.clock.now += LINK_LIFETIME
    with pytest.raises(Refusal, match="link"):
        await mailing.accounts.redeem_link(secret, "another password")


async def test_whoever_asks_ends_no_link_of_an_admin(mailing):
    given = await mailing.accounts.issue_link(mailing.ada.id)
    mailing.mailing.ask("ada", HOME, compose)
    await mailing.links()
    assert (await mailing.accounts.link_owner(given)).id == mailing.ada.id


@pytest.mark.parametrize(
    "named", ["bob", "eve", "", "x" * 500, "eve@home.example", "ada\r\nBcc: x@y", "%", "a\0"]
)
async def test_nothing_goes_to_whoever_has_no_confirmed_address(mailing, named):
    assert mailing.mailing.ask(named, HOME, compose) is None
    assert await mailing.links() == []


async def test_nothing_goes_to_a_disabled_account(mailing):
    await mailing.setup.join("root")
    await mailing.accounts.set_enabled(mailing.ada.id, enabled=False)
    mailing.mailing.ask("ada", HOME, compose)
    assert await mailing.links() == []


async def test_an_account_gets_few_mails_in_an_hour_and_an_address_asks_few_times(mailing):
    for number in range(2 * MAILS_PER_ACCOUNT):
        mailing.mailing.ask("ada", bytes((10, 0, 0, number)), compose)
    assert len(await mailing.links()) == MAILS_PER_ACCOUNT
    mailing.clock.now += 3600
    for _ in range(10):
        mailing.mailing.ask("nobody", HOME, compose)
    with pytest.raises(Refusal) as refused:
        mailing.mailing.ask("ada", HOME, compose)
    assert refused.value.code == "login-slowed"
    mailing.mailing.ask("ada", b"\x0a\0\0\2", compose)
    assert len(await mailing.links()) == MAILS_PER_ACCOUNT + 1


async def test_what_waits_is_bounded(mailing):
    for number in range(2 * MOST_WAITING):
        mailing.mailing.ask("bob", bytes((10, 0, number // 200, number % 200)), compose)
    assert mailing.mailing._waiting.qsize() == MOST_WAITING


async def test_what_a_server_does_not_take_for_now_is_sent_again_and_what_it_never_takes_is_not(mailing):
    mailing.box.answers = ["451 later"]
    mailing.mailing.ask("ada", HOME, compose)
    assert len(await mailing.links()) == 1
    mailing.box.answers = ["550 never", "250 was not asked again"]
    mailing.mailing.ask("ada", HOME, compose)
    assert len(await mailing.links()) == 1
    assert mailing.box.answers == ["250 was not asked again"]


async def test_sending_goes_on_after_a_server_that_was_away(mailing):
    good = mailing.mailing.server
    mailing.mailing.server = replace(good, port=9)
    mailing.mailing.ask("ada", HOME, compose)
    assert await mailing.links() == []
    mailing.mailing.server = good
    mailing.mailing.ask("ada", HOME, compose)
    assert len(await mailing.links()) == 1


async def test_a_silent_server_keeps_nobody_else_waiting(mailing):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mailing.mailing.server = replace(mailing.mailing.server, port=port, timeout=0.2)
        mailing.mailing.ask("ada", HOME, compose)
        sending = asyncio.create_task(mailing.mailing.run())
        assert await mailing.accounts.check_password(mailing.bob.id, PASSWORD)
        await mailing.mailing.drained()
        sending.cancel()
    assert mailing.box.mails == []


async def test_an_address_counts_once_its_link_was_opened(mailing):
    me, at = Principal(mailing.bob), mailing.mailing
    for password, address, code in (("wrong", ADA, "bad-credentials"), (PASSWORD, "no address", "invalid")):
        with pytest.raises(Refusal) as refused:
            await at.propose(me, address, password, compose)
        assert refused.value.code == code
    await at.propose(me, "bob@home.example", PASSWORD, compose)
    state = await at.address_of(mailing.bob.id)
    assert (state.confirmed, state.waiting) == ("", "bob@home.example")
    (secret,) = await mailing.links()
    at.ask("bob", HOME, compose)
    at.ask("bob@home.example", HOME, compose)
    assert await mailing.links() == [secret]
    for wrong in ("x" * 43, "", "ä", secret + "x"):
        with pytest.raises(Refusal, match="link"):
            await at.confirm(wrong)
    await at.confirm(secret)
    with pytest.raises(Refusal, match="link"):
        await at.confirm(secret)
    state = await at.address_of(mailing.bob.id)
    assert (state.confirmed, state.waiting) == ("bob@home.example", "")
    with pytest.raises(Refusal):
        await at.forget(me, "wrong")
    await at.forget(me, PASSWORD)
    at.ask("bob", HOME, compose)
    assert await mailing.links() == [secret]


async def test_a_new_address_leaves_the_old_one_until_it_is_confirmed(mailing):
    await mailing.mailing.propose(Principal(mailing.ada), "new@home.example", PASSWORD, compose)
    mailing.mailing.ask("ada", HOME, compose)
    confirmation, _ = await mailing.links()
    assert mailing.box.recipients[-2:] == [["new@home.example"], [ADA]]
    mailing.clock.now += LINK_LIFETIME
    with pytest.raises(Refusal, match="link"):
        await mailing.mailing.confirm(confirmation)


async def test_keys_of_other_dialects_and_nobody_change_no_address(mailing):
    feed, _ = await mailing.accounts.mint(mailing.ada.id, Scope.FEED)
    for who, code in ((Principal(mailing.ada, feed), "forbidden"), (NOBODY, "unauthenticated")):
        with pytest.raises(Refusal) as refused:
            await mailing.mailing.propose(who, ADA, PASSWORD, compose)
        assert refused.value.code == code
