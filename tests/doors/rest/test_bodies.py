import pytest

from bittorrent.refusal import Refusal
from catalogue import fields
from doors.bodies import MAX_JSON_DEPTH as MAX_DEPTH
from doors.bodies import parse_json
from doors.rest import request_fields
from doors.rest.bodies import MAX_BODY, max_body_size


def refused(raw: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse_json(raw)
    return caught.value.code


def test_an_object_is_read():
    assert parse_json(b'{"title": "A \xc3\xa9", "year": null}') == {"title": "A é", "year": None}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"17",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1} {"b": 2}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b"\xff\xfe{}",
        b'{"a": "\xff"}',
        b'{"a": "\x00"}',
        b"{'a': 1}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 30_000,
        b'{"a": ' * 9_000,
    ],
)
def test_what_is_no_single_object_is_refused(raw):
    assert refused(raw) == "bad-request"


def test_nesting_is_bounded_and_brackets_in_texts_do_not_count():
    deepest = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert parse_json(deepest)
    assert refused(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}") == "bad-request"
    assert parse_json(b'{"a": "' + b"[" * 500 + b'\\"{{{"}')


def test_a_body_has_room_for_the_longest_texts_that_its_fields_take_and_little_more():
    assert max_body_size(request_fields.LOGIN) == MAX_BODY
    assert 12 * fields.LONGEST_PROSE <= max_body_size(request_fields.EDIT_TORRENT) < 14 * fields.LONGEST_PROSE
