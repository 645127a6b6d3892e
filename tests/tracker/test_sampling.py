"""Figures made of samples: rates, times, clients."""

import pytest

from doors.native import make_native_door, native
from tests.support.clock import Clock
from tracker.model import AnnounceTerms
from tracker.native_swarms import NativeSwarms
from tracker.sampling import (
    CLIENT_SAMPLES,
    LATENCY_BUCKETS,
    MOST_CLIENTS_TOLD,
    SAMPLE_BYTES,
    SAMPLE_EVERY,
    STEP,
    ClientMix,
    Histogram,
    Rates,
    Sampler,
    client_name,
)


def test_rates_go_back_as_far_as_readings_do():
    clock, counts = Clock(0.0), {"http": 0}
    rates = Rates(lambda: counts, clock)
    for _ in range(720):  # two hours
        clock.now += STEP
        counts["http"] += 10 if clock.now <= 3600 else 50
        rates.take()
    assert rates.per_second() == {"http": {1: 5.0, 10: 5.0, 60: 5.0}}
    clock.now += STEP
    counts["http"] += 110
    assert rates.per_second()["http"] == {1: 6.0, 10: 5.1, 60: 5.02}
    assert rates.per_minute() == {"http": 306}


def test_rates_of_a_service_that_has_just_begun():
    clock, counts = Clock(5.0), {"udp": 7}
    rates = Rates(lambda: counts, clock)
    assert rates.per_second() == {"udp": {1: 0.0, 10: 0.0, 60: 0.0}}
    clock.now, counts["udp"] = 35.0, 37
    assert rates.per_second() == {"udp": {1: 1.0, 10: 1.0, 60: 1.0}}


@pytest.mark.parametrize(
    ("peer_id", "name"),
    [
        (b"-UT355W-abcdefghijkl", "UT 3"),
        (b"-qB4650", "qB 4"),
        (b"M7-10-5--", "M 7"),
        (b"S58B-----", "S 5"),
        (b"exbc\x00\x01ab", "other"),
        (b"-\xff\xff1234", "other"),
        (b"", "other"),
        (b"-UT", "other"),
    ],
)
def test_a_client_is_named_by_its_code_and_major_version(peer_id, name):
    assert client_name(peer_id) == name


def test_the_mix_forgets_by_halves_and_is_bounded():
    clock = Clock(0.0)
    mix = ClientMix(clock)
    for _ in range(300):
        mix.note(b"-UT3550-", 4)
    clock.now = 3600.0
    mix.decay()
    for _ in range(50):
        mix.note(b"-qB4650-", 6)
    assert mix.shares() == {"UT 3": 0.75, "qB 4": 0.25}
    assert mix.version_shares() == {4: 0.75, 6: 0.25}
    for first in range(26):
        for last in range(26):
            mix.note(bytes([45, 65 + first, 65 + last, 49, 50, 51, 52]), 4)
    shares = mix.shares()
    assert len(shares) == MOST_CLIENTS_TOLD
    assert next(iter(shares)) == "UT 3"
    clock.now = 10**9
    mix.decay()
    assert mix.shares() == {}


def test_a_quantile_is_the_bound_of_its_bucket():
    times = Histogram((1.0, 2.0, 4.0))
    assert times.quantile(0.5) is None
    for value in (0.5, 1.0, 1.5, 9.0):
        times.add(value)
    assert (times.counts, times.total) == ([2, 1, 0, 1], 12.0)
    assert [times.quantile(part) for part in (0.5, 0.75, 0.99)] == [1.0, 2.0, float("inf")]


@pytest.mark.skipif(native is None, reason="the extension is not built")
def test_native_code_samples_one_in_so_many_and_each_is_read_once():
    store = NativeSwarms(AnnounceTerms(), 1, bytes(16))
    door = make_native_door(store.handle, AnnounceTerms(), [], "", refuse_private=False, key=b"k", seed=1)
    query = b"info_hash=" + b"a" * 20 + b"&peer_id=-qB4650-abcdefghijkl&port=1&left=1"
    request = b"GET /announce?" + query + b" HTTP/1.1\r\nhost: a\r\n\r\n"
    for _ in range(3 * SAMPLE_EVERY):
        door.answer(request, bytes([9] * 4))
    http, udp, websocket, nanoseconds = door.times()
    assert (sum(http), sum(udp), sum(websocket), len(http)) == (3, 0, 0, LATENCY_BUCKETS)
    assert nanoseconds[0] > 0
    sample = b"-qB4650\x04"
    assert door.clients() == 3 * sample
    assert door.clients() == b""
    for _ in range((CLIENT_SAMPLES + 5) * SAMPLE_EVERY):
        door.answer(request, bytes(15) + b"\x01")
    assert door.clients() == CLIENT_SAMPLES * b"-qB4650\x06"
    clock = Clock(0.0)
    sampler = Sampler(Rates(dict, clock), ClientMix(clock), lambda: 2 * sample)
    sampler.read()
    assert sampler.mix.shares() == {"qB 4": 1.0}
    assert len(sample) == SAMPLE_BYTES
