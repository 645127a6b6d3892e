import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from doors.rest import request_fields
from doors.rest.parameters import parse_id, parse_id_or_infohash, parse_infohash, read_query


def faults(raw: bytes, table=request_fields.SEARCH) -> dict[str, list[str]]:
    with pytest.raises(Refusal) as caught:
        read_query(raw, table)
    assert caught.value.code == "invalid"
    return dict(caught.value.fields)


@pytest.mark.parametrize(
    "text", ["0", "-1", "+1", "1.0", "1e3", "9223372036854775808", "1" * 39, "x", "", " 1", "１", "1;--"]
)
def test_what_is_no_id_is_not_found(text):
    with pytest.raises(Refusal) as caught:
        parse_id(text)
    assert caught.value.code == "not-found"


def test_a_torrent_is_named_by_its_id_or_its_hash_in_either_case():
    assert parse_id_or_infohash("9223372036854775807") == 2**63 - 1
    assert parse_id_or_infohash("AB" * 20) == parse_id_or_infohash("ab" * 20) == InfoHash.parse("ab" * 20)
    assert parse_id_or_infohash("1" * 40) == InfoHash.parse("1" * 40)
    assert parse_id_or_infohash("ab" * 32) == InfoHash.parse("ab" * 20)
    assert parse_infohash("ab" * 32).is_v2


@pytest.mark.parametrize("text", ["ab" * 19, "zz" * 20, "ab" * 21, " " + "ab" * 20])
def test_what_is_no_hash_is_not_found(text):
    with pytest.raises(Refusal) as caught:
        parse_id_or_infohash(text)
    assert caught.value.code == "not-found"


def test_the_parameters_of_the_page_are_read():
    read = read_query(b"search=linux&sort=created_at&order=desc&page=2&per_page=25", request_fields.SEARCH)
    assert read == {"search": "linux", "sort": "created_at", "order": "desc", "page": 2, "per_page": 25}


def test_more_items_than_a_page_may_have_are_taken_as_that_many():
    assert read_query(b"per_page=101", request_fields.SEARCH)["per_page"] == 100
    assert read_query(b"per_page=9000000000000000000", request_fields.SEARCH)["per_page"] == 100


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"page=0", "page"),
        (b"page=-1", "page"),
        (b"page=1.5", "page"),
        (b"page=", "page"),
        (b"page=99999999999999999999999", "page"),
        (b"page=\xd9\xa1", "page"),
        (b"page=two", "page"),
        (b"per_page=0", "per_page"),
        (b"per_page=all", "per_page"),
        (b"sort=title;DROP", "sort"),
        (b"sort=password", "sort"),
        (b"sort=", "sort"),
        (b"order=sideways", "order"),
        (b"category=Movies", "category"),
        (b"category=0", "category"),
        (b"as_of=x", "as_of"),
        (b"search=" + b"a" * 1001, "search"),
        (b"page=1&page=2", "page"),
        (b"search=%ff", "search"),
        (b"search=%zz", "search"),
        (b"search=%", "search"),
        (b"Page=1", "Page"),
        (b"limit=5", "limit"),
        (b"search[]=a", "search[]"),
        (b"%ff=1", "query"),
    ],
)
def test_a_parameter_at_fault_is_named(raw, name):
    assert list(faults(raw)) == [name]
    assert all(faults(raw)[name])


def test_every_parameter_at_fault_is_named():
    assert set(faults(b"page=0&sort=x&order=y&nonsense=1&per_page=1&per_page=2")) == {
        "page",
        "sort",
        "order",
        "nonsense",
        "per_page",
    }


def test_any_text_may_be_searched_for():
    for raw in (b"search=%00", b"search=%E2%80%AE%22%27%3B--", b"search=a+b%26c", b"search=" + b"(" * 1000):
        assert read_query(raw, request_fields.SEARCH)


@given(st.binary(max_size=300))
def test_no_query_breaks_the_reader(raw):
    found = None
    try:
        found = set(read_query(raw, request_fields.SEARCH))
    except Refusal as refusal:
        told = refusal
    assert told.code == "invalid" and told.fields if found is None else found <= set(request_fields.SEARCH)
