import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import (
    UNSET,
    AuthorChange,
    CategoryChange,
    CollageChange,
    GroupChange,
    TorrentChange,
    TorrentDetails,
    labels_of,
    table_of,
)
from catalogue.model import CollageKind
from catalogue.normalization import fold_name, normalize_tag

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
TABLES = [
    fields.TORRENT,
    fields.GROUP,
    fields.UPLOAD,
    fields.CATEGORY,
    fields.AUTHOR,
    fields.COMMENT,
    fields.COLLAGE,
    fields.REPORT,
    fields.NEWS,
    fields.TAG,
]


def faults_of(given, table, required=()):
    with pytest.raises(Refusal) as caught:
        fields.validate(given, table, required)
    assert caught.value.code == "invalid"
    return dict(caught.value.fields)


def test_a_missing_field_is_reported_in_a_sentence():
    assert faults_of({}, fields.UPLOAD, ["title"]) == {"title": ["The title field is required."]}
    assert faults_of({"title": " \u200b "}, fields.UPLOAD) == {"title": ["The title field is required."]}
    assert faults_of({"title": None}, fields.UPLOAD, ["title"]) == {"title": ["The title field is required."]}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"title": 1}, "The title field must be text."),
        ({"title": "a\nb"}, "The title field holds line breaks or other control characters."),
        ({"title": "x" * 256}, "The title field is longer than 255 characters."),
        ({"title": "\u202egnp.exe"}, "The title field holds characters that turn the direction of writing."),
        ({"title": "\ud800"}, "The title field holds half a character (a lone surrogate)."),
        ({"year": "1999"}, "The year field must be a whole number."),
        ({"year": True}, "The year field must be a whole number."),
        ({"year": 0}, "The year field must lie between 1 and 9999."),
        ({"year": 10**40}, "The year field must lie between 1 and 9999."),
        ({"group_id": 2**63}, f"The group_id field must lie between 1 and {2**63 - 1}."),
        ({"anonymous": 1}, "The anonymous field must be true or false."),
        ({"freeleech": 3}, "The freeleech field must be one of 0, 1, 2."),
        ({"tags": "a,b"}, "The tags field must be a list of texts."),
        ({"tags": ["a"] * 51}, "The tags field holds more than 50."),
        ({"tags": ["..."]}, "The tags field holds a tag without a word."),
        ({"tags": ["!"]}, "The tags field holds a tag without a word."),
        (
            {"tags": ["<b>"]},
            "The tags field holds a tag with marks: letters, digits and + # & ' ! - are taken.",
        ),
        ({"authors": ["A", ""]}, "The authors field holds an empty text."),
        (
            {"picture": "javascript:alert(1)"},
            "The picture field must be a link that begins with http:// or https://.",
        ),
        (
            {"picture": 'https://a/"onload="'},
            "The picture field must be a link that begins with http:// or https://.",
        ),
        ({"colour": "red"}, "There is no such field."),
    ],
)
def test_an_invalid_value_is_refused_with_a_sentence(given, sentence):
    assert faults_of(given, fields.UPLOAD) == {next(iter(given)): [sentence]}


def test_an_unknown_field_name_is_escaped():
    assert faults_of({"\ud800\x1b[2J": 1}, fields.UPLOAD) == {"\\ud800[2J": ["There is no such field."]}
    assert len(next(iter(faults_of({"x" * 10**6: 1}, fields.UPLOAD)))) <= 100
    assert faults_of({f"f{n}": 1 for n in range(100)}, fields.UPLOAD) == {
        "fields": ["There are more than 64."]
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"title": "  a  \t b "}, {"title": "a b"}),
        ({"description": "a\r\n\tb\n"}, {"description": "a\n\tb"}),
        ({"tags": ["Sci_Fi", "sci.fi", "Sci  Fi", "HDTV"]}, {"tags": ("sci.fi", "hdtv")}),
        ({"authors": ["Ann", "ANN", "Bo"]}, {"authors": ("Ann", "Bo")}),
        ({"imdb": "tt0111161"}, {"imdb": 111161}),
        ({"imdb": None, "year": None, "season": 0}, {"imdb": None, "year": None, "season": 0}),
        ({"picture": "https://a.example/p.png?x=1"}, {"picture": "https://a.example/p.png?x=1"}),
        ({"picture": ""}, {"picture": ""}),
    ],
)
def test_values_are_cleaned(given, kept):
    assert fields.validate(given, fields.UPLOAD) == kept


def test_a_form_gives_the_same_as_typed_values():
    form = {
        "year": " 1999 ",
        "tags": "a, b ,,",
        "anonymous": "on",
        "imdb": "tt0111161",
        "season": "",
        "freeleech": "1",
    }
    kept = fields.validate(fields.from_form(form, fields.UPLOAD), fields.UPLOAD)
    assert kept == {
        "year": 1999,
        "tags": ("a", "b"),
        "anonymous": True,
        "imdb": 111161,
        "season": None,
        "freeleech": 1,
    }
    assert fields.from_form({"year": "9" * 5000, "colour": "red"}, fields.UPLOAD) == {
        "year": "9" * 5000,
        "colour": "red",
    }


def test_a_choice_becomes_its_member():
    assert fields.validate({"kind": 2}, fields.COLLAGE)["kind"] is CollageKind.STAFF


@given(st.sampled_from(TABLES), st.data())
def test_any_value_is_valid_or_refused_and_validation_is_idempotent(table, data):
    names = st.sampled_from(sorted(table)) | st.text(max_size=8)
    given = data.draw(st.dictionaries(names, JSON, max_size=6))
    try:
        kept = fields.validate(given, table)
    except Refusal:
        assert all(faults_of(given, table).values())
        return
    assert set(kept) == set(given) <= set(table)
    assert fields.validate(kept, table) == kept


@given(st.text(max_size=60))
def test_normalizing_a_tag_is_idempotent(text):
    try:
        tag = normalize_tag(text)
    except ValueError:
        return
    assert normalize_tag(tag) == tag
    assert not set(tag) & set(" _,\n")
    assert fold_name(fold_name(text)) == fold_name(text)


CHANGES = (TorrentChange, GroupChange, CategoryChange, AuthorChange, CollageChange)


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_declares_a_type_for_each_of_its_fields_and_sets_none(kind):
    assert list(table_of(kind)) == [each.name for each in dataclasses.fields(kind)]
    assert kind() == kind.read({})
    assert kind().given == {}
    assert not kind()
    assert set(labels_of(kind)) <= set(table_of(kind))


def test_none_is_a_value_and_not_unset():
    change = GroupChange.read({"year": None})
    assert change.given == {"year": None}
    assert change
    assert change.season is UNSET


def test_a_change_goes_over_another_and_leaves_the_rest():
    change = AuthorChange(name="Ann", picture="").overlaid(AuthorChange(name="Anne", description="writes"))
    assert change == AuthorChange(name="Anne", picture="", description="writes")


def test_only_what_differs_is_left_of_a_change():
    known = {"name": "Ann", "picture": "", "description": "writes"}
    assert AuthorChange(name="Ann", picture="").differing(known.get) == AuthorChange()
    assert AuthorChange(name="Anne", picture="").differing(known.get) == AuthorChange(name="Anne")


def test_the_details_of_an_upload_are_of_the_torrent_and_of_its_group():
    details = TorrentDetails.read({"title": "T", "group_name": "G", "description": "of T", "tags": ["A b"]})
    assert details.torrent == TorrentChange(title="T", description="of T")
    assert details.group == GroupChange(name="G", tags=("a.b",))
    assert sorted(details.names) == ["description", "group_name", "tags", "title"]
    assert details.group_id is None
    assert TorrentDetails.read({"group_id": 7}).group_id == 7
    assert not TorrentDetails.read({})
