import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal

V1 = bytes(range(20))
V2 = bytes(range(32))
raw_hashes = st.one_of(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32))


@given(raw_hashes)
def test_every_spelling_reads_back(raw: bytes) -> None:
    infohash = InfoHash.of(raw)
    assert InfoHash.parse(infohash.upper) == InfoHash.parse(infohash.lower) == infohash == raw
    assert InfoHash.parse(f" {infohash.upper}\n") == raw


@given(st.binary(min_size=20, max_size=20))
def test_base32_reads_in_any_case(raw: bytes) -> None:
    text = base64.b32encode(raw).decode()
    assert InfoHash.parse(text) == InfoHash.parse(text.lower()) == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "g" * 40,
        "a" * 39,
        "a" * 41,
        "a" * 63,
        "1" * 32,
        "a" * 31 + "=",
        "ab " * 13 + "a",
        "٣" * 40,
        " " * 1000000,
        "a" * 1000000,
        "ı" * 32,
        "\x00" * 40,
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        InfoHash.parse(text)
    assert refused.value.code == "bad-infohash"


@pytest.mark.parametrize("length", [0, 19, 21, 31, 33, 40])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(Refusal) as refused:
        InfoHash.of(bytes(length))
    assert refused.value.code == "bad-infohash"


def test_a_version_2_hash_is_cut_to_20_bytes() -> None:
    full = InfoHash.of(V2)
    assert (full.is_v2, full.truncated, full.truncated.is_v2) == (True, V1, False)
    assert full.truncated.truncated == V1


def test_it_is_its_bytes_as_a_key() -> None:
    assert {V1: "held"}[InfoHash.of(V1)] == "held"
    assert repr(InfoHash.of(V1)) == "InfoHash('000102030405060708090a0b0c0d0e0f10111213')"
