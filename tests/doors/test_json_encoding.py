"""JSON of values and of objects with places."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from doors.json_encoding import JsonTemplate, encode_json

PLACES = {"seeders": b"%d", "alive": b"%b"}


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with a value that is encoded already."""

    title: str
    torrents: object = ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), st.lists, max_leaves=20
    )
)
def test_a_value_is_encoded_as_the_standard_library_does(value):
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    assert json.loads(encode_json(value)) == json.loads(expected)


@pytest.mark.parametrize("title", ["plain", 'caf\u00e9 \u2028 \x01 "\\', "lone \ud800 surrogate"])
def test_an_object_holds_what_is_encoded_already_whatever_its_texts_are(title):
    encoded = encode_json({"data": [Shape(title, [Raw(b'{"id":1}')])]})
    shown = title.encode("utf-8", "replace").decode()
    assert json.loads(encoded) == {"data": [{"title": shown, "torrents": [{"id": 1}]}]}


def test_what_is_no_json_is_no_answer():
    with pytest.raises(TypeError):
        encode_json({"a": object()})
    with pytest.raises(TypeError):
        encode_json({"a": object(), "b": "\ud800"})


@given(st.text(), st.text(), st.integers(0, 2**63), st.booleans())
def test_places_are_filled_whatever_the_other_texts_hold(before, after, seeders, alive):
    blank = {"title": before, "seeders": 0, "owner": {"name": after}, "alive": 0, "tail": after}
    template = JsonTemplate(encode_json(blank), PLACES)
    filled = template.fill(seeders, b"true" if alive else b"false")
    expected = json.loads(encode_json(blank | {"seeders": seeders, "alive": alive}))
    assert json.loads(filled) == expected
    assert list(json.loads(filled)) == list(blank)


@pytest.mark.parametrize("text", ['"seeders":0', '\\"seeders\\":0,', "%d %b %%", '","seeders":0,"'])
def test_a_text_that_looks_like_a_place_is_none(text):
    template = JsonTemplate(encode_json({"title": text, "seeders": 0, "alive": 0}), PLACES)
    assert json.loads(template.fill(7, b"true")) == {"title": text, "seeders": 7, "alive": True}


def test_an_object_without_the_key_is_an_error():
    with pytest.raises(ValueError, match="seeders"):
        JsonTemplate(b'{"title":"seeders"}', PLACES)
