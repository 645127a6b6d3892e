import asyncio

import pytest

from accounts.model import Role, Scope
from bittorrent.refusal import Refusal
from tests.support.accounts import HOME, PASSWORD, Random, open_accounts
from tests.support.clock import NOON, Clock

DAY = 86_400


async def refused(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


async def code(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


async def test_an_account_is_found_by_id_and_by_name_in_any_case(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("Ada")
        assert (ada.name, ada.role, ada.enabled, ada.joined, ada.seen) == ("Ada", Role.USER, True, NOON, None)
        assert await setup.accounts.user(ada.id) == ada
        assert await setup.accounts.user("aDA") == ada
        assert await setup.accounts.user("eve") is None
        assert await code(setup.join("ADA")) == "taken"


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**200, -(2**63) - 1])
async def test_a_number_that_no_account_can_have_finds_nothing_and_changes_nothing(tmp_path, number):
    async with open_accounts(tmp_path) as setup:
        assert await setup.accounts.user(number) is None
        assert await setup.accounts.users_by_id([number]) == {}
        assert await setup.accounts.key(number) is None
        assert await setup.accounts.keys(number) == []
        await setup.accounts.close_session(number)
        for call in (
            setup.accounts.set_role(number, Role.USER),
            setup.accounts.set_enabled(number, enabled=False),
            setup.accounts.set_password(number, PASSWORD),
            setup.accounts.issue_link(number, 60),
            setup.accounts.open_session(number),
            setup.accounts.mint(number, Scope.REST),
            setup.accounts.revoke(number),
            setup.accounts.suspend(number, suspended=True),
        ):
            assert await code(call) == "not-found"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a" * 33,
        "-ada",
        ".ada",
        "a da",
        "ada\n",
        "ada\0",
        "ädä",
        "\u202eada",
        "ada\ud800",
        "a/b",
        "anonymous",
        "Anonymous",
        "' OR 1=1 --",
        "٣٤٥",
    ],
)
async def test_an_invalid_name_is_refused_with_its_field(tmp_path, name):
    async with open_accounts(tmp_path) as setup:
        refusal = await refused(setup.accounts.add(name, PASSWORD))
        assert refusal.code == "invalid"
        assert set(refusal.fields) == {"name"}
        assert await setup.accounts.user(name) is None


@pytest.mark.parametrize(
    "password", ["", "seven77", "x" * 1025, "longname", "LONGNAME", "half \ud83d a sign", "\udc00" * 9]
)
async def test_an_invalid_password_is_refused_with_its_field(tmp_path, password):
    async with open_accounts(tmp_path) as setup:
        refusal = await refused(setup.accounts.add("longname", password))
        assert refusal.code == "invalid"
        assert set(refusal.fields) == {"password"}


@pytest.mark.parametrize(
    "password", ["eight888", "x" * 1024, "nul\0 in the midst", "пароль на русском", "🐎" * 8]
)
async def test_a_password_of_any_characters_opens_its_account_alone(tmp_path, password):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("ada", password=password)
        await setup.join("eve")
        assert await setup.accounts.log_in("ADA", password, HOME) == ada
        assert await code(setup.accounts.log_in("eve", password, HOME)) == "bad-credentials"
        assert await code(setup.accounts.log_in("ada", password + "x", HOME)) == "bad-credentials"


async def test_a_password_is_the_same_however_its_accents_are_typed(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join("ada", password="caf\u00e9 au lait")
        assert await setup.accounts.log_in("ada", "cafe\u0301 au lait", HOME) == ada


@pytest.mark.parametrize("name", ["eve", "nobody", "", "x" * 10_000, "\0", "\ud800", "a\nb", "' OR ''='"])
@pytest.mark.parametrize("password", ["", "wrong password", "x" * 1_000_000, "\ud800" * 8, "\0"])
async def test_a_wrong_name_and_a_wrong_password_get_the_same_refusal(tmp_path, name, password):
    async with open_accounts(tmp_path) as setup:
        await setup.join("eve")
        refusal = await refused(setup.accounts.log_in(name, password, HOME))
        assert (refusal.code, refusal.detail, dict(refusal.fields)) == ("bad-credentials", "", {})


async def test_an_account_without_a_password_cannot_log_in(tmp_path):
    async with open_accounts(tmp_path) as setup:
        await setup.join("ada", password=None)
        for password in ("", PASSWORD):
            assert await code(setup.accounts.log_in("ada", password, HOME)) == "bad-credentials"


async def test_a_disabled_account_is_revealed_only_with_its_password(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        await setup.accounts.set_enabled(ada.id, enabled=False)
        assert await code(setup.accounts.log_in("ada", "not that one", HOME)) == "bad-credentials"
        assert await code(setup.accounts.log_in("ada", PASSWORD, HOME)) == "user-disabled"
        await setup.accounts.set_enabled(ada.id, enabled=True)
        await setup.accounts.log_in("ada", PASSWORD, HOME)


async def test_nobody_locks_another_out(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        answers = []
        for number in range(200):
            attacker = bytes([198, 51, 100, number % 8])
            answers.append(await code(setup.accounts.log_in("ada", f"guess {number} !", attacker)))
        assert "login-slowed" in answers
        assert await setup.accounts.log_in("ada", PASSWORD, HOME) == ada


async def test_the_last_admin_stays(tmp_path):
    async with open_accounts(tmp_path) as setup:
        root = await setup.join("root", Role.ADMIN)
        assert await code(setup.accounts.set_role(root.id, Role.MODERATOR)) == "last-admin"
        assert await code(setup.accounts.set_enabled(root.id, enabled=False)) == "last-admin"
        other = await setup.join("other", Role.ADMIN)
        results = await asyncio.gather(
            setup.accounts.set_role(root.id, Role.USER),
            setup.accounts.set_enabled(other.id, enabled=False),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["Refusal", "User"]
        assert len(await setup.accounts.admins()) == 1


async def test_disabling_somebody_else_does_not_count_as_the_last_admin(tmp_path):
    async with open_accounts(tmp_path) as setup:
        await setup.join("root", Role.ADMIN)
        ada = await setup.join()
        assert not (await setup.accounts.set_enabled(ada.id, enabled=False)).enabled
        assert (await setup.accounts.set_role(ada.id, Role.ADMIN)).role is Role.ADMIN
        # A disabled admin cannot administer.
        assert len(await setup.accounts.admins()) == 1


# One-time links


async def test_a_link_sets_the_password_once(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join(password=None)
        secret = await setup.accounts.issue_link(ada.id, 60)
        assert await setup.accounts.link_owner(secret) == ada
        assert await code(setup.accounts.redeem_link(secret, "short")) == "invalid"
        assert await setup.accounts.redeem_link(secret, PASSWORD) == ada
        assert await code(setup.accounts.redeem_link(secret, "another password")) == "bad-link"
        assert await code(setup.accounts.link_owner(secret)) == "bad-link"
        await setup.accounts.log_in("ada", PASSWORD, HOME)


async def test_a_link_that_two_redeem_at_once_is_redeemed_by_one(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join(password=None)
        secret = await setup.accounts.issue_link(ada.id, 60)
        words = [f"password number {n}" for n in range(4)]
        results = await asyncio.gather(
            *(setup.accounts.redeem_link(secret, word) for word in words), return_exceptions=True
        )
        won = [word for word, result in zip(words, results, strict=True) if result == ada]
        assert len(won) == 1
        await setup.accounts.log_in("ada", won[0], HOME)


async def test_a_link_ends_with_its_time_another_link_a_password_and_its_account(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        first = await setup.accounts.issue_link(ada.id, 60)
        second = await setup.accounts.issue_link(ada.id, 60)
        assert await code(setup.accounts.link_owner(first)) == "bad-link"
        setup.clock.now += 60
        assert await code(setup.accounts.link_owner(second)) == "bad-link"
        third = await setup.accounts.issue_link(ada.id, 60)
        await setup.accounts.set_password(ada.id, "some other password")
        assert await code(setup.accounts.link_owner(third)) == "bad-link"
        fourth = await setup.accounts.issue_link(ada.id, 60)
        await setup.accounts.set_enabled(ada.id, enabled=False)
        assert await code(setup.accounts.link_owner(fourth)) == "bad-link"
        assert await code(setup.accounts.issue_link(ada.id, 60)) == "user-disabled"
        await setup.accounts.set_enabled(ada.id, enabled=True)
        assert await code(setup.accounts.link_owner(fourth)) == "bad-link"


@pytest.mark.parametrize(
    "secret", ["", "x", "x" * 43, "x" * 10**6, "\0" * 43, "é" * 43, "\ud800" * 43, "../.."]
)
async def test_a_malformed_link_is_refused(tmp_path, secret):
    async with open_accounts(tmp_path) as setup:
        assert await code(setup.accounts.link_owner(secret)) == "bad-link"
        assert await code(setup.accounts.redeem_link(secret, PASSWORD)) == "bad-link"


# Sessions


async def test_a_session_authenticates_its_account_until_it_ends(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        cookie, lifetime = await setup.accounts.open_session(ada.id)
        principal = await setup.accounts.session(cookie)
        assert lifetime == 3600
        assert (principal.user, principal.key) == (ada, None)
        other, kept = await setup.accounts.open_session(ada.id, keep=True)
        assert kept == 30 * DAY
        await setup.accounts.close_session(principal.session)
        assert await setup.accounts.session(cookie) is None
        setup.clock.now += 3600
        assert await setup.accounts.session(other) is not None
        setup.clock.now += 30 * DAY
        assert await setup.accounts.session(other) is None


@pytest.mark.parametrize("how", ["expires", "disable", "password", "link", "close"])
async def test_a_session_that_was_just_used_ends_at_once(tmp_path, how):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        cookie, lifetime = await setup.accounts.open_session(ada.id)
        session = (await setup.accounts.session(cookie)).session
        match how:
            case "expires":
                setup.clock.now += lifetime
            case "disable":
                await setup.accounts.set_enabled(ada.id, enabled=False)
            case "password":
                await setup.accounts.set_password(ada.id, "some other password")
            case "link":
                await setup.accounts.redeem_link(await setup.accounts.issue_link(ada.id, 60), PASSWORD)
            case "close":
                await setup.accounts.close_session(session)
        assert await setup.accounts.session(cookie) is None


async def test_a_forged_cookie_authenticates_nobody(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        cookie, _ = await setup.accounts.open_session(ada.id)
        secret, signature = cookie.split(".")
        foreign = f"{secret}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}"
        for text in (
            secret,
            f"{secret}.",
            foreign,
            f".{signature}",
            "",
            ".",
            "x" * 10**6,
            "\0",
            "é.é",
            "\ud800",
        ):
            assert await setup.accounts.session(text) is None


async def test_a_form_token_is_of_its_session_alone(tmp_path):
    async with open_accounts(tmp_path) as setup:
        token = setup.accounts.csrf_token(7)
        assert setup.accounts.is_csrf_token(7, token)
        for text in ("", token[:-1], token + "0", token.upper(), "é", "\ud800", "\0", "x" * 10**6):
            assert not setup.accounts.is_csrf_token(7, text)
        assert not setup.accounts.is_csrf_token(8, token)


async def test_an_account_has_a_bounded_number_of_sessions(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        cookies = [(await setup.accounts.open_session(ada.id))[0] for _ in range(102)]
        alive = [await setup.accounts.session(cookie) is not None for cookie in cookies]
        assert alive == [False] * 2 + [True] * 100


# Keys


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_key_opens_its_scope_alone(tmp_path, scope):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, scope, "mine", methods=frozenset({"a", "b"}))
        principal = await setup.accounts.authenticate(secret, scope)
        assert (principal.user, principal.key, principal.session) == (ada, key, None)
        assert (key.label, key.methods, key.expires, key.used) == ("mine", {"a", "b"}, None, None)
        for other in set(Scope) - {scope}:
            assert await code(setup.accounts.authenticate(secret, other)) == "bad-token"


async def test_secrets_have_the_form_that_each_dialect_expects(tmp_path):
    async with open_accounts(tmp_path, keys_per_user=len(Scope)) as setup:
        ada = await setup.join()
        minted = [(scope, (await setup.accounts.mint(ada.id, scope))[1]) for scope in Scope]
        for scope, secret in minted:
            if scope in (Scope.TORRENT_API, Scope.PASSKEY):
                assert len(bytes.fromhex(secret)) == 16
                assert secret == secret.lower()
            else:
                prefix, rest = secret[:-43], secret[-43:]
                assert prefix == f"pg_{scope}_"
                assert rest.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    "secret",
    [
        "",
        " ",
        "0" * 32,
        "A" * 32,
        "pg_rest_",
        "pg_rest_" + "x" * 43,
        "pg_rest_" + "x" * 44,
        "pg_rest_" + "\0" * 43,
        "pg_rest_" + "é" * 43,
        "PG_REST_" + "x" * 43,
        "pg_gazelle_" + "x" * 42 + "\n",
        "\ud800" * 32,
        "x" * 10**6,
        "' OR 1=1 --",
        "٠" * 32,
    ],
)
async def test_a_malformed_key_is_refused(tmp_path, scope, secret):
    async with open_accounts(tmp_path) as setup:
        await setup.accounts.mint((await setup.join()).id, scope)
        assert await code(setup.accounts.authenticate(secret, scope)) == "bad-token"


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("expire", "token-expired"),
        ("revoke", "token-revoked"),
        ("suspend", "key-suspended"),
        ("disable", "user-disabled"),
        ("revoke and suspend", "token-revoked"),
    ],
)
async def test_a_key_ends_at_once_though_it_was_just_used(tmp_path, warm, how, expected):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, Scope.REST, lifetime=60)
        if warm:
            await setup.accounts.authenticate(secret, Scope.REST)
        if "expire" in how:
            setup.clock.now += 60
        if "revoke" in how:
            assert (await setup.accounts.revoke(key.id)).revoked
        if "suspend" in how:
            assert (await setup.accounts.suspend(key.id, suspended=True)).suspended
        if "disable" in how:
            await setup.accounts.set_enabled(ada.id, enabled=False)
        assert await code(setup.accounts.authenticate(secret, Scope.REST)) == expected


async def test_a_suspended_key_comes_back_and_a_revoked_one_does_not(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, Scope.REST)
        await setup.accounts.suspend(key.id, suspended=True)
        await setup.accounts.suspend(key.id, suspended=False)
        await setup.accounts.authenticate(secret, Scope.REST)
        await setup.accounts.revoke(key.id)
        await setup.accounts.revoke(key.id)
        await setup.accounts.suspend(key.id, suspended=False)
        assert await code(setup.accounts.authenticate(secret, Scope.REST)) == "token-revoked"


async def test_a_change_of_role_shows_in_the_next_request(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        _, secret = await setup.accounts.mint(ada.id, Scope.REST)
        cookie, _ = await setup.accounts.open_session(ada.id)
        for role in (Role.ADMIN, Role.MODERATOR):
            await setup.join(f"root-{role}", Role.ADMIN)
            await setup.accounts.set_role(ada.id, role)
            assert (await setup.accounts.authenticate(secret, Scope.REST)).user.role is role
            assert (await setup.accounts.session(cookie)).user.role is role


async def test_what_was_read_while_a_key_was_revoked_is_not_cached(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, Scope.REST)
        find, held, revoked = setup.store.key_by_digest, asyncio.Event(), asyncio.Event()

        async def slow(digest):
            found = await find(digest)
            held.set()
            await revoked.wait()
            return found

        setup.store.key_by_digest = slow
        asking = asyncio.create_task(setup.accounts.authenticate(secret, Scope.REST))
        await held.wait()
        await setup.accounts.revoke(key.id)
        revoked.set()
        await asking  # it was asked before the revocation
        setup.store.key_by_digest = find
        assert await code(setup.accounts.authenticate(secret, Scope.REST)) == "token-revoked"


async def test_a_key_that_was_just_used_is_not_looked_up_again(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        _, secret = await setup.accounts.mint(ada.id, Scope.REST)
        first = await setup.accounts.authenticate(secret, Scope.REST)
        setup.store.key_by_digest = None
        assert await setup.accounts.authenticate(secret, Scope.REST) == first


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"label": "x" * 101}, "label"),
        ({"label": "two\nlines"}, "label"),
        ({"label": "\u202e"}, "label"),
        ({"label": "\ud800"}, "label"),
        ({"methods": frozenset()}, "methods"),
        ({"methods": frozenset({""})}, "methods"),
        ({"methods": frozenset({"a b"})}, "methods"),
        ({"methods": frozenset(map(str, range(65)))}, "methods"),
        ({"lifetime": 0}, "lifetime"),
        ({"lifetime": -1}, "lifetime"),
        ({"lifetime": 2**70}, "lifetime"),
    ],
)
async def test_invalid_key_attributes_are_refused_with_their_field(tmp_path, options, field):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        refusal = await refused(setup.accounts.mint(ada.id, Scope.REST, **options))
        assert refusal.code == "invalid"
        assert set(refusal.fields) == {field}
        assert await setup.accounts.keys(ada.id) == []


async def test_an_account_has_a_bounded_number_of_keys(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada, eve = await setup.join(), await setup.join("eve")
        minted = await asyncio.gather(
            *(setup.accounts.mint(ada.id, Scope.REST, "program") for _ in range(8)), return_exceptions=True
        )
        assert [type(each).__name__ for each in minted].count("tuple") == 5
        assert await code(setup.accounts.mint(ada.id, Scope.REST)) == "full"
        await setup.accounts.mint(eve.id, Scope.REST)
        oldest = (await setup.accounts.keys(ada.id))[0]
        await setup.accounts.mint(ada.id, Scope.REST, "program", login=True)
        assert (await setup.accounts.key(oldest.id)).revoked
        assert await code(setup.accounts.mint(ada.id, Scope.FEED, "program", login=True)) == "full"


async def test_dead_keys_do_not_pile_up(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        for _ in range(20):
            key, _ = await setup.accounts.mint(ada.id, Scope.REST)
            await setup.accounts.revoke(key.id)
        assert len(await setup.accounts.keys(ada.id)) <= 6
        setup.clock.now += 31 * DAY
        assert await setup.accounts.purge() > 0
        assert await setup.accounts.keys() == []


async def test_purging_deletes_expired_records_only(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada, eve = await setup.join(), await setup.join("eve")
        short, _ = await setup.accounts.open_session(ada.id)
        long, _ = await setup.accounts.open_session(ada.id, keep=True)
        await setup.accounts.issue_link(ada.id, 60)
        live_link = await setup.accounts.issue_link(eve.id, DAY)
        _, secret = await setup.accounts.mint(ada.id, Scope.REST)
        expired, _ = await setup.accounts.mint(ada.id, Scope.REST, lifetime=60)
        setup.clock.now += 3600
        assert await setup.accounts.purge() == 2
        assert await setup.accounts.session(long) is not None
        assert await setup.accounts.session(short) is None
        assert await setup.accounts.link_owner(live_link) == eve
        assert [key.id for key in await setup.accounts.keys(ada.id)][-1] == expired.id
        await setup.accounts.authenticate(secret, Scope.REST)


# Uses


async def test_a_use_is_written_with_the_next_flush_and_never_decreases(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, Scope.REST)
        setup.clock.now += 10
        await setup.accounts.authenticate(secret, Scope.REST)
        assert (await setup.accounts.key(key.id)).used is None
        await setup.accounts.flush_last_used()
        assert (await setup.accounts.key(key.id)).used == NOON + 10
        assert (await setup.accounts.user(ada.id)).seen == NOON + 10
        setup.clock.now -= 5
        await setup.accounts.authenticate(secret, Scope.REST)
        await setup.accounts.flush_last_used()
        assert (await setup.accounts.key(key.id)).used == NOON + 10


async def test_uses_that_could_not_be_written_are_written_later(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, Scope.REST)
        await setup.accounts.authenticate(secret, Scope.REST)
        note = setup.store.write_last_used

        async def fail(*_):
            raise OSError("disk full")

        setup.store.write_last_used = fail
        with pytest.raises(OSError, match="disk full"):
            await setup.accounts.flush_last_used()
        setup.store.write_last_used = note
        await setup.accounts.flush_last_used()
        assert (await setup.accounts.key(key.id)).used == NOON


async def test_closing_writes_the_last_uses(tmp_path):
    async with open_accounts(tmp_path) as setup:
        _, secret = await setup.accounts.mint((await setup.join()).id, Scope.REST)
        await setup.accounts.authenticate(secret, Scope.REST)
    async with open_accounts(tmp_path) as setup:
        assert (await setup.accounts.user("ada")).seen == NOON


async def test_a_failed_request_is_not_a_use(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        key, secret = await setup.accounts.mint(ada.id, Scope.REST)
        await setup.accounts.suspend(key.id, suspended=True)
        await refused(setup.accounts.authenticate(secret, Scope.REST))
        await setup.accounts.flush_last_used()
        assert (await setup.accounts.key(key.id)).used is None


# Lists


async def test_accounts_are_listed_by_name_and_searched_by_part_of_it(tmp_path):
    async with open_accounts(tmp_path) as setup:
        for name in ("Zoe", "ada", "Adam", "a_b", "a.b"):
            await setup.join(name)
        found = {
            text: [user.name for user in (await setup.accounts.users(text, 0, 10))[0]]
            for text in ("", "AD", "a_b", "%", "_", "\\", "ä", "\0", "\ud800", "' OR 1=1 --")
        }
        assert found[""] == ["a.b", "a_b", "ada", "Adam", "Zoe"]
        assert found["AD"] == ["ada", "Adam"]
        assert found["a_b"] == found["_"] == ["a_b"]
        assert [found[text] for text in ("%", "\\", "ä", "\0", "\ud800", "' OR 1=1 --")] == [[]] * 6
        page, total = await setup.accounts.users("", 1, 2)
        assert ([user.name for user in page], total) == (["a_b", "ada"], 5)
        assert await setup.accounts.users("", 2**70, 2) == ([], 5)


async def test_accounts_are_counted_by_when_they_were_seen(tmp_path):
    async with open_accounts(tmp_path) as setup:
        for age, name in ((0, "now"), (3, "lately"), (20, "once"), (90, "long-ago"), (None, "never")):
            user = await setup.join(name)
            if age is not None:
                await setup.store.write_last_used({user.id: NOON - age * DAY}, {})
        await setup.accounts.set_enabled(user.id, enabled=False)
        found = await setup.accounts.totals(NOON)
    assert found == {"users": 5, "enabled": 4, "day": 1, "week": 2, "month": 3}


async def test_an_empty_service_has_no_accounts(tmp_path):
    async with open_accounts(tmp_path) as setup:
        found = await setup.accounts.totals(NOON)
    assert found == {"users": 0, "enabled": 0, "day": 0, "week": 0, "month": 0}


# What is on disk


async def test_no_secret_is_in_the_database_or_derivable_without_the_key(tmp_path):
    async with open_accounts(tmp_path) as setup:
        ada = await setup.join()
        keys = [(await setup.accounts.mint(ada.id, scope))[1] for scope in (Scope.REST, Scope.PASSKEY)]
        cookie, _ = await setup.accounts.open_session(ada.id)
        link = await setup.accounts.issue_link(ada.id, 60)
        secrets = [*keys, keys[0][-43:], cookie.split(".")[0], link, PASSWORD]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ada" in written
    for secret in secrets:
        assert secret.encode() not in written
        for raw in [bytes.fromhex(secret)] if len(secret) == 32 else []:
            assert raw not in written


async def test_everything_is_the_same_after_reopening(tmp_path):
    clock, random = Clock(), Random()
    async with open_accounts(tmp_path, clock=clock, random=random) as setup:
        ada = await setup.join()
        _, secret = await setup.accounts.mint(ada.id, Scope.REST, methods=frozenset({"a"}), lifetime=60)
        revoked, dead = await setup.accounts.mint(ada.id, Scope.REST)
        await setup.accounts.revoke(revoked.id)
        cookie, _ = await setup.accounts.open_session(ada.id)
    async with open_accounts(tmp_path, clock=clock, random=random) as setup:
        principal = await setup.accounts.authenticate(secret, Scope.REST)
        assert principal.key.methods == {"a"}
        assert await setup.accounts.session(cookie) is not None
        assert await code(setup.accounts.authenticate(dead, Scope.REST)) == "token-revoked"
        await setup.accounts.log_in("ada", PASSWORD, HOME)
