import pytest

from accounts import one_time_codes
from accounts.authentication_log import LogInWay
from accounts.second_factor import RECOVERY_CODES, TICKET_LIFETIME
from bittorrent.refusal import Refusal
from tests.support.accounts import PASSWORD, open_accounts

ADDRESS = bytes((192, 0, 2, 1))


@pytest.fixture
async def setup(tmp_path):
    async with open_accounts(tmp_path, rate="1000/minute") as setup:
        yield setup


async def turned_on(setup, name="ann"):
    """An account with a second factor, its secret and its recovery codes."""
    user = await setup.accounts.add(name, PASSWORD)
    factors = setup.accounts.second_factors
    secret = await factors.begin(user.id)
    codes = await factors.confirm(user, present(setup, secret))
    return user, secret, codes


def present(setup, secret, later=0):
    """The code that an app shows now, or some periods later."""
    return one_time_codes.code_of(secret, int(setup.clock()) // one_time_codes.PERIOD + later)


async def refused(awaitable):
    """The code of the refusal that it raises."""
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(time, code):
    assert one_time_codes.code_of(b"12345678901234567890", time // 30) == code[2:]


def test_an_app_reads_secret_issuer_and_account():
    uri = one_time_codes.key_uri(b"\0" * 20, "A Site & more", "ann")
    secret = "A" * 32
    assert uri == f"otpauth://totp/A%20Site%20%26%20more%3Aann?secret={secret}&issuer=A%20Site%20%26%20more"
    assert one_time_codes.read(secret) == b"\0" * 20


async def test_it_counts_once_it_is_confirmed(setup):
    user = await setup.accounts.add("ann", PASSWORD)
    factors = setup.accounts.second_factors
    assert await refused(factors.confirm(user, "000000")) == "not-found"
    secret = await factors.begin(user.id)
    assert await factors.state(user.id) is None
    await factors.check(user, "")
    assert await factors.waiting(user.id) == secret
    assert await refused(factors.confirm(user, "nothing")) == "bad-code"
    codes = await factors.confirm(user, present(setup, secret))
    assert len(set(codes)) == RECOVERY_CODES
    assert (await factors.state(user.id)).recovery_codes == RECOVERY_CODES
    assert await refused(factors.begin(user.id)) == "taken"


async def test_a_code_is_taken_once_and_around_its_time_alone(setup):
    user, secret, _ = await turned_on(setup)
    accounts = setup.accounts
    assert await refused(accounts.check_code(user.id, present(setup, secret), ADDRESS)) == "bad-code"
    setup.clock.now += 60
    assert await refused(accounts.check_code(user.id, present(setup, secret, 2), ADDRESS)) == "bad-code"
    assert await refused(accounts.check_code(user.id, present(setup, secret, -2), ADDRESS)) == "bad-code"
    code = present(setup, secret, -1)
    spaced = f"{code[:3]} {code[3:]}"
    assert (await accounts.check_code(user.id, spaced, ADDRESS)).id == user.id
    assert await refused(accounts.check_code(user.id, code, ADDRESS)) == "bad-code"
    await accounts.check_code(user.id, present(setup, secret), ADDRESS)
    # One before the last used one is not taken either.
    setup.clock.now += 1
    assert await refused(accounts.check_code(user.id, present(setup, secret, -1), ADDRESS)) == "bad-code"


async def test_a_recovery_code_works_once_and_for_its_account_alone(setup):
    user, _, codes = await turned_on(setup)
    other, _, _ = await turned_on(setup, "eve")
    accounts = setup.accounts
    assert await refused(accounts.check_code(other.id, codes[0], ADDRESS)) == "bad-code"
    await accounts.check_code(user.id, f"{codes[0][:5].upper()}-{codes[0][5:]}", ADDRESS)
    assert await refused(accounts.check_code(user.id, codes[0], ADDRESS)) == "bad-code"
    assert (await accounts.second_factors.state(user.id)).recovery_codes == RECOVERY_CODES - 1


async def test_guesses_slow_down_from_wherever_they_come(setup):
    user, secret, _ = await turned_on(setup)
    answers = [
        await refused(setup.accounts.check_code(user.id, "nothing", bytes((192, 0, 2, host))))
        for host in range(8)
    ]
    assert answers[-1] == "login-slowed"
    assert (
        await refused(setup.accounts.check_code(user.id, present(setup, secret, 1), ADDRESS))
        == "login-slowed"
    )
    # Whoever knows the password is not kept from the first step by it.
    await setup.accounts.log_in("ann", PASSWORD, ADDRESS)


async def test_programs_are_told_to_take_a_key(setup):
    user, _, _ = await turned_on(setup)
    assert (await setup.accounts.log_in("ann", PASSWORD, ADDRESS)).id == user.id
    assert await refused(setup.accounts.log_in("ann", PASSWORD, ADDRESS, LogInWay.API)) == "second-factor"
    assert [each.outcome for each in setup.accounts.log.recent()] == ["ok", "second-factor"]
    assert await setup.accounts.second_factors.end(user.id)
    await setup.accounts.log_in("ann", PASSWORD, ADDRESS, LogInWay.API)
    assert not await setup.accounts.second_factors.end(user.id)


async def test_a_ticket_holds_for_some_minutes_and_cannot_be_made(setup):
    factors = setup.accounts.second_factors
    ticket = factors.ticket(7, keep=True)
    assert factors.read_ticket(ticket) == (7, True)
    text, _, signature = ticket.rpartition(".")
    for wrong in (
        "",
        "7.1.9999999999.",
        f"8{text[1:]}.{signature}",
        f"{text}.{signature[:-1]}",
        "é",
        "." * 300,
    ):
        with pytest.raises(Refusal):
            factors.read_ticket(wrong)
    setup.clock.now += TICKET_LIFETIME
    with pytest.raises(Refusal):
        factors.read_ticket(ticket)


async def test_the_secret_is_not_in_the_database(setup):
    _, secret, codes = await turned_on(setup)
    ((sealed,),) = await setup.database.rows("SELECT sealed FROM second_factor")
    digests = [row[0] for row in await setup.database.rows("SELECT digest FROM recovery_code")]
    assert one_time_codes.written(secret) not in sealed
    assert not any(code.encode() in digest for code in codes for digest in digests)
