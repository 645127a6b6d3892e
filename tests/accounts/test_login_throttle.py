import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.login_throttle import LoginThrottle
from bittorrent.refusal import Refusal
from tests.support.clock import Clock

HOME, AWAY = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"
MANY = "1000000/second"


def refused(throttle, name="ada", address=HOME):
    """The seconds to wait, 0 when the attempt is allowed."""
    try:
        throttle.begin(name, address)
    except Refusal as refusal:
        return int(refusal.detail.removesuffix(" seconds"))
    return 0


def test_the_first_five_failures_cost_nothing_and_the_next_ever_longer():
    clock = Clock()
    throttle = LoginThrottle(MANY, clock)
    assert [refused(throttle) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(14):
        waits.append(refused(throttle))
        clock.now += waits[-1]
        assert refused(throttle) == 0
    assert waits[:4] == [1, 2, 4, 8]
    assert waits == sorted(waits)
    assert max(waits) == 900


def test_a_refusal_says_what_it_is():
    throttle = LoginThrottle("1/minute", Clock())
    throttle.begin("ada", HOME)
    with pytest.raises(Refusal) as caught:
        throttle.begin("ada", HOME)
    assert (caught.value.code, caught.value.detail) == ("login-slowed", "60 seconds")


def test_another_address_and_another_account_are_not_slowed():
    throttle = LoginThrottle(MANY, Clock())
    while not refused(throttle):
        pass
    assert not refused(throttle, address=AWAY)
    assert not refused(throttle, name="eve")


def test_an_attempt_that_is_refused_does_not_prolong_the_wait():
    clock = Clock()
    throttle = LoginThrottle(MANY, clock)
    while not (wait := refused(throttle)):
        pass
    for _ in range(100):
        refused(throttle)
    clock.now += wait
    assert not refused(throttle)


def test_success_and_time_reset_the_wait():
    clock = Clock()
    throttle = LoginThrottle(MANY, clock)
    while not refused(throttle):
        pass
    throttle.succeeded("ada", HOME)
    assert [refused(throttle) for _ in range(5)] == [0] * 5
    assert refused(throttle)
    clock.now += 3600
    assert [refused(throttle) for _ in range(5)] == [0] * 5


def test_a_cancelled_attempt_does_not_count():
    throttle = LoginThrottle(MANY, Clock())
    for _ in range(50):
        assert not refused(throttle)
        throttle.cancelled("ada", HOME)
    throttle.cancelled("nobody", HOME)


def test_attempts_of_an_address_are_limited_over_all_accounts():
    clock = Clock()
    throttle = LoginThrottle("20/minute", clock)
    assert [refused(throttle, f"user{n}") for n in range(20)] == [0] * 20
    assert refused(throttle, "another") == 60
    assert not refused(throttle, "another", AWAY)
    clock.now += 60
    assert not refused(throttle, "another")


def test_an_ipv6_network_of_64_bits_is_one_address():
    throttle = LoginThrottle("2/minute", Clock())
    network = bytes.fromhex("20010db800000001")
    assert not refused(throttle, "a", network + bytes(8))
    assert not refused(throttle, "b", network + b"\xff" * 8)
    assert refused(throttle, "c", network + b"\x01" * 8)
    assert not refused(throttle, "c", bytes.fromhex("20010db800000002") + bytes(8))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=4, max_size=4)), max_size=300))
def test_memory_is_bounded(tries):
    throttle = LoginThrottle(MANY, Clock(), remembered=7)
    for name, address in tries:
        refused(throttle, name, address)
    assert len(throttle._pairs._items) <= 7
    assert len(throttle._addresses._items) <= 7
