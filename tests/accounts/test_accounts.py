import asyncio

import pytest

from accounts.model import Role, Scope
from bittorrent.refusal import Refusal
from tests.support.accounts import HOME, PASSWORD, Random, open_accounts
from tests.support.clock import NOON, Clock

DAY = 86_400


def run(folder, work, **options):
    async def main():
        async with open_accounts(folder, **options) as each:
            return await work(each)

    return asyncio.run(main())


async def refused(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


async def code(awaitable):
    return (await refused(awaitable)).code


def test_an_account_is_found_by_id_and_by_name_in_any_case(tmp_path):
    async def work(each):
        ada = await each.join("Ada")
        assert (ada.name, ada.role, ada.enabled, ada.joined, ada.seen) == ("Ada", Role.USER, True, NOON, None)
        assert await each.accounts.user(ada.id) == ada
        assert await each.accounts.user("aDA") == ada
        assert await each.accounts.user("eve") is None
        assert await code(each.join("ADA")) == "taken"

    run(tmp_path, work)


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**200, -(2**63) - 1])
def test_a_number_that_no_account_can_have_finds_nothing_and_changes_nothing(tmp_path, number):
    async def work(each):
        assert await each.accounts.user(number) is None
        assert await each.accounts.users_by_id([number]) == {}
        assert await each.accounts.key(number) is None
        assert await each.accounts.keys(number) == []
        await each.accounts.close_session(number)
        for call in (
            each.accounts.set_role(number, Role.USER),
            each.accounts.set_enabled(number, enabled=False),
            each.accounts.set_password(number, PASSWORD),
            each.accounts.issue_link(number, 60),
            each.accounts.open_session(number),
            each.accounts.mint(number, Scope.REST),
            each.accounts.revoke(number),
            each.accounts.suspend(number, suspended=True),
        ):
            assert await code(call) == "not-found"

    run(tmp_path, work)


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
def test_an_invalid_name_is_refused_with_its_field(tmp_path, name):
    async def work(each):
        refusal = await refused(each.accounts.add(name, PASSWORD))
        assert refusal.code == "invalid"
        assert set(refusal.fields) == {"name"}
        assert await each.accounts.user(name) is None

    run(tmp_path, work)


@pytest.mark.parametrize(
    "password", ["", "seven77", "x" * 1025, "longname", "LONGNAME", "half \ud83d a sign", "\udc00" * 9]
)
def test_an_invalid_password_is_refused_with_its_field(tmp_path, password):
    async def work(each):
        refusal = await refused(each.accounts.add("longname", password))
        assert refusal.code == "invalid"
        assert set(refusal.fields) == {"password"}

    run(tmp_path, work)


@pytest.mark.parametrize(
    "password", ["eight888", "x" * 1024, "nul\0 in the midst", "пароль на русском", "🐎" * 8]
)
def test_a_password_of_any_characters_opens_its_account_alone(tmp_path, password):
    async def work(each):
        ada = await each.join("ada", password=password)
        await each.join("eve")
        assert await each.accounts.log_in("ADA", password, HOME) == ada
        assert await code(each.accounts.log_in("eve", password, HOME)) == "bad-credentials"
        assert await code(each.accounts.log_in("ada", password + "x", HOME)) == "bad-credentials"

    run(tmp_path, work)


def test_a_password_is_the_same_however_its_accents_are_typed(tmp_path):
    async def work(each):
        await each.join("ada", password="caf\u00e9 au lait")
        await each.accounts.log_in("ada", "cafe\u0301 au lait", HOME)

    run(tmp_path, work)


@pytest.mark.parametrize("name", ["eve", "nobody", "", "x" * 10_000, "\0", "\ud800", "a\nb", "' OR ''='"])
@pytest.mark.parametrize("password", ["", "wrong password", "x" * 1_000_000, "\ud800" * 8, "\0"])
def test_a_wrong_name_and_a_wrong_password_get_the_same_refusal(tmp_path, name, password):
    async def work(each):
        await each.join("eve")
        refusal = await refused(each.accounts.log_in(name, password, HOME))
        assert (refusal.code, refusal.detail, dict(refusal.fields)) == ("bad-credentials", "", {})

    run(tmp_path, work)


def test_an_account_without_a_password_cannot_log_in(tmp_path):
    async def work(each):
        await each.join("ada", password=None)
        for password in ("", PASSWORD):
            assert await code(each.accounts.log_in("ada", password, HOME)) == "bad-credentials"

    run(tmp_path, work)


def test_a_disabled_account_is_revealed_only_with_its_password(tmp_path):
    async def work(each):
        ada = await each.join()
        await each.accounts.set_enabled(ada.id, enabled=False)
        assert await code(each.accounts.log_in("ada", "not that one", HOME)) == "bad-credentials"
        assert await code(each.accounts.log_in("ada", PASSWORD, HOME)) == "user-disabled"
        await each.accounts.set_enabled(ada.id, enabled=True)
        await each.accounts.log_in("ada", PASSWORD, HOME)

    run(tmp_path, work)


def test_nobody_locks_another_out(tmp_path):
    async def work(each):
        ada = await each.join()
        answers = []
        for number in range(200):
            attacker = bytes([198, 51, 100, number % 8])
            answers.append(await code(each.accounts.log_in("ada", f"guess {number} !", attacker)))
        assert "login-slowed" in answers
        assert await each.accounts.log_in("ada", PASSWORD, HOME) == ada

    run(tmp_path, work)


def test_the_last_admin_stays(tmp_path):
    async def work(each):
        root = await each.join("root", Role.ADMIN)
        assert await code(each.accounts.set_role(root.id, Role.MODERATOR)) == "last-admin"
        assert await code(each.accounts.set_enabled(root.id, enabled=False)) == "last-admin"
        other = await each.join("other", Role.ADMIN)
        results = await asyncio.gather(
            each.accounts.set_role(root.id, Role.USER),
            each.accounts.set_enabled(other.id, enabled=False),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["Refusal", "User"]
        assert len(await each.accounts.admins()) == 1

    run(tmp_path, work)


def test_disabling_somebody_else_does_not_count_as_the_last_admin(tmp_path):
    async def work(each):
        await each.join("root", Role.ADMIN)
        ada = await each.join()
        assert not (await each.accounts.set_enabled(ada.id, enabled=False)).enabled
        assert (await each.accounts.set_role(ada.id, Role.ADMIN)).role is Role.ADMIN
        # A disabled admin cannot administer.
        assert len(await each.accounts.admins()) == 1

    run(tmp_path, work)


# One-time links


def test_a_link_sets_the_password_once(tmp_path):
    async def work(each):
        ada = await each.join(password=None)
        secret = await each.accounts.issue_link(ada.id, 60)
        assert await each.accounts.link_owner(secret) == ada
        assert await code(each.accounts.redeem_link(secret, "short")) == "invalid"
        assert await each.accounts.redeem_link(secret, PASSWORD) == ada
        assert await code(each.accounts.redeem_link(secret, "another password")) == "bad-link"
        assert await code(each.accounts.link_owner(secret)) == "bad-link"
        await each.accounts.log_in("ada", PASSWORD, HOME)

    run(tmp_path, work)


def test_a_link_that_two_redeem_at_once_is_redeemed_by_one(tmp_path):
    async def work(each):
        ada = await each.join(password=None)
        secret = await each.accounts.issue_link(ada.id, 60)
        words = [f"password number {n}" for n in range(4)]
        results = await asyncio.gather(
            *(each.accounts.redeem_link(secret, word) for word in words), return_exceptions=True
        )
        won = [word for word, result in zip(words, results, strict=True) if result == ada]
        assert len(won) == 1
        await each.accounts.log_in("ada", won[0], HOME)

    run(tmp_path, work)


def test_a_link_ends_with_its_time_another_link_a_password_and_its_account(tmp_path):
    async def work(each):
        ada = await each.join()
        first = await each.accounts.issue_link(ada.id, 60)
        second = await each.accounts.issue_link(ada.id, 60)
        assert await code(each.accounts.link_owner(first)) == "bad-link"
        each.clock.now += 60
        assert await code(each.accounts.link_owner(second)) == "bad-link"
        third = await each.accounts.issue_link(ada.id, 60)
        await each.accounts.set_password(ada.id, "some other password")
        assert await code(each.accounts.link_owner(third)) == "bad-link"
        fourth = await each.accounts.issue_link(ada.id, 60)
        await each.accounts.set_enabled(ada.id, enabled=False)
        assert await code(each.accounts.link_owner(fourth)) == "bad-link"
        assert await code(each.accounts.issue_link(ada.id, 60)) == "user-disabled"
        await each.accounts.set_enabled(ada.id, enabled=True)
        assert await code(each.accounts.link_owner(fourth)) == "bad-link"

    run(tmp_path, work)


@pytest.mark.parametrize(
    "secret", ["", "x", "x" * 43, "x" * 10**6, "\0" * 43, "é" * 43, "\ud800" * 43, "../.."]
)
def test_a_malformed_link_is_refused(tmp_path, secret):
    async def work(each):
        assert await code(each.accounts.link_owner(secret)) == "bad-link"
        assert await code(each.accounts.redeem_link(secret, PASSWORD)) == "bad-link"

    run(tmp_path, work)


# Sessions


def test_a_session_authenticates_its_account_until_it_ends(tmp_path):
    async def work(each):
        ada = await each.join()
        cookie, lifetime = await each.accounts.open_session(ada.id)
        principal = await each.accounts.session(cookie)
        assert lifetime == 3600
        assert (principal.user, principal.key) == (ada, None)
        other, kept = await each.accounts.open_session(ada.id, keep=True)
        assert kept == 30 * DAY
        await each.accounts.close_session(principal.session)
        assert await each.accounts.session(cookie) is None
        each.clock.now += 3600
        assert await each.accounts.session(other) is not None
        each.clock.now += 30 * DAY
        assert await each.accounts.session(other) is None

    run(tmp_path, work)


@pytest.mark.parametrize("how", ["expires", "disable", "password", "link", "close"])
def test_a_session_that_was_just_used_ends_at_once(tmp_path, how):
    async def work(each):
        ada = await each.join()
        cookie, lifetime = await each.accounts.open_session(ada.id)
        session = (await each.accounts.session(cookie)).session
        match how:
            case "expires":
                each.clock.now += lifetime
            case "disable":
                await each.accounts.set_enabled(ada.id, enabled=False)
            case "password":
                await each.accounts.set_password(ada.id, "some other password")
            case "link":
                await each.accounts.redeem_link(await each.accounts.issue_link(ada.id, 60), PASSWORD)
            case "close":
                await each.accounts.close_session(session)
        assert await each.accounts.session(cookie) is None

    run(tmp_path, work)


def test_a_forged_cookie_authenticates_nobody(tmp_path):
    async def work(each):
        ada = await each.join()
        cookie, _ = await each.accounts.open_session(ada.id)
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
            assert await each.accounts.session(text) is None

    run(tmp_path, work)


def test_a_form_token_is_of_its_session_alone(tmp_path):
    async def work(each):
        token = each.accounts.csrf_token(7)
        assert each.accounts.is_csrf_token(7, token)
        for text in ("", token[:-1], token + "0", token.upper(), "é", "\ud800", "\0", "x" * 10**6):
            assert not each.accounts.is_csrf_token(7, text)
        assert not each.accounts.is_csrf_token(8, token)

    run(tmp_path, work)


def test_an_account_has_a_bounded_number_of_sessions(tmp_path):
    async def work(each):
        ada = await each.join()
        cookies = [(await each.accounts.open_session(ada.id))[0] for _ in range(102)]
        alive = [await each.accounts.session(cookie) is not None for cookie in cookies]
        assert alive == [False] * 2 + [True] * 100

    run(tmp_path, work)


# Keys


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_opens_its_scope_alone(tmp_path, scope):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, scope, "mine", methods=frozenset({"a", "b"}))
        principal = await each.accounts.authenticate(secret, scope)
        assert (principal.user, principal.key, principal.session) == (ada, key, None)
        assert (key.label, key.methods, key.expires, key.used) == ("mine", {"a", "b"}, None, None)
        for other in set(Scope) - {scope}:
            assert await code(each.accounts.authenticate(secret, other)) == "bad-token"

    run(tmp_path, work)


def test_secrets_have_the_form_that_each_dialect_expects(tmp_path):
    async def work(each):
        ada = await each.join()
        minted = [(scope, (await each.accounts.mint(ada.id, scope))[1]) for scope in Scope]
        for scope, secret in minted:
            if scope in (Scope.TORRENT_API, Scope.PASSKEY):
                assert len(bytes.fromhex(secret)) == 16
                assert secret == secret.lower()
            else:
                prefix, rest = secret[:-43], secret[-43:]
                assert prefix == f"pg_{scope}_"
                assert rest.replace("-", "").replace("_", "").isalnum()

    run(tmp_path, work, keys_per_user=len(Scope))


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
def test_a_malformed_key_is_refused(tmp_path, scope, secret):
    async def work(each):
        await each.accounts.mint((await each.join()).id, scope)
        assert await code(each.accounts.authenticate(secret, scope)) == "bad-token"

    run(tmp_path, work)


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
def test_a_key_ends_at_once_though_it_was_just_used(tmp_path, warm, how, expected):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, Scope.REST, lifetime=60)
        if warm:
            await each.accounts.authenticate(secret, Scope.REST)
        if "expire" in how:
            each.clock.now += 60
        if "revoke" in how:
            assert (await each.accounts.revoke(key.id)).revoked
        if "suspend" in how:
            assert (await each.accounts.suspend(key.id, suspended=True)).suspended
        if "disable" in how:
            await each.accounts.set_enabled(ada.id, enabled=False)
        assert await code(each.accounts.authenticate(secret, Scope.REST)) == expected

    run(tmp_path, work)


def test_a_suspended_key_comes_back_and_a_revoked_one_does_not(tmp_path):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, Scope.REST)
        await each.accounts.suspend(key.id, suspended=True)
        await each.accounts.suspend(key.id, suspended=False)
        await each.accounts.authenticate(secret, Scope.REST)
        await each.accounts.revoke(key.id)
        await each.accounts.revoke(key.id)
        await each.accounts.suspend(key.id, suspended=False)
        assert await code(each.accounts.authenticate(secret, Scope.REST)) == "token-revoked"

    run(tmp_path, work)


def test_a_change_of_role_shows_in_the_next_request(tmp_path):
    async def work(each):
        ada = await each.join()
        _, secret = await each.accounts.mint(ada.id, Scope.REST)
        cookie, _ = await each.accounts.open_session(ada.id)
        for role in (Role.ADMIN, Role.MODERATOR):
            await each.join(f"root-{role}", Role.ADMIN)
            await each.accounts.set_role(ada.id, role)
            assert (await each.accounts.authenticate(secret, Scope.REST)).user.role is role
            assert (await each.accounts.session(cookie)).user.role is role

    run(tmp_path, work)


def test_what_was_read_while_a_key_was_revoked_is_not_cached(tmp_path):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, Scope.REST)
        find, held, revoked = each.store.key_by_digest, asyncio.Event(), asyncio.Event()

        async def slow(digest):
            found = await find(digest)
            held.set()
            await revoked.wait()
            return found

        each.store.key_by_digest = slow
        asking = asyncio.create_task(each.accounts.authenticate(secret, Scope.REST))
        await held.wait()
        await each.accounts.revoke(key.id)
        revoked.set()
        await asking  # it was asked before the revocation
        each.store.key_by_digest = find
        assert await code(each.accounts.authenticate(secret, Scope.REST)) == "token-revoked"

    run(tmp_path, work)


def test_a_key_that_was_just_used_is_not_looked_up_again(tmp_path):
    async def work(each):
        ada = await each.join()
        _, secret = await each.accounts.mint(ada.id, Scope.REST)
        first = await each.accounts.authenticate(secret, Scope.REST)
        each.store.key_by_digest = None
        assert await each.accounts.authenticate(secret, Scope.REST) == first

    run(tmp_path, work)


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
def test_invalid_key_attributes_are_refused_with_their_field(tmp_path, options, field):
    async def work(each):
        ada = await each.join()
        refusal = await refused(each.accounts.mint(ada.id, Scope.REST, **options))
        assert refusal.code == "invalid"
        assert set(refusal.fields) == {field}
        assert await each.accounts.keys(ada.id) == []

    run(tmp_path, work)


def test_an_account_has_a_bounded_number_of_keys(tmp_path):
    async def work(each):
        ada, eve = await each.join(), await each.join("eve")
        minted = await asyncio.gather(
            *(each.accounts.mint(ada.id, Scope.REST, "program") for _ in range(8)), return_exceptions=True
        )
        assert [type(each).__name__ for each in minted].count("tuple") == 5
        assert await code(each.accounts.mint(ada.id, Scope.REST)) == "full"
        await each.accounts.mint(eve.id, Scope.REST)
        oldest = (await each.accounts.keys(ada.id))[0]
        await each.accounts.mint(ada.id, Scope.REST, "program", displace=True)
        assert (await each.accounts.key(oldest.id)).revoked
        assert await code(each.accounts.mint(ada.id, Scope.FEED, "program", displace=True)) == "full"

    run(tmp_path, work)


def test_dead_keys_do_not_pile_up(tmp_path):
    async def work(each):
        ada = await each.join()
        for _ in range(20):
            key, _ = await each.accounts.mint(ada.id, Scope.REST)
            await each.accounts.revoke(key.id)
        assert len(await each.accounts.keys(ada.id)) <= 6
        each.clock.now += 31 * DAY
        assert await each.accounts.purge() > 0
        assert await each.accounts.keys() == []

    run(tmp_path, work)


def test_purging_deletes_expired_records_only(tmp_path):
    async def work(each):
        ada, eve = await each.join(), await each.join("eve")
        short, _ = await each.accounts.open_session(ada.id)
        long, _ = await each.accounts.open_session(ada.id, keep=True)
        await each.accounts.issue_link(ada.id, 60)
        live_link = await each.accounts.issue_link(eve.id, DAY)
        _, secret = await each.accounts.mint(ada.id, Scope.REST)
        expired, _ = await each.accounts.mint(ada.id, Scope.REST, lifetime=60)
        each.clock.now += 3600
        assert await each.accounts.purge() == 2
        assert await each.accounts.session(long) is not None
        assert await each.accounts.session(short) is None
        assert await each.accounts.link_owner(live_link) == eve
        assert [key.id for key in await each.accounts.keys(ada.id)][-1] == expired.id
        await each.accounts.authenticate(secret, Scope.REST)

    run(tmp_path, work)


# Uses


def test_a_use_is_written_with_the_next_flush_and_never_decreases(tmp_path):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, Scope.REST)
        each.clock.now += 10
        await each.accounts.authenticate(secret, Scope.REST)
        assert (await each.accounts.key(key.id)).used is None
        await each.accounts.flush_last_used()
        assert (await each.accounts.key(key.id)).used == NOON + 10
        assert (await each.accounts.user(ada.id)).seen == NOON + 10
        each.clock.now -= 5
        await each.accounts.authenticate(secret, Scope.REST)
        await each.accounts.flush_last_used()
        assert (await each.accounts.key(key.id)).used == NOON + 10

    run(tmp_path, work)


def test_uses_that_could_not_be_written_are_written_later(tmp_path):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, Scope.REST)
        await each.accounts.authenticate(secret, Scope.REST)
        note = each.store.write_last_used

        async def fail(_users, _keys):
            raise OSError("disk full")

        each.store.write_last_used = fail
        with pytest.raises(OSError, match="disk full"):
            await each.accounts.flush_last_used()
        each.store.write_last_used = note
        await each.accounts.flush_last_used()
        assert (await each.accounts.key(key.id)).used == NOON

    run(tmp_path, work)


def test_closing_writes_the_last_uses(tmp_path):
    async def work(each):
        _, secret = await each.accounts.mint((await each.join()).id, Scope.REST)
        await each.accounts.authenticate(secret, Scope.REST)

    async def seen(each):
        return (await each.accounts.user("ada")).seen

    run(tmp_path, work)
    assert run(tmp_path, seen) == NOON


def test_a_failed_request_is_not_a_use(tmp_path):
    async def work(each):
        ada = await each.join()
        key, secret = await each.accounts.mint(ada.id, Scope.REST)
        await each.accounts.suspend(key.id, suspended=True)
        await refused(each.accounts.authenticate(secret, Scope.REST))
        await each.accounts.flush_last_used()
        assert (await each.accounts.key(key.id)).used is None

    run(tmp_path, work)


# Lists


def test_accounts_are_listed_by_name_and_searched_by_part_of_it(tmp_path):
    async def work(each):
        for name in ("Zoe", "ada", "Adam", "a_b", "a.b"):
            await each.join(name)
        found = {
            text: [user.name for user in (await each.accounts.users(text, 0, 10))[0]]
            for text in ("", "AD", "a_b", "%", "_", "\\", "ä", "\0", "\ud800", "' OR 1=1 --")
        }
        assert found[""] == ["a.b", "a_b", "ada", "Adam", "Zoe"]
        assert found["AD"] == ["ada", "Adam"]
        assert found["a_b"] == found["_"] == ["a_b"]
        assert [found[text] for text in ("%", "\\", "ä", "\0", "\ud800", "' OR 1=1 --")] == [[]] * 6
        page, total = await each.accounts.users("", 1, 2)
        assert ([user.name for user in page], total) == (["a_b", "ada"], 5)
        assert await each.accounts.users("", 2**70, 2) == ([], 5)

    run(tmp_path, work)


def test_accounts_are_counted_by_when_they_were_seen(tmp_path):
    async def work(each):
        for age, name in ((0, "now"), (3, "lately"), (20, "once"), (90, "long-ago"), (None, "never")):
            user = await each.join(name)
            if age is not None:
                await each.store.write_last_used({user.id: NOON - age * DAY}, {})
        await each.accounts.set_enabled(user.id, enabled=False)
        return await each.accounts.totals(NOON)

    assert run(tmp_path, work) == {"users": 5, "enabled": 4, "day": 1, "week": 2, "month": 3}


def test_an_empty_service_has_no_accounts(tmp_path):
    async def work(each):
        return await each.accounts.totals(NOON)

    assert run(tmp_path, work) == {"users": 0, "enabled": 0, "day": 0, "week": 0, "month": 0}


# What is on disk


def test_no_secret_is_in_the_database_or_derivable_without_the_key(tmp_path):
    async def work(each):
        ada = await each.join()
        keys = [(await each.accounts.mint(ada.id, scope))[1] for scope in (Scope.REST, Scope.PASSKEY)]
        cookie, _ = await each.accounts.open_session(ada.id)
        link = await each.accounts.issue_link(ada.id, 60)
        return [*keys, keys[0][-43:], cookie.split(".")[0], link, PASSWORD]

    secrets = run(tmp_path, work)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ada" in written
    for secret in secrets:
        assert secret.encode() not in written
        for raw in [bytes.fromhex(secret)] if len(secret) == 32 else []:
            assert raw not in written


def test_everything_is_the_same_after_reopening(tmp_path):
    clock, random = Clock(), Random()

    async def first(each):
        ada = await each.join()
        _, secret = await each.accounts.mint(ada.id, Scope.REST, methods=frozenset({"a"}), lifetime=60)
        revoked, dead = await each.accounts.mint(ada.id, Scope.REST)
        await each.accounts.revoke(revoked.id)
        cookie, _ = await each.accounts.open_session(ada.id)
        return secret, dead, cookie

    async def second(each, secret, dead, cookie):
        principal = await each.accounts.authenticate(secret, Scope.REST)
        assert principal.key.methods == {"a"}
        assert await each.accounts.session(cookie) is not None
        assert await code(each.accounts.authenticate(dead, Scope.REST)) == "token-revoked"
        await each.accounts.log_in("ada", PASSWORD, HOME)

    made = run(tmp_path, first, clock=clock, random=random)
    run(tmp_path, lambda each: second(each, *made), clock=clock, random=random)
