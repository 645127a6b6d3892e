import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.text_cleaning import clean_line, clean_prose, plain_line
from tests.support.costs import bounded_cost

# What composes, is invisible, joins, is a space or becomes a character of ASCII is rare among all characters.
COMPOSING = "ea;K \n\t\u0301\u0328\u0344\u00e9\u01d6\u0327\u1e9b\u0323\u212a\u037e\u1fef\u1100\u1161\u11a8"
INVISIBLE = "\u034f\u00ad\uffa0\u1160\u200b\u200c\u200d\ufe0f\u2000\u3000\u00a0\u2028\u0085"
ANY = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.text(st.sampled_from(COMPOSING + INVISIBLE), max_size=80),
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  two\twords  ", "two words"),
        ("no\u00a0break\u2003em", "no break em"),
        ("e\u0301", "é"),
        ("ad\u00admin", "admin"),
        ("ad\u200bmin\ufeff", "admin"),
        ("\u200eleft\u200f", "left"),
        ("ad\u200dmin", "admin"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u200d\u200dé\u200d\u200dé\u200d", "é\u200dé"),
        ("x\U000e0041y", "xy"),
        ("\u3164", ""),
        ("é\u200d\u2000é", "é é"),
        ("é\u200d\u037e", "é;"),
        ("e\u034f\u0301", "é"),
        ("  ", ""),
    ],
)
def test_a_line_is_cleaned(text, cleaned):
    assert clean_line(text, 20) == cleaned


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("two\nlines", "line breaks"),
        ("nul\0", "control"),
        ("\x1b[31m", "control"),
        ("\x85", "control"),
        ("gpj.\u202eexe", "direction"),
        ("\u2066isolated\u2069", "direction"),
        ("\ud83d", "surrogate"),
        ("\uffff", "no characters"),
        ("\ufdd0", "no characters"),
        ("\U0010ffff", "no characters"),
        ("z" + "\u0300" * 31, "combining"),
        ("x" * 21, "longer than 20"),
        ("x" * 10_000_000, "longer than 20"),
    ],
)
def test_a_line_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        clean_line(text, 20)


def test_a_length_is_counted_in_characters_after_cleaning():
    assert clean_line("e\u0301" * 20, 20) == "é" * 20
    assert clean_line("💿" * 20, 20) == "💿" * 20


def test_prose_keeps_its_lines_and_indents():
    assert clean_prose("  a \r\n\tb\rc\u2028d\n\n", 100) == "  a\n\tb\nc\nd"


@pytest.mark.parametrize("text", ["\0", "\x08", "a\u202eb", "\udc00", "\U0001fffe"])
def test_prose_is_refused_too(text):
    with pytest.raises(ValueError, match="It holds"):
        clean_prose(text, 100)


def test_piled_marks_cost_no_more_than_their_length():
    piled = "a" + "\u0301\u0323" * 60_000
    with bounded_cost():
        with pytest.raises(ValueError, match="combining"):
            clean_prose(piled, 65_536)
        plain_line(piled, 65_536)


@given(ANY)
def test_cleaning_is_idempotent(text):
    for clean in (clean_line, clean_prose):
        try:
            once = clean(text, 60)
        except ValueError:
            continue
        assert clean(once, 60) == once
        assert unicodedata.is_normalized("NFC", once)
        assert len(once) <= 60
        once.encode()


@given(ANY)
def test_a_plain_line_never_fails_and_is_clean(text):
    line = plain_line(text, 40)
    assert len(line) <= 40
    assert clean_line(line, 40) == line
