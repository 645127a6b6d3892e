import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.attempts import Attempts
from bittorrent.refusal import Refusal
from tests.people import Clock

HOME, AWAY = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"
MANY = "1000000/second"


def refused(attempts, name="ada", address=HOME):
    """The seconds to wait, 0 when the attempt is taken."""
    try:
        attempts.begin(name, address)
    except Refusal as refusal:
        return int(refusal.detail.removesuffix(" seconds"))
    return 0


def test_the_first_five_failures_cost_nothing_and_the_next_ever_longer():
    clock = Clock()
    attempts = Attempts(MANY, clock)
    assert [refused(attempts) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(14):
        waits.append(refused(attempts))
        clock.now += waits[-1]
        assert refused(attempts) == 0
    assert waits[:4] == [1, 2, 4, 8]
    assert waits == sorted(waits)
    assert max(waits) == 900


def test_a_refusal_says_what_it_is():
    attempts = Attempts("1/minute", Clock())
    attempts.begin("ada", HOME)
    with pytest.raises(Refusal) as caught:
        attempts.begin("ada", HOME)
    assert (caught.value.code, caught.value.detail) == ("login-slowed", "60 seconds")


def test_another_address_and_another_account_are_not_slowed():
    attempts = Attempts(MANY, Clock())
    while not refused(attempts):
        pass
    assert not refused(attempts, address=AWAY)
    assert not refused(attempts, name="eve")


def test_an_attempt_that_is_refused_does_not_prolong_the_wait():
    clock = Clock()
    attempts = Attempts(MANY, clock)
    while not (wait := refused(attempts)):
        pass
    for _ in range(100):
        refused(attempts)
    clock.now += wait
    assert not refused(attempts)


def test_success_and_time_forgive():
    clock = Clock()
    attempts = Attempts(MANY, clock)
    while not refused(attempts):
        pass
    attempts.succeeded("ada", HOME)
    assert [refused(attempts) for _ in range(5)] == [0] * 5
    assert refused(attempts)
    clock.now += 3600
    assert [refused(attempts) for _ in range(5)] == [0] * 5


def test_an_attempt_that_was_never_judged_does_not_count():
    attempts = Attempts(MANY, Clock())
    for _ in range(50):
        assert not refused(attempts)
        attempts.withdrawn("ada", HOME)
    attempts.withdrawn("nobody", HOME)


def test_attempts_of_an_address_are_limited_over_all_accounts():
    clock = Clock()
    attempts = Attempts("20/minute", clock)
    assert [refused(attempts, f"user{n}") for n in range(20)] == [0] * 20
    assert refused(attempts, "another") == 60
    assert not refused(attempts, "another", AWAY)
    clock.now += 60
    assert not refused(attempts, "another")


def test_an_ipv6_network_of_64_bits_is_one_address():
    attempts = Attempts("2/minute", Clock())
    network = bytes.fromhex("20010db800000001")
    assert not refused(attempts, "a", network + bytes(8))
    assert not refused(attempts, "b", network + b"\xff" * 8)
    assert refused(attempts, "c", network + b"\x01" * 8)
    assert not refused(attempts, "c", bytes.fromhex("20010db800000002") + bytes(8))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=4, max_size=4)), max_size=300))
def test_memory_is_bounded(tries):
    attempts = Attempts(MANY, Clock(), remembered=7)
    for name, address in tries:
        refused(attempts, name, address)
    assert len(attempts._pairs._items) <= 7
    assert len(attempts._addresses._items) <= 7


@pytest.mark.parametrize("rate", ["", "often", "-1/minute"])
def test_a_rate_that_is_none_is_refused_at_the_start(rate):
    with pytest.raises(ValueError, match="limit"):
        Attempts(rate, Clock())
