import asyncio
import re

import pytest

from accounts.model import NOBODY, Principal, Scope
from accounts.passkeys import Passkeys
from accounts.secrets import Secrets
from tests.support.accounts import Random, open_accounts

HEX = re.compile(r"[0-9a-f]{32}")


def run(folder, work):
    async def main():
        async with open_accounts(folder) as each:
            return await work(each)

    return asyncio.run(main())


def test_a_passkey_is_the_same_after_a_restart_and_stored_nowhere(tmp_path):
    async def first(each):
        ada = await each.join("Ada")
        return ada.id, await each.accounts.passkeys.passkey(ada.id)

    async def second(each):
        return await each.accounts.passkeys.passkey(number)

    number, passkey = run(tmp_path, first)
    assert HEX.fullmatch(passkey)
    assert run(tmp_path, second) == passkey
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"links " in kept
    assert passkey.encode() not in kept
    assert bytes.fromhex(passkey) not in kept


def test_a_passkey_is_a_key_like_any_other(tmp_path):
    async def work(each):
        ada = await each.join("Ada")
        passkey = await each.accounts.passkeys.passkey(ada.id)
        principal = await each.accounts.authenticate(passkey, Scope.PASSKEY)
        assert principal.user == ada
        [key] = await each.accounts.keys(ada.id)
        assert principal.key == key
        await each.accounts.revoke(key.id)
        other = await each.accounts.passkeys.passkey(ada.id)
        assert other != passkey
        assert [found.revoked for found in await each.accounts.keys(ada.id)] == [True, False]

    run(tmp_path, work)


@pytest.mark.parametrize("label", ["", "links ", "links é", "links " + "A" * 43, "links " + "A" * 44, "é"])
def test_what_an_account_labels_itself_is_never_shown(tmp_path, label):
    async def work(each):
        ada = await each.join("Ada")
        _, secret = await each.accounts.mint(ada.id, Scope.PASSKEY, label)
        passkey = await each.accounts.passkeys.passkey(ada.id)
        assert passkey != secret
        assert (await each.accounts.authenticate(passkey, Scope.PASSKEY)).user == ada

    run(tmp_path, work)


def test_another_service_derives_another_passkey_of_the_same_database(tmp_path):
    async def work(each):
        ada = await each.join("Ada")
        passkey = await each.accounts.passkeys.passkey(ada.id)
        elsewhere = Passkeys(each.store, Secrets(b"o" * 32, Random()), each.clock)
        assert await elsewhere.passkey(ada.id) != passkey

    run(tmp_path, work)


def test_an_authkey_belongs_to_a_session_or_a_key(tmp_path):
    async def work(each):
        ada, bob = await each.join("Ada"), await each.join("Bob")
        authkey = each.accounts.passkeys.authkey
        key, _ = await each.accounts.mint(ada.id, Scope.GAZELLE)
        asking = [
            NOBODY,
            Principal(ada, session=1),
            Principal(ada, session=2),
            Principal(bob, session=1),
            Principal(ada, key=key),
        ]
        assert len({authkey(each) for each in asking}) == len(asking)
        assert [authkey(each) for each in asking] == [authkey(each) for each in asking]
        assert all(HEX.fullmatch(authkey(each)) for each in asking)

    run(tmp_path, work)
