import pytest
from hypothesis import given
from hypothesis import strategies as st

from doors.http_headers import accepts_gzip, attachment, etag_matches


@pytest.mark.parametrize(
    "header",
    [
        "gzip",
        "GZIP",
        "x-gzip",
        "br, gzip",
        "gzip;q=0.5",
        "gzip ; q=1.000",
        "*",
        "gzip;q=0.8, identity;q=0.1",
        "br;q=0, *",
    ],
)
def test_gzip_is_taken(header):
    assert accepts_gzip(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0.000, *;q=1",
        "*;q=0",
        "gzip;q=0.5, identity",
        "gzip;q=nonsense",
        "gzip;q=-1",
        "gzip;q=1.001",
        "gzipped",
        ",;,",
    ],
)
def test_gzip_is_not_taken(header):
    assert not accepts_gzip(header)


@pytest.mark.parametrize("header", ['"a"', 'W/"a"', '"x", "a"', '"x",W/"a"', "*", " * "])
def test_a_known_tag_is_found(header):
    assert etag_matches(header, '"a"')


@pytest.mark.parametrize("header", ["", "a", '"b"', '"a', '"aa"', '"a-gzip"', '"*"'])
def test_another_tag_is_not(header):
    assert not etag_matches(header, '"a"')


def test_unsafe_characters_do_not_reach_the_file_name():
    assert attachment('a/b\\c"d\r\n\u202ee%41') == (
        "attachment; filename=\"a_b_c_d___e_41.torrent\"; filename*=UTF-8''a_b_c_d___e_41.torrent"
    )
    assert 'filename="torrent.torrent"' in attachment(" . ")


@given(st.text(max_size=400))
def test_any_name_makes_one_header(name):
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@given(st.text(max_size=100))
def test_no_header_breaks_the_negotiation(header):
    assert accepts_gzip(header) in {True, False}
    assert etag_matches(header, '"a"') in {True, False}
