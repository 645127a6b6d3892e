import pytest
from starlette.requests import Request

from doors.gazelle.envelope import GazelleFailure
from doors.gazelle.parameters import LAST_PAGE, GazelleParameters


def read(query):
    raw = query if isinstance(query, bytes) else query.encode()
    return GazelleParameters.of(Request({"type": "http", "query_string": raw, "headers": []}))


def test_the_last_of_a_repeated_parameter_counts():
    assert read("id=1&id=2").number("id") == 2


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("filter_cat[1]=1&filter_cat[8]=1", ["1", "8"]),
        ("filter_cat%5B3%5D=1", ["3"]),
        ("filter_cat[]=5", ["5"]),
        ("filter_cat[Movies]=", ["Movies"]),
        ("filter_cat=1", []),
        ("filter_cat[[1]]=1", []),
    ],
)
def test_an_array_is_known_by_its_keys(query, keys):
    assert read(query).keys("filter_cat") == keys


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("007", 7),
        ("0", 0),
        ("9" * 18, 10**18 - 1),
        *((text, None) for text in ("", "-1", "1.0", "1e3", "0x10", "abc", "9" * 19, "%D9%A1", "1%002")),
    ],
)
def test_a_number_is_digits_of_a_size_that_any_store_holds(text, number):
    assert read(f"id={text}").number("id") == number


@pytest.mark.parametrize(
    ("text", "page"),
    [("", 1), ("0", 1), ("-3", 1), ("x", 1), ("2", 2), ("999999999999", LAST_PAGE), ("9" * 40, 1)],
)
def test_what_is_no_page_is_the_first(text, page):
    assert read(f"page={text}").page() == page


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"x=a%00b", "a b"),
        (b"x=%1b%5b31m", "[31m"),
        (b"x=%20%20a%0a", "a"),
        (b"x=%ff", "\ufffd"),
        (b"x=%ed%a0%80", "\ufffd\ufffd\ufffd"),
        (b"x=\xff", "ÿ"),
        (b"x", ""),
        (b"", ""),
        (b"x=%c2%85z", "z"),
    ],
)
def test_a_text_has_no_control_characters_and_no_broken_ones(query, text):
    assert read(query).text("x") == text


def test_more_parameters_than_any_call_has_are_refused():
    with pytest.raises(GazelleFailure, match="bad parameters"):
        read("&".join(f"a{n}=1" for n in range(300)))
