from hypothesis import given
from hypothesis import strategies as st

from storage.search import facets

SIZES = st.one_of(
    st.integers(0, 2**63 - 1), st.integers(0, 62).map(lambda power: 2**power), st.integers(0, 300)
)
YEARS = st.integers(0, 9999)


@given(YEARS, YEARS, YEARS)
def test_a_range_of_years_has_exactly_its_years(low, high, year):
    asked = set(facets.years_between(low, high))
    assert bool(asked & set(facets.years_of(year))) == (low <= year <= high)


@given(SIZES, SIZES, SIZES)
def test_a_range_of_sizes_misses_none(low, high, size):
    asked = set(facets.sizes_between(low, high))
    taken = bool(asked & set(facets.sizes_of(size)))
    if low <= size <= high:
        assert taken
    elif low > high:
        assert not taken


@given(
    st.one_of(st.none(), st.integers(-(10**20), 10**20)), st.one_of(st.none(), st.integers(-(10**20), 10**20))
)
def test_a_range_is_a_few_tokens(low, high):
    assert len(facets.sizes_between(low, high)) <= 8
    assert len(facets.years_between(low, high)) <= 64


@given(st.text())
def test_no_text_contains_a_private_use_character(text):
    cleaned = facets.clean_text(text)
    assert not any("\ue000" <= sign <= "\uf8ff" for sign in cleaned)
    cleaned.encode()
    assert facets.clean_text(cleaned).split() == cleaned.split()
