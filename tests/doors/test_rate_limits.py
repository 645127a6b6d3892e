import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.model import NOBODY, Principal, Role, User
from doors.rate_limits import RateLimits, RateLimitState
from tests.support.clock import NOON, Clock

RATES = {"rest": "3/minute", "rest_anonymous": "2/minute", "gazelle": "30/10 seconds"}
HOME, AWAY = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"


def somebody(number):
    return Principal(User(number, f"user{number}", Role.USER, True, 0, None))


def test_each_request_returns_what_remains():
    clock = Clock(NOON + 0.5)
    rate_limits = RateLimits(RATES, clock)
    taken = [rate_limits.take("rest", somebody(1), HOME) for _ in range(4)]
    assert taken == [
        RateLimitState(3, 2, NOON + 61, True),
        RateLimitState(3, 1, NOON + 61, True),
        RateLimitState(3, 0, NOON + 61, True),
        RateLimitState(3, 0, NOON + 61, False),
    ]
    clock.now += 59.9
    assert not rate_limits.take("rest", somebody(1), HOME).granted
    clock.now += 0.1
    assert rate_limits.take("rest", somebody(1), HOME) == RateLimitState(3, 2, NOON + 121, True)


def test_an_account_is_counted_across_addresses_and_apart_from_others():
    rate_limits = RateLimits(RATES, Clock())
    for address in (HOME, AWAY, HOME):
        assert rate_limits.take("rest", somebody(1), address).granted
    assert not rate_limits.take("rest", somebody(1), AWAY).granted
    assert rate_limits.take("rest", somebody(2), HOME).granted
    assert rate_limits.take("gazelle", somebody(1), HOME).limit == 30


def test_without_an_account_the_address_is_counted_at_its_own_rate():
    rate_limits = RateLimits(RATES, Clock())
    assert [rate_limits.take("rest", NOBODY, HOME).granted for _ in range(3)] == [True, True, False]
    assert rate_limits.take("rest", NOBODY, AWAY) == RateLimitState(2, 1, NOON + 60, True)
    assert rate_limits.take("gazelle", NOBODY, HOME).limit == 30


def test_an_ipv6_network_of_64_bits_is_one_client():
    rate_limits = RateLimits(RATES, Clock())
    network = bytes.fromhex("20010db800000001")
    granted = [rate_limits.take("rest", NOBODY, network + bytes([n] * 8)).granted for n in range(3)]
    assert granted == [True, True, False]
    assert rate_limits.take("rest", NOBODY, bytes.fromhex("20010db800000002") + bytes(8)).granted


@given(st.lists(st.binary(min_size=4, max_size=4), max_size=100))
def test_memory_is_bounded_and_a_flood_of_addresses_evicts_no_account(addresses):
    rate_limits = RateLimits(RATES, Clock(), remembered=5)
    for _ in range(3):
        rate_limits.take("rest", somebody(1), HOME)
    for address in addresses:
        rate_limits.take("rest", NOBODY, address)
    assert len(rate_limits._addresses.storage._windows) <= 5
    assert not rate_limits.take("rest", somebody(1), HOME).granted


def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_it_was():
    clock = Clock()
    rate_limits = RateLimits(RATES, clock)
    rate_limits.take("rest", somebody(1), HOME)
    clock.now -= 30
    assert rate_limits.take("rest", somebody(1), HOME).reset == NOON + 60


def test_a_malformed_rate_is_an_error_at_the_start():
    with pytest.raises(ValueError, match="limit"):
        RateLimits({"rest": "often"}, Clock())


def test_a_request_that_cost_nothing_is_refunded():
    clock = Clock(NOON)
    rate_limits = RateLimits(RATES, clock)
    for address in (HOME, AWAY):
        for somebody_ in (somebody(1), NOBODY):
            assert rate_limits.take("rest", somebody_, address).granted
            rate_limits.refund("rest", somebody_, address)
    assert rate_limits.take("rest", somebody(1), HOME).remaining == 2
    assert rate_limits.take("rest", NOBODY, HOME).remaining == 1
    clock.now += 61
    rate_limits.refund("rest", somebody(1), HOME)
    assert rate_limits.take("rest", somebody(1), HOME).remaining == 2


def test_a_request_that_cost_more_is_charged():
    rate_limits = RateLimits(RATES, Clock())
    for somebody_, left in ((somebody(1), 1), (NOBODY, 0)):
        rate_limits.take("rest", somebody_, HOME)
        assert rate_limits.charge("rest", somebody_, HOME, 1).remaining == left
        assert not rate_limits.charge("rest", somebody_, HOME, 99).granted
        assert not rate_limits.take("rest", somebody_, HOME).granted
    assert rate_limits.take("rest", NOBODY, AWAY).granted


def test_a_rate_in_words():
    rate_limits = RateLimits(RATES, Clock())
    assert rate_limits.rate_of("rest", somebody(1)) == "3 per 1 minute"
    assert rate_limits.rate_of("rest", NOBODY) == "2 per 1 minute"
    assert rate_limits.rate_of("gazelle", NOBODY) == "30 per 10 second"
