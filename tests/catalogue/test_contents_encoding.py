import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.contents_encoding import PAGE, decode_contents, encode_contents
from catalogue.model import CatalogueFile, Contents

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


def many(count: int) -> Contents:
    files = tuple(CatalogueFile(f'folder/"{n}".bin', n) for n in range(count))
    return Contents(files, (("http://a/announce",), ("http://b/announce",)), ("http://seed/",))


def in_one_piece(contents: Contents) -> bytes:
    """The form in which long lists were once stored."""
    files = [[file.path, file.size] for file in contents.files]
    return zlib.compress(
        json.dumps([files, contents.trackers, contents.web_seeds], separators=(",", ":")).encode()
    )


@pytest.mark.parametrize("encode", [encode_contents, in_one_piece])
@pytest.mark.parametrize("total", [1, PAGE, PAGE + 1, 3 * PAGE])
@pytest.mark.parametrize(
    ("first", "count"), [(0, 0), (0, 1), (0, 10**6), (499, 2), (500, 500), (700, 900), (9999, 5)]
)
def test_a_page_is_read_of_a_list_of_any_length(encode, total, first, count):
    whole = many(total)

    page = decode_contents(encode(whole), first=first, count=count)

    assert page.files == whole.files[first : first + count]
    assert (page.file_count, page.trackers, page.web_seeds) == (total, whole.trackers, whole.web_seeds)


def test_a_page_needs_no_other_piece():
    payload = bytearray(encode_contents(many(3 * PAGE)))
    payload[-20:] = bytes(20)

    assert len(decode_contents(bytes(payload), count=PAGE).files) == PAGE
    with pytest.raises(ValueError, match="file list"):
        decode_contents(bytes(payload))


def test_what_was_packed_before_is_stored_as_it_is():
    packed = encode_contents(many(3))

    assert encode_contents(Contents(left_out=3, packed=packed)) == packed


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no zlib",
        encode_contents(Contents())[:-3],
        zlib.compress(b"{"),
        zlib.compress(b"[1,2]"),
        zlib.compress(b"[[1],2,3]"),
        b"\2",
        b"\2\0\0\0\5hello",
        encode_contents(many(PAGE + 1))[:-9],
        in_one_piece(many(PAGE * 2))[:-9],
        zlib.compress(b'[[["a",1]' + b',["b",2]' * 1000),
    ],
)
def test_a_damaged_list_is_an_error_of_its_own(payload):
    with pytest.raises(ValueError, match="file list"):
        decode_contents(payload)


def test_a_list_that_inflates_beyond_the_bound_is_not_read():
    with pytest.raises(ValueError, match="file list"):
        decode_contents(zlib.compress(b" " * 100_000), 1000)
