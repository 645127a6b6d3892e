"""Devices by WebAuthn: they log in alone or after the password, once for each question, and copies of them do not."""

import json

import pytest

from accounts.authentication_log import LogInWay
from accounts.relying_party import LONGEST_ANSWER
from accounts.webauthn import LIFETIME, MOST_CREDENTIALS, origin_of
from bittorrent.refusal import Refusal
from tests.support.accounts import PASSWORD, open_accounts
from tests.support.authenticator import Authenticator, encoded

ORIGIN = "https://site.test"
ADDRESS = b"\x7f\0\0\1"


@pytest.fixture
async def setup(tmp_path):
    async with open_accounts(tmp_path, rate="1000/minute") as setup:
        yield setup


async def added(setup, user, device, name="phone"):
    devices = setup.accounts.devices
    asked = await devices.registration(user)
    return await devices.register(user, asked.ticket, device.create(asked.options), name)


async def refused(call):
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value.code


async def log_in(setup, device, **changes):
    asked = await setup.accounts.devices.assertion()
    return await setup.accounts.log_in_by_device(asked.ticket, device.get(asked.options, **changes), ADDRESS)


async def test_a_device_logs_in_in_place_of_the_password(setup):
    user, device = await setup.join(), Authenticator(ORIGIN)
    await added(setup, user, device)
    assert (await log_in(setup, device)).id == user.id
    (known,) = await setup.accounts.devices.of_user(user.id)
    assert (known.name, known.count, known.used) == ("phone", 2, int(setup.clock()))
    assert setup.accounts.log.recent()[-1].way == LogInWay.DEVICE


async def test_a_device_that_does_not_know_its_owner_is_a_second_factor_alone(setup):
    user, device = await setup.join(), Authenticator(ORIGIN, verifies=False)
    await added(setup, user, device)
    assert await refused(log_in(setup, device)) == "bad-device"
    asked = await setup.accounts.devices.assertion(user.id)
    assert json.loads(asked.options)["allowCredentials"][0]["id"] == encoded(device.id)
    answer = device.get(asked.options)
    assert (await setup.accounts.check_device(user.id, asked.ticket, answer, ADDRESS)).id == user.id


async def test_a_device_of_another_account_is_none_of_this_one(setup):
    ada, bob, device = await setup.join(), await setup.join("bob"), Authenticator(ORIGIN)
    await added(setup, bob, device)
    asked = await setup.accounts.devices.assertion(ada.id)
    answer = device.get(asked.options)
    assert await refused(setup.accounts.check_device(ada.id, asked.ticket, answer, ADDRESS)) == "bad-device"
    assert await refused(setup.accounts.log_in_by_device(asked.ticket, answer, ADDRESS)) == "bad-link"


async def test_an_answer_is_taken_once_and_not_late(setup):
    user, device = await setup.join(), Authenticator(ORIGIN, counts=False)
    await added(setup, user, device)
    asked = await setup.accounts.devices.assertion()
    answer = device.get(asked.options)
    assert (await setup.accounts.log_in_by_device(asked.ticket, answer, ADDRESS)).id == user.id
    assert await refused(setup.accounts.log_in_by_device(asked.ticket, answer, ADDRESS)) == "bad-link"
    late = await setup.accounts.devices.assertion()
    setup.clock.now += LIFETIME
    assert (
        await refused(setup.accounts.log_in_by_device(late.ticket, device.get(late.options), ADDRESS))
        == "bad-link"
    )
    assert (await log_in(setup, device)).id == user.id


async def test_a_copy_of_a_device_that_counts_is_refused(setup):
    user, device = await setup.join(), Authenticator(ORIGIN)
    await added(setup, user, device)
    await log_in(setup, device)
    device.count -= 1
    assert await refused(log_in(setup, device)) == "bad-device"


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": encoded(b"\x30\x06\x02\x01\x01\x02\x01\x01")},
        {"signature": "!"},
        {"clientDataJSON": encoded(b"{}")},
        {"authenticatorData": encoded(b"\0" * 37)},
        {"authenticatorData": ""},
        {"clientDataJSON": 7},
    ],
)
async def test_what_was_not_signed_is_refused(setup, changes):
    user, device = await setup.join(), Authenticator(ORIGIN)
    await added(setup, user, device)
    assert await refused(log_in(setup, device, **changes)) == "bad-device"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.test", "https://site.test.evil.test", "https://sub.site.test", "http://site.test", ""],
)
async def test_what_another_site_asked_for_is_refused(setup, origin):
    user, device = await setup.join(), Authenticator(ORIGIN)
    assert await refused(added(setup, user, Authenticator(origin))) == "bad-device"
    await added(setup, user, device)
    device.origin = origin
    assert await refused(log_in(setup, device)) == "bad-device"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[" * 5000,
        "null",
        '{"id":"a","rawId":"a","response":[]}',
        "x" * (LONGEST_ANSWER + 1),
        '{"id":"","rawId":"","response":{}}',
    ],
)
async def test_what_is_no_answer_is_refused(setup, answer):
    user, devices = await setup.join(), setup.accounts.devices
    asked = await devices.registration(user)
    assert await refused(devices.register(user, asked.ticket, answer, "x")) == "bad-device"
    asked = await devices.assertion()
    assert await refused(devices.verify(asked.ticket, answer)) == "bad-device"


async def test_tickets_are_of_one_purpose_and_account(setup):
    user, other = await setup.join(), await setup.join("bob")
    device, devices = Authenticator(ORIGIN), setup.accounts.devices
    asked = await devices.registration(user)
    answer = device.create(asked.options)
    assert await refused(devices.register(other, asked.ticket, answer, "x")) == "bad-link"
    factor = setup.accounts.second_factors.ticket(user.id, keep=False)
    for ticket in ("", "x.y", factor, asked.ticket[:-1] + "0", (await devices.assertion(user.id)).ticket):
        assert await refused(devices.register(user, ticket, answer, "x")) == "bad-link"
    with pytest.raises(Refusal) as caught:
        setup.accounts.second_factors.read_ticket(asked.ticket)
    assert caught.value.code == "bad-link"


async def test_a_device_is_added_once_and_so_many(setup):
    user, device = await setup.join(), Authenticator(ORIGIN)
    await added(setup, user, device)
    assert await refused(added(setup, await setup.join("bob"), device)) == "taken"
    for number in range(MOST_CREDENTIALS - 1):
        await added(setup, user, Authenticator(ORIGIN), f"key {number}")
    assert await refused(added(setup, user, Authenticator(ORIGIN))) == "taken"


async def test_a_disabled_account_is_not_logged_in_and_a_removed_device_is_unknown(setup):
    user, device = await setup.join(), Authenticator(ORIGIN)
    await added(setup, user, device)
    await setup.accounts.set_enabled(user.id, enabled=False)
    assert await refused(log_in(setup, device)) == "user-disabled"
    await setup.accounts.set_enabled(user.id, enabled=True)
    assert await setup.accounts.devices.remove(user.id, device.id)
    assert not await setup.accounts.devices.remove(user.id, device.id)
    assert await refused(log_in(setup, device)) == "bad-device"


async def test_with_a_device_programs_need_a_key_and_an_end_forgets_it(setup):
    user, device = await setup.join(), Authenticator(ORIGIN)
    await added(setup, user, device)
    assert await refused(setup.accounts.log_in("ada", PASSWORD, ADDRESS, LogInWay.API)) == "second-factor"
    codes = await setup.accounts.second_factors.renew_recovery(user.id)
    state = await setup.accounts.second_factors.state(user.id)
    assert (state.has_app, state.has_credentials, state.recovery_codes) == (False, True, 10)
    assert await refused(setup.accounts.check_code(user.id, "000000", ADDRESS)) == "bad-code"
    assert (await setup.accounts.check_code(user.id, codes[0], ADDRESS)).id == user.id
    assert await setup.accounts.second_factors.end(user.id)
    assert await setup.accounts.second_factors.state(user.id) is None
    assert await setup.accounts.devices.of_user(user.id) == []


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://tracker.example/peerage", "https://tracker.example"),
        ("https://Tracker.example:8443", "https://tracker.example:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://tracker.example", ""),
        ("https://192.0.2.7", ""),
        ("https://[2001:db8::a]", ""),
        ("", ""),
    ],
)
def test_a_site_has_devices_by_its_name(url, origin):
    assert origin_of(url) == origin
