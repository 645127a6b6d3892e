"""The strict bencode reader against a slow recursive one, and its cost on the worst input."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bittorrent.bencode import BencodeLimits, decode, encode
from bittorrent.refusal import Refusal

SIZE = 10 * 1024 * 1024


class SlowReader:
    """Reads bencode by the letter of BEP 3, byte by byte, knowing no limits."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.canonical = True
        self.duplicate = False

    def document(self) -> Any:
        value = self.value()
        if self.at != len(self.data):
            raise ValueError("trailing")
        return value

    def value(self) -> Any:
        mark = self.peek()
        if mark == b"i":
            return self.integer()
        if mark == b"l":
            return self.items()
        if mark == b"d":
            return self.pairs()
        return self.string()

    def peek(self) -> bytes:
        if self.at >= len(self.data):
            raise ValueError("end")
        return self.data[self.at : self.at + 1]

    def digits(self, until: bytes) -> bytes:
        end = self.data.index(until, self.at)
        text, self.at = self.data[self.at : end], end + 1
        if not text.isdigit() or (text.startswith(b"0") and text != b"0"):
            raise ValueError("digits")
        return text

    def integer(self) -> int:
        self.at += 1
        sign = -1 if self.peek() == b"-" else 1
        self.at += sign == -1
        text = self.digits(b"e")
        if (sign == -1 and text == b"0") or len(text) > 20:
            raise ValueError("integer")
        return sign * int(text)

    def string(self) -> bytes:
        end = int(self.digits(b":")) + self.at
        text = self.data[self.at : end]
        if end > len(self.data):
            raise ValueError("string")
        self.at = end
        return text

    def items(self) -> list[Any]:
        self.at += 1
        found = []
        while self.peek() != b"e":
            found.append(self.value())
        self.at += 1
        return found

    def pairs(self) -> dict[bytes, Any]:
        self.at += 1
        found: dict[bytes, Any] = {}
        last = b""
        while self.peek() != b"e":
            key = self.string()
            self.duplicate |= key in found
            self.canonical &= key >= last
            last = key
            found[key] = self.value()
        self.at += 1
        return found


values = st.recursive(
    st.integers(-(10**20) + 1, 10**20 - 1) | st.binary(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def loosely(value: Any) -> bytes:
    """Write a value with the keys in the order that they have."""
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + loosely(inner) for key, inner in value.items()) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(loosely, value)) + b"e"
    return encode(value)


def code_of(data: bytes, limits: BencodeLimits | None = None) -> str:
    with pytest.raises(Refusal) as refused:
        decode(data, limits) if limits else decode(data)
    return refused.value.code


@given(values)
def test_what_is_written_reads_back_canonical(value: Any) -> None:
    document = decode(encode(value))
    assert document.value == value
    assert document.canonical


@given(st.dictionaries(st.binary(max_size=6), values, max_size=5))
def test_unsorted_keys_are_read_and_told_and_spans_are_raw(value: dict[bytes, Any]) -> None:
    data = loosely(value)
    document = decode(data)
    assert document.value == value
    assert document.canonical == (loosely(value) == encode(value))
    assert {key: data[start:end] for key, (start, end) in document.spans.items()} == {
        key: loosely(inner) for key, inner in value.items()
    }


almost = st.one_of(
    st.binary(max_size=30),
    st.text(alphabet="ilde0123456789:-a ", max_size=30).map(str.encode),
    st.tuples(values.map(encode), st.integers(0, 200), st.binary(max_size=2)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
    ),
)


@given(almost)
@example(b"d1:ai1e1:ai2ee")
@example(b"d1:ad1:bi1eee")
def test_it_takes_what_the_slow_reader_takes(data: bytes) -> None:
    slow = SlowReader(data)
    try:
        expected = slow.document()
    except ValueError:
        assert code_of(data) in {"empty", "not-bencode", "trailing-bytes", "duplicate-key"}
        return
    if slow.duplicate:
        assert code_of(data) == "duplicate-key"
        return
    document = decode(data)
    assert document.value == expected
    assert document.canonical == slow.canonical


@pytest.mark.parametrize("data", [b"i1e", b"4:spam", b"le", b"ld1:ai1eee"])
def test_only_a_dictionary_has_spans(data: bytes) -> None:
    assert decode(data).spans == {}


def test_nesting_is_allowed_to_the_limit() -> None:
    assert decode(b"l" * 64 + b"e" * 64).canonical
    assert code_of(b"l" * 65 + b"e" * 65) == "too-deep"
    assert code_of(b"d1:a" * 64 + b"le" + b"e" * 64) == "too-deep"


def test_items_are_counted_with_keys() -> None:
    assert decode(b"d1:ai1ee", BencodeLimits(items=3)).value == {b"a": 1}
    assert code_of(b"d1:ai1ee", BencodeLimits(items=2)) == "too-many-items"


def test_size_is_limited() -> None:
    assert code_of(b"3:abc", BencodeLimits(size=4)) == "too-large"


LEAVES = 499_000
WORST: list[tuple[str, Callable[[], bytes], str | None]] = [
    ("lists without end", lambda: b"l" * SIZE, "too-deep"),
    ("dictionaries without end", lambda: b"d1:a" * (SIZE // 4), "too-deep"),
    ("lists 100,000 deep", lambda: b"l" * 100_000 + b"e" * 100_000, "too-deep"),
    ("integers in a list", lambda: b"l" + b"i0e" * (SIZE // 3 - 1) + b"e", "too-many-items"),
    ("integers in a row", lambda: b"i0e" * (SIZE // 3), "trailing-bytes"),
    ("empty strings", lambda: b"l" + b"0:" * (2 * LEAVES) + b"e", None),
    ("empty lists", lambda: b"l" + b"le" * (2 * LEAVES) + b"e", None),
    ("empty dictionaries", lambda: b"l" + b"de" * (2 * LEAVES) + b"e", None),
    ("nested dictionaries", lambda: b"l" + (b"d1:a" * 62 + b"i0e" + b"e" * 62) * 7_900 + b"e", None),
    ("keys", lambda: b"d" + b"".join(b"7:%07d0:" % key for key in range(LEAVES)) + b"e", None),
    (
        "unsorted keys",
        lambda: b"d" + b"".join(b"7:%07d0:" % key for key in range(LEAVES, 0, -1)) + b"e",
        None,
    ),
    ("one integer", lambda: b"i" + b"1" * (SIZE - 2) + b"e", "not-bencode"),
    ("one length", lambda: b"1" * SIZE, "not-bencode"),
    ("never closed", lambda: b"l" * 60 + b"i1e" * (2 * LEAVES), "not-bencode"),
    ("larger than the limit", lambda: b"0" * (5 * SIZE), "too-large"),
]


@pytest.mark.parametrize(("make", "code"), [case[1:] for case in WORST], ids=[case[0] for case in WORST])
def test_the_worst_input_is_read_or_refused(make: Callable[[], bytes], code: str | None) -> None:
    if code is None:
        assert decode(make()).value
    else:
        assert code_of(make()) == code
