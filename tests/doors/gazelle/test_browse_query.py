import pytest

from catalogue.model import Freeleech
from catalogue.query import (
    AllOf,
    AnyOf,
    Attribute,
    AttributeTerm,
    CategoryTerm,
    FreeleechTerm,
    Not,
    SearchColumn,
    SizeRange,
    SortOrder,
    TagTerm,
    TextTerm,
    YearRange,
)
from doors.gazelle import browse_query
from doors.gazelle.parameters import GazelleParameters
from tests.doors.gazelle import records


def asked(**values):
    return browse_query.parse(GazelleParameters(list(values.items())))


def terms(**values):
    query = asked(**values).query
    assert isinstance(query, AllOf)
    return list(query.terms)


def having(attribute, *values):
    return AttributeTerm(attribute, frozenset(values))


def test_nothing_asked_for_is_everything():
    assert terms() == []
    assert terms(searchstr="  ", taglist=",", filelist="", year="", media="|", filter_cat="|") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yeast", [TextTerm(("yeast",))]),
        ("yeast genome", [TextTerm(("yeast",)), TextTerm(("genome",))]),
        ("Artist - Title", [TextTerm(("Artist",)), TextTerm(("Title",))]),
        ("!yeast", [Not(TextTerm(("yeast",)))]),
        ("!", []),
        ("!!yeast", [TextTerm(("!!yeast",))]),
        ("a!b", [TextTerm(("a!b",))]),
        ("sanger", [AnyOf((having(Attribute.PLATFORM, "sanger"), TextTerm(("sanger",))))]),
        ("Sanger", [TextTerm(("Sanger",))]),
        ("!sanger", [Not(AnyOf((having(Attribute.PLATFORM, "sanger"), TextTerm(("sanger",)))))]),
        ('" * ^ ( ) --', []),
        ('NEAR("a" "b")', [TextTerm(('NEAR("a"',)), TextTerm(('"b")',))]),
        ("é", [TextTerm(("é",))]),
    ],
)
def test_words_are_all_wanted_but_for_the_excluded(text, expected):
    assert terms(searchstr=text) == expected


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("groupname", SearchColumn.GROUP),
        ("artistname", SearchColumn.AUTHORS),
        ("description", SearchColumn.DESCRIPTION),
    ],
)
def test_a_field_is_searched_by_its_words(name, column):
    columns = frozenset({column})
    expected = [TextTerm(("a",), columns=columns), Not(TextTerm(("b",), columns=columns))]
    assert terms(**{name: "a !b"}) == expected


def test_a_platform_in_another_field_is_a_word():
    assert terms(groupname="sanger") == [TextTerm(("sanger",), columns=frozenset({SearchColumn.GROUP}))]


def test_file_names_are_searched_by_a_phrase():
    assert terms(filelist="a  b.txt -") == [TextTerm(("a", "b.txt"), columns=frozenset({SearchColumn.FILES}))]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"taglist": "One_Shot, fungi"}, [TagTerm("one.shot", prefix=True), TagTerm("fungi", prefix=True)]),
        ({"taglist": "a,b", "tags_type": "1"}, [TagTerm("a", prefix=True), TagTerm("b", prefix=True)]),
        (
            {"taglist": "a,b", "tags_type": "0"},
            [AnyOf((TagTerm("a", prefix=True), TagTerm("b", prefix=True)))],
        ),
        ({"taglist": "a,!b.c"}, [TagTerm("a", prefix=True), Not(TagTerm("b.c"))]),
        ({"taglist": "!b", "tags_type": "0"}, [Not(TagTerm("b"))]),
        ({"taglist": "!<b>,a.b.,!"}, [TagTerm("a.b.", prefix=True)]),
    ],
)
def test_tags(values, expected):
    assert terms(**values) == expected


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("media", Attribute.PLATFORM),
        ("platform", Attribute.PLATFORM),
        ("format", Attribute.FORMAT),
        ("container", Attribute.FORMAT),
        ("encoding", Attribute.LICENSE),
        ("codec", Attribute.LICENSE),
        ("license", Attribute.LICENSE),
        ("resolution", Attribute.SCOPE),
        ("scope", Attribute.SCOPE),
        ("archive", Attribute.ARCHIVE),
        ("studio", Attribute.LAB),
        ("lab", Attribute.LAB),
        ("series", Attribute.LOCATION),
        ("location", Attribute.LOCATION),
        ("numbers", Attribute.ACCESSION),
        ("cataloguenumber", Attribute.ACCESSION),
        ("accession", Attribute.ACCESSION),
        ("organism", Attribute.ORGANISM),
        ("strain", Attribute.STRAIN),
    ],
)
def test_an_attribute_is_one_of_the_values_asked_for(name, attribute):
    assert terms(**{name: "JPEG 2000|ZIP"}) == [having(attribute, "JPEG 2000", "ZIP")]
    assert terms(**{name: "a|!b"}) == [having(attribute, "a"), Not(having(attribute, "b"))]


@pytest.mark.parametrize(
    "name", ["vanityhouse", "scene", "haslog", "recordlabel", "remastertitle", "releasetype"]
)
def test_what_means_nothing_here_is_ignored(name):
    assert terms(**{name: "1"}) == []


@pytest.mark.parametrize(
    ("values", "ids", "names"),
    [
        ({"filter_cat[1]": "1"}, {1}, set()),
        ({"filter_cat[1]": "1", "filter_cat[11]": ""}, {1, 11}, set()),
        ({"filter_cat[sequences]": "1"}, set(), {"sequences"}),
        ({"filter_cat": "1|8"}, {1, 8}, set()),
        ({"filter_cat": "Movies| 2 |"}, {2}, {"movies"}),
        ({"filter_cat": "9" * 30}, set(), {"9" * 30}),
        ({"filter_cat": "' OR 1=1"}, set(), {"' or 1=1"}),
    ],
)
def test_categories_by_id_or_name(values, ids, names):
    assert terms(**values) == [CategoryTerm(frozenset(ids), frozenset(names))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1985", [YearRange(1985, 1985)]),
        ("1985-1990", [YearRange(1985, 1990)]),
        ("1990-1985", [YearRange(1985, 1990)]),
        ("1985-", [YearRange(1985, None)]),
        ("-1985", [YearRange(None, 1985)]),
        *((text, []) for text in ("-", "x", "1-2-3", "19 85", "9" * 30)),
    ],
)
def test_years(text, expected):
    assert terms(year=text) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size_min": "5"}, [SizeRange(5, None)]),
        ({"size_min": "1", "size_max": "1.5", "size_unit": "2"}, [SizeRange(1 << 20, 3 << 19)]),
        ({"size_unit": "3", "size_max": "2"}, [SizeRange(None, 2 << 30)]),
        ({"size_min": "9" * 18, "size_unit": "999"}, [SizeRange(2**63 - 1, None)]),
        ({"size_min": "inf", "size_max": "nan"}, []),
        ({"size_min": "-1", "size_unit": "1"}, []),
    ],
)
def test_sizes_are_in_powers_of_1024(values, expected):
    assert terms(**values) == expected


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("0", {Freeleech.NORMAL}),
        ("1", {Freeleech.FREE}),
        ("2", {Freeleech.NEUTRAL}),
        ("3", {Freeleech.FREE, Freeleech.NEUTRAL}),
    ],
)
def test_freeleech(text, kinds):
    assert terms(freetorrent=text) == [FreeleechTerm(frozenset(kinds))]


@pytest.mark.parametrize("text", ["", "4", "x", "-1"])
def test_what_is_no_freeleech_is_ignored(text):
    assert terms(freetorrent=text) == []


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("time", SortOrder.TIME),
        ("year", SortOrder.YEAR),
        ("size", SortOrder.SIZE),
        ("seeders", SortOrder.SEEDERS),
        ("leechers", SortOrder.LEECHERS),
        ("snatched", SortOrder.SNATCHED),
        ("random", SortOrder.RANDOM),
        ("", SortOrder.TIME),
        ("id; DROP TABLE torrent", SortOrder.TIME),
    ],
)
def test_orders(by, order):
    assert browse_query.sort_order(GazelleParameters([("order_by", by)])) == (order, True)


@pytest.mark.parametrize(
    ("way", "descending"), [("asc", False), ("desc", True), ("", True), ("sideways", True)]
)
def test_the_way_of_an_order(way, descending):
    assert browse_query.sort_order(GazelleParameters([("order_way", way)]))[1] is descending


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, True),
        ({"media": "sanger"}, True),
        ({"media": "Other|SANGER"}, True),
        ({"media": "Other"}, False),
        ({"media": "!sanger"}, False),
        ({"media": "!Other"}, True),
        ({"format": "FASTA", "freetorrent": "3"}, True),
        ({"freetorrent": "0"}, False),
        ({"lab": "of the group, so not of the torrent"}, True),
        ({"lab": "!of the group"}, True),
    ],
)
def test_a_group_shows_those_of_its_torrents_that_were_asked_for(values, shown):
    torrent = records.torrent(platform="Sanger", format="fasta", freeleech=Freeleech.FREE)
    assert asked(**values).matches(torrent) is shown
