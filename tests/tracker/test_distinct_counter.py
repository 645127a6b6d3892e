import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.distinct_counter import EXACT, HASH, DamagedCounter, DistinctCounter


def values(count: int, seed: int = 1) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(HASH) for _ in range(count)]


def seen(hashes: list[bytes]) -> DistinctCounter:
    distinct = DistinctCounter()
    for value in hashes:
        distinct.add(value)
    return distinct


@pytest.mark.parametrize("count", [0, 1, 2, 255, EXACT])
def test_few_are_counted_exactly_however_often_they_come(count):
    assert seen(values(count) * 3).count() == count


def test_a_hash_that_straddles_two_others_is_a_hash_of_its_own():
    first, second = values(2)
    assert seen([first, second, first[4:] + second[:4]]).count() == 3


@pytest.mark.parametrize("count", [EXACT + 1, 1_000, 10_000, 100_000])
def test_many_are_counted_within_five_standard_errors(count):
    assert abs(seen(values(count)).count() / count - 1) < 5 * 1.04 / 64


def test_the_estimate_is_off_by_no_more_than_its_standard_error_on_average():
    errors = [(seen(values(3_000, seed)).count() / 3_000 - 1) ** 2 for seed in range(40)]
    assert (sum(errors) / len(errors)) ** 0.5 < 1.5 * 1.04 / 64


def test_crossing_the_bound_never_counts_fewer():
    counts = [seen(values(count)).count() for count in range(EXACT - 2, EXACT + 40)]
    assert counts == sorted(counts)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 700).flatmap(
        lambda count: st.tuples(
            st.just(count), st.lists(st.lists(st.integers(0, max(count - 1, 0))), max_size=5), st.randoms()
        )
    )
)
def test_a_count_depends_on_nothing_but_what_came(case):
    count, repeats, order = case
    hashes = values(count)
    expected = seen(hashes).count()
    shuffled = hashes * 2
    order.shuffle(shuffled)
    parts = [seen(hashes[start::3]) for start in range(3)]
    parts += [seen([hashes[index] for index in repeat if index < count]) for repeat in repeats]
    parts += parts[:2]
    order.shuffle(parts)
    merged = DistinctCounter()
    for part in parts:
        merged.merge(DistinctCounter.unpack(part.pack()))
        merged = DistinctCounter.unpack(merged.pack())
    assert seen(shuffled).count() == merged.count() == expected


@settings(deadline=None)
@given(st.binary(max_size=64) | st.builds(lambda rest: b"\x02" + rest, st.binary(max_size=5000)))
def test_damaged_payloads_are_told_and_nothing_else_happens(payload):
    with contextlib.suppress(DamagedCounter):
        assert DistinctCounter.unpack(payload).count() >= 0


def test_a_sketch_that_was_cut_is_damaged():
    payload = seen(values(1_000)).pack()
    for length in (2, 5, 9, 40, len(payload) - 1):
        with pytest.raises(DamagedCounter):
            DistinctCounter.unpack(payload[:length])


def test_what_it_weighs_does_not_grow_beyond_its_sketch():
    assert seen(values(300)).weight == seen(values(50_000)).weight < 5_000
