import bz2
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.refusal import Refusal
from cache.compression import MEMBERS_LIMIT, pack, unpack

PACKERS = [pytest.param(gzip.compress, id="gzip"), pytest.param(bz2.compress, id="bzip2")]


def refused(data: bytes, limit: int = 1000) -> str:
    with pytest.raises(Refusal) as caught:
        unpack(data, limit)
    return caught.value.code


@given(data=st.binary(max_size=300))
def test_packing_is_deterministic_and_undone_by_unpacking(data):
    assert pack(data) == pack(data)
    assert unpack(pack(data), 300) == data
    assert gzip.decompress(pack(data)) == data


def test_plain_bytes_pass_within_the_limit():
    assert unpack(b"d4:infodee", 10) == b"d4:infodee"
    assert refused(b"x" * 11, 10) == "too-large"


@pytest.mark.parametrize("compress", PACKERS)
def test_packed_bytes_are_unpacked_up_to_the_limit_exactly(compress):
    assert unpack(compress(b"a" * 1000), 1000) == b"a" * 1000
    assert refused(compress(b"a" * 1001), 1000) == "too-large"


@pytest.mark.parametrize("compress", PACKERS)
def test_members_one_after_another_are_joined(compress):
    assert unpack(compress(b"first ") + compress(b"") + compress(b"second"), 1000) == b"first second"


@pytest.mark.parametrize("compress", PACKERS)
def test_what_lies_inside_is_not_unpacked_again(compress):
    assert unpack(compress(compress(b"a")), 1000) == compress(b"a")


@pytest.mark.parametrize("compress", PACKERS)
def test_every_cut_and_an_altered_trailer_is_damaged(compress):
    packed = compress(b"d4:infod6:lengthi1eee" * 3)
    for length in range(3, len(packed)):
        assert refused(packed[:length]) == "bad-compression"
    assert refused(packed[:-3] + bytes([packed[-3] ^ 1]) + packed[-2:]) == "bad-compression"
    assert refused(packed + b"tail") == "bad-compression"


def test_zero_padding_after_gzip_is_taken():
    assert unpack(gzip.compress(b"a") + b"\0" * 200_000, 10) == b"a"


def test_a_bomb_stops_at_the_limit():
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert refused(bomb, 100_000) == "too-large"


def test_more_members_than_any_file_has_are_refused():
    assert refused(zlib.compress(b"", wbits=31) * (MEMBERS_LIMIT + 1)) == "bad-compression"
