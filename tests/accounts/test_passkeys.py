import re

import pytest

from accounts.model import NOBODY, Principal, Scope
from accounts.passkeys import Passkeys
from accounts.secrets import Secrets
from tests.support.accounts import Random, open_accounts

HEX = re.compile(r"[0-9a-f]{32}")


async def test_a_passkey_is_the_same_after_a_restart_and_stored_nowhere(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("Ada")
        passkey = await setup.accounts.passkeys.passkey(ada.id)
    assert HEX.fullmatch(passkey)
    async with open_accounts(tmp_path) as setup:
        assert await setup.accounts.passkeys.passkey(ada.id) == passkey
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"links " in kept
    assert passkey.encode() not in kept
    assert bytes.fromhex(passkey) not in kept


async def test_a_passkey_is_a_key_like_any_other(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("Ada")
        passkey = await setup.accounts.passkeys.passkey(ada.id)
        principal = await setup.accounts.authenticate(passkey, Scope.PASSKEY)
        assert principal.user == ada
        [key] = await setup.accounts.keys(ada.id)
        assert principal.key == key
        await setup.accounts.revoke(key.id)
        other = await setup.accounts.passkeys.passkey(ada.id)
        assert other != passkey
        assert [found.revoked for found in await setup.accounts.keys(ada.id)] == [True, False]


@pytest.mark.parametrize("label", ["", "links ", "links é", "links " + "A" * 43, "links " + "A" * 44, "é"])
async def test_what_an_account_labels_itself_is_never_shown(tmp_path, label):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("Ada")
        _, secret = await setup.accounts.mint(ada.id, Scope.PASSKEY, label)
        passkey = await setup.accounts.passkeys.passkey(ada.id)
        assert passkey != secret
        assert (await setup.accounts.authenticate(passkey, Scope.PASSKEY)).user == ada


async def test_another_service_derives_another_passkey_of_the_same_database(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("Ada")
        passkey = await setup.accounts.passkeys.passkey(ada.id)
        elsewhere = Passkeys(setup.store, Secrets(b"o" * 32, Random()), setup.clock)
        assert await elsewhere.passkey(ada.id) != passkey


async def test_an_authkey_belongs_to_a_session_or_a_key(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada, bob = await setup.join("Ada"), await setup.join("Bob")
        authkey = setup.accounts.passkeys.authkey
        key, _ = await setup.accounts.mint(ada.id, Scope.GAZELLE)
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
