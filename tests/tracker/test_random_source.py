from hypothesis import given
from hypothesis import strategies as st

from tracker.random_source import SplitMix


def test_the_first_outputs_are_those_of_the_published_generator():
    """SplitMix64 seeded with 1234567: the reference values that every implementation prints."""
    rng = SplitMix(1234567)
    published = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)

    assert [rng.below(2**32) for _ in published] == [value >> 32 for value in published]


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**32))
def test_a_draw_lies_below_its_bound(seed, bound):
    assert 0 <= SplitMix(seed).below(bound) < bound
