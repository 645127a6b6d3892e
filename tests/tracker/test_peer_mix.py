from hypothesis import given
from hypothesis import strategies as st

from tracker.peer_mix import choose_mix

sizes = st.integers(0, 300)


@given(st.integers(0, 200), sizes, sizes, sizes, sizes)
def test_shares_are_as_many_as_wanted_and_there(numwant, seeders4, leechers4, seeders6, leechers6):
    shares = choose_mix(numwant, seeders4, leechers4, seeders6, leechers6)
    four, six = shares.seeders4 + shares.leechers4, shares.seeders6 + shares.leechers6

    assert 0 <= shares.seeders4 <= seeders4
    assert 0 <= shares.leechers4 <= leechers4
    assert 0 <= shares.seeders6 <= seeders6
    assert 0 <= shares.leechers6 <= leechers6
    assert four + six == min(numwant, seeders4 + leechers4 + seeders6 + leechers6)
    assert four >= min(numwant // 4, seeders4 + leechers4)
    assert six >= min(numwant // 4, seeders6 + leechers6)
    if leechers4 > shares.leechers4:
        assert shares.seeders4 <= four * 3 // 4
    if leechers6 > shares.leechers6:
        assert shares.seeders6 <= six * 3 // 4
