import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.model import Author, CatalogueFile
from doors.gazelle.formatting import byline, file_list, natural_key, tag_list, tags, timestamp


def test_a_list_of_files_is_in_natural_order_without_regard_to_case():
    files = [
        CatalogueFile(name, size) for size, name in enumerate(["b10.txt", "B2.txt", "a/x", "A/b", "10", "9"])
    ]
    assert file_list(files) == (
        "9{{{5}}}|||10{{{4}}}|||A/b{{{3}}}|||a/x{{{2}}}|||B2.txt{{{1}}}|||b10.txt{{{0}}}"
    )


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("a & <b>'\".txt", "a &amp; &lt;b&gt;&#39;&quot;.txt"),
        ("  two spaces", "&nbsp;&nbsp;two spaces"),
        ("a\tb\nc\rd", "a b c d"),
        ("\tx", "&nbsp;x"),
        ("a{{{1}}}|||b", "a{{{1}}}|||b"),
        ("été.txt", "été.txt"),
    ],
)
def test_a_file_name_is_escaped_as_by_gazelle(name, spelled):
    assert file_list([CatalogueFile(name, 7)]) == spelled + "{{{7}}}"


def test_no_files_are_an_empty_text():
    assert file_list([]) == ""


def test_a_number_of_thousands_of_digits_is_sorted_like_any_other():
    long = "1" * 6000
    assert sorted([f"a{long}0", f"a{long}", "a2"], key=natural_key) == ["a2", f"a{long}", f"a{long}0"]


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_can_be_sorted(names):
    assert sorted(sorted(names, key=natural_key)) == sorted(names)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_in_names_sort_as_numbers(one, other):
    assert (natural_key(f"x{one}y") < natural_key(f"x{other}y")) == (one < other)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01 00:00:00"), (1605710633, "2020-11-18 14:43:53"), (None, "")],
)
def test_a_time_is_written_in_utc(seconds, text):
    assert timestamp(seconds) == text


@given(st.integers(0, 2**40))
def test_any_time_has_the_same_form(seconds):
    if seconds < 253_402_300_800:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", timestamp(seconds))


def test_tags_have_dots_and_in_collages_underscores():
    names = ("one.shot", "data.science", "r&b")
    assert tags(names) == ["one.shot", "data.science", "r&amp;b"]
    assert tag_list(names) == "one_shot data_science r&amp;b"


def test_authors_in_one_text_are_joined_by_commas():
    assert byline((Author(1, "A"), Author(2, "B & C"))) == "A, B &amp; C"
    assert byline(()) == ""
