import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from catalogue import syntax
from catalogue.model import Freeleech
from catalogue.query import (
    MATCH_ALL,
    MATCH_NONE,
    AddedRange,
    AllOf,
    AnyOf,
    Attribute,
    AttributeTerm,
    CategoryTerm,
    FreeleechTerm,
    ImdbTerm,
    InfohashTerm,
    Not,
    PrivateTerm,
    SearchColumn,
    SeedersRange,
    SizeRange,
    TagTerm,
    TextTerm,
    UploaderTerm,
    YearRange,
)
from catalogue.syntax import Unreadable, parse, read, unparse

HASH = InfoHash(bytes(range(20)))
LONG = InfoHash(bytes(range(32)))


def word(*words, prefix=False, within=()):
    return TextTerm(words, prefix, frozenset(within))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", MATCH_ALL),
        (" \t\n", MATCH_ALL),
        ("ubuntu", word("ubuntu")),
        ("ubuntu desktop", AllOf((word("ubuntu"), word("desktop")))),
        ('"big buck" bunny', AllOf((word("big", "buck"), word("bunny")))),
        ("“big buck”", word("big", "buck")),
        ("spider-man", word("spider", "man")),
        ("big.buck_bunny.mkv", word("big", "buck", "bunny", "mkv")),
        ("ubu*", word("ubu", prefix=True)),
        ('"big bu*"', word("big", "bu", prefix=True)),
        ('"big bu"*', word("big", "bu", prefix=True)),
        ("-beta", Not(word("beta"))),
        ("!beta", Not(word("beta"))),
        ('linux -"release candidate"', AllOf((word("linux"), Not(word("release", "candidate"))))),
        ("a or b", AnyOf((word("a"), word("b")))),
        ("a OR b | c", AnyOf((word("a"), word("b"), word("c")))),
        ("a|b", AnyOf((word("a"), word("b")))),
        ("a b or c d", AnyOf((AllOf((word("a"), word("b"))), AllOf((word("c"), word("d")))))),
        ("a (b or c)", AllOf((word("a"), AnyOf((word("b"), word("c")))))),
        ("a -(b or c)", AllOf((word("a"), Not(AnyOf((word("b"), word("c"))))))),
        ('"or"', word("or")),
        ("tag:Linux", TagTerm("linux")),
        ('tag:"machine learning"', TagTerm("machine.learning")),
        ("tag:mach*", TagTerm("mach", prefix=True)),
        ("tag:a|b", AnyOf((TagTerm("a"), TagTerm("b")))),
        ("tag:a|tag:b", AnyOf((TagTerm("a"), TagTerm("b")))),
        ("-tag:beta", Not(TagTerm("beta"))),
        ("category:Movies", CategoryTerm(names=frozenset({"movies"}))),
        ("category:12", CategoryTerm(frozenset({12}))),
        ("size:>1GB", SizeRange(10**9 + 1, None)),
        ("size:>=1GB", SizeRange(10**9, None)),
        ("size:<700MiB", SizeRange(None, 700 * 2**20 - 1)),
        ("size:1GB..2.5GB", SizeRange(10**9, 2_500_000_000)),
        ("size:..1k", SizeRange(None, 1000)),
        ("size:1GB", SizeRange(950_000_000, 1_050_000_000)),
        ("added:2024-02-29", AddedRange(1709164800, 1709251199)),
        ("added:2024-02", AddedRange(1706745600, 1709251199)),
        ("added:2024", AddedRange(1704067200, 1735689599)),
        ("added:>2024", AddedRange(1735689600, None)),
        ("added:>=2024", AddedRange(1704067200, None)),
        ("added:<2024", AddedRange(None, 1704067199)),
        ("added:2024..2024-02", AddedRange(1704067200, 1709251199)),
        ("added:2024-02-29..", AddedRange(1709164800, None)),
        ("seeders:>5", SeedersRange(6, None)),
        ("seeders:5", SeedersRange(5, 5)),
        ("seeded:yes", SeedersRange(1, None)),
        ("seeded:no", SeedersRange(None, 0)),
        ("private:no", PrivateTerm(False)),
        ("year:2010", YearRange(2010, 2010)),
        ("year:2010..2015", YearRange(2010, 2015)),
        ("year:2010-2015", YearRange(2010, 2015)),
        ("year:>2010", YearRange(2011, None)),
        ("year:..1999", YearRange(None, 1999)),
        ("user:Alice", UploaderTerm("Alice")),
        ('uploader:"Alice B"', UploaderTerm("Alice B")),
        ("imdb:tt0111161", ImdbTerm(111161)),
        ("platform:Linux", AttributeTerm(Attribute.PLATFORM, frozenset({"linux"}))),
        ('organism:"Homo sapiens"', AttributeTerm(Attribute.ORGANISM, frozenset({"homo sapiens"}))),
        ("freeleech:yes", FreeleechTerm(frozenset({Freeleech.FREE, Freeleech.NEUTRAL}))),
        ("name:ubuntu", word("ubuntu", within=[SearchColumn.NAME])),
        ('file:"read me"', word("read", "me", within=[SearchColumn.FILES])),
        ("author:torv*", word("torv", prefix=True, within=[SearchColumn.AUTHORS])),
        (HASH.lower, InfohashTerm(HASH)),
        (HASH.upper, InfohashTerm(HASH)),
        (LONG.lower, InfohashTerm(LONG)),
        ("AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT", InfohashTerm(HASH)),
        (f"hash:{HASH.lower}", InfohashTerm(HASH)),
        (f"magnet:?xt=urn:btih:{HASH.lower}&dn=a+b&tr=http%3A%2F%2Ft", InfohashTerm(HASH)),
        (f"  MAGNET:?dn=a b&xt=urn:btih:{HASH.lower}", InfohashTerm(HASH)),
        (f"ubuntu or magnet:?xt=urn:btih:{HASH.lower}", AnyOf((word("ubuntu"), InfohashTerm(HASH)))),
    ],
)
def test_a_text_is_parsed(text, query):
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "query", "wrong"),
    [
        ("ubuntu size:large", word("ubuntu"), ["size:large"]),
        ("-year:soon ubuntu added:tomorrow", word("ubuntu"), ["-year:soon", "added:tomorrow"]),
        ("size:large", MATCH_ALL, ["size:large"]),
        ("re:zero size:>1GB", AllOf((word("re", "zero"), SizeRange(10**9 + 1, None))), []),
        ('"size:large"', word("size", "large"), []),
        ("size:1GB|large", MATCH_ALL, ["size:1GB|large"]),
        ("seeded: ubuntu", AllOf((word("seeded"), word("ubuntu"))), []),
        (f"magnet:?xt=urn:btih:{HASH.lower}&dn=size:x", InfohashTerm(HASH), []),
    ],
)
def test_people_are_told_which_word_is_wrong_and_get_the_rest(text, query, wrong):
    found, told = read(text)
    assert found == query
    assert [each.word for each in told] == wrong
    assert all(each.reason for each in told)


def test_what_is_wrong_is_said_with_what_would_be_right():
    assert read("size:large")[1] == (Unreadable("size:large", "a size as 700MiB, >1GB or 1GB..2GB"),)


@given(st.text(max_size=80))
@example("size:" * 300)
def test_any_text_is_read(text):
    query, told = read(text)
    assert told or query == parse(text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (SizeRange(10**9, None), "size:>=1GB"),
        (SizeRange(10**9 + 1, None), "size:>1GB"),
        (SizeRange(None, 5 * 10**6), "size:<=5MB"),
        (SizeRange(10**9, 10**10), "size:1GB..10GB"),
        (AddedRange(1709164800, None), "added:2024-02-29.."),
        (AddedRange(1709164800, 1709251199), "added:2024-02-29..2024-02-29"),
        (AddedRange(5, -3), "added:@5..@-3"),
        (SeedersRange(1, None), "seeded:yes"),
    ],
)
def test_a_filter_is_written_as_people_write_it(query, text):
    assert unparse(query) == text
    assert parse(text) == query


@pytest.mark.parametrize(
    "text", ["-", '"', '""', "()", "(((", ")", "!!!", "|", "or", "***", "\ud800", "\0", "-()"]
)
def test_punctuation_alone_finds_nothing(text):
    assert parse(text) == MATCH_NONE


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("size:large", word("size", "large")),
        ("year:soon", word("year", "soon")),
        ("added:2024-13", word("added", "2024", "13")),
        ("added:9999-12-31", word("added", "9999", "12", "31")),
        ("private:maybe", word("private", "maybe")),
        ("imdb:abc", word("imdb", "abc")),
        ("re:zero", word("re", "zero")),
        ("tag:", word("tag")),
        ("https://example.org/x", word("https", "example", "org", "x")),
        ("magnet:?xt=urn:btih:zz", word("magnet", "xt", "urn", "btih", "zz")),
        ("(a b", AllOf((word("a"), word("b")))),
        ("a) b", AllOf((word("a"), word("b")))),
        ('a "b c', AllOf((word("a"), word("b", "c")))),
        ("or a or", word("a")),
        ("a - b", AllOf((word("a"), word("b")))),
        ('NEAR("x" y)', AllOf((word("NEAR"), AllOf((word("x"), word("y")))))),
    ],
)
def test_what_cannot_be_parsed_is_searched_for_as_words(text, query):
    assert parse(text) == query


def test_the_number_of_terms_is_bounded():
    query = parse(" ".join(f"w{number}" for number in range(1000)))
    assert isinstance(query, AllOf)
    assert len(query.terms) == syntax.MOST_TERMS


def test_deep_brackets_are_cut_off():
    def depth(query):
        nested = getattr(query, "terms", ()) or ((query.term,) if isinstance(query, Not) else ())
        return 1 + max(map(depth, nested), default=0)

    assert depth(parse("(a " * 300 + "b")) <= 2 * syntax.DEEPEST + 2


def test_text_beyond_the_limit_is_left_out():
    assert parse("a" + " " * syntax.LONGEST_TEXT + "b") == word("a")


PIECES = st.sampled_from(
    [
        "a",
        "b*",
        '"c d"',
        "-",
        "!",
        "(",
        ")",
        " ",
        " or ",
        "|",
        '"',
        "tag:",
        "size:",
        "1GB",
        "..",
        "year:",
        "2010",
        ">",
        "user:",
        "name:",
        "category:",
        "imdb:",
        "tt12",
        "file:",
        "platform:",
        "é",
        "İ",
        "ß",
        "́",
        ":",
        HASH.lower,
        "magnet:?xt=urn:btih:" + HASH.lower,
        "freeleech:yes",
        "\x00",
        "�",
        "NOT",
        "^",
        "{x}",
        "東京",
    ]
)


@settings(max_examples=400)
@given(st.one_of(st.lists(PIECES, max_size=20).map("".join), st.text(max_size=80)))
@example("size:>9223372036854775807")
@example("year:<0 size:<0")
@example("-(a or -b) | tag:x*")
@example("added:2024..2025 added:@5..@9 -seeders:<=7 private:yes")
def test_any_text_is_parsed_and_the_query_can_be_written(text):
    query = parse(text)
    assert parse(unparse(query)) == query


@given(st.text(min_size=900, max_size=5000))
def test_any_long_text_is_parsed_alike_each_time(text):
    assert parse(text) == parse(text)
