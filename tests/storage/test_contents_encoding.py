import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.model import CatalogueFile, Contents
from storage.contents_encoding import decode_contents, encode_contents

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
LISTS = st.builds(
    Contents,
    st.lists(st.builds(CatalogueFile, TEXT, st.integers(0, 2**63 - 1)), max_size=10).map(tuple),
    st.lists(st.lists(TEXT, max_size=3).map(tuple), max_size=3).map(tuple),
    st.lists(TEXT, max_size=3).map(tuple),
)


@given(LISTS)
def test_a_file_list_comes_back_as_it_went_in(contents):
    assert decode_contents(encode_contents(contents)) == contents


def test_a_list_beyond_the_bound_is_cut_and_can_be_read():
    limit = 4 * 2**20 + 1000
    contents = Contents(tuple(CatalogueFile(f"{n}\\x00", n) for n in range(1000)))
    kept = decode_contents(encode_contents(contents, limit), limit).files
    assert 0 < len(kept) < 1000
    assert kept == contents.files[: len(kept)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no zlib",
        encode_contents(Contents())[:-3],
        zlib.compress(b"{"),
        zlib.compress(b"[1,2]"),
        zlib.compress(b"[[1],2,3]"),
    ],
)
def test_a_damaged_list_is_an_error_of_its_own(payload):
    with pytest.raises(ValueError, match="file list"):
        decode_contents(payload)


def test_a_list_that_inflates_beyond_the_bound_is_not_read():
    with pytest.raises(ValueError, match="file list"):
        decode_contents(zlib.compress(b" " * 100_000), 1000)
