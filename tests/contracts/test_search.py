"""Contract of every search index: what a query finds in a catalogue, in which order."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Freeleech
from catalogue.query import (
    MATCH_ALL,
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
    SearchQuery,
    SeedersRange,
    SizeRange,
    SortOrder,
    TagTerm,
    TextTerm,
    UploaderTerm,
    YearRange,
)
from catalogue.search import DEEPEST, Search
from catalogue.syntax import parse
from tests.support.backends import BACKENDS, parameters
from tests.support.search_catalogue import Catalogue, Entry, hash_of

ENTRIES = [
    Entry(1, "Ubuntu 24.04 Desktop", name="ubuntu-24.04-desktop-amd64.iso", category=6, size=6 * 10**9, year=2024,
          tags=["linux", "operating.system"], uploader="Alice", seeders=50, attributes={"platform": "Linux"}),
    Entry(2, "Debian 12", files=["debian/readme.txt", "debian/install/manual.pdf"], category=6, size=4 * 10**9,
          year=2023, tags=["linux"], uploader="bob", seeders=10, authors=["Ian Murdock"]),
    Entry(3, "Café Crème", files=["01 première chanson.flac", "02 Ubuntu song.flac"], category=4, size=300_000_000,
          year=1999, authors=["Zoë Müller"], tags=["music"], uploader="Alice", anonymous=True, seeders=99, leechers=4),
    Entry(4, "Big Buck Bunny", category=1, size=700_000_000, year=2008, imdb=1254207, description="Ubuntu plays it",
          freeleech=1, snatched=7, alias=b"\xaa" * 20),
    Entry(5, "Hidden Ubuntu", hidden=True, category=6, year=2024),
    Entry(6, "東京物語", files=["東京物語 1953.mkv"], category=1, year=1953, imdb=46438),
    Entry(7, "Debian 12 extras", group=2, size=1_000_000, category=6, seeders=30),
    Entry(8, "Genome", category=9, attributes={"organism": "Homo sapiens", "format": "FASTA"}, size=0),
]  # fmt: skip


@pytest.fixture(scope="module", params=parameters())
def catalogue(request, tmp_path_factory):
    """A catalogue that no test changes, on a loop of its own."""
    with asyncio.Runner() as runner:
        catalogue = runner.run(Catalogue.open(BACKENDS[request.param], tmp_path_factory.mktemp("search")))
        runner.run(catalogue.add(*ENTRIES))
        catalogue.ask = lambda wanted: runner.run(Search(catalogue.index).torrents(wanted))
        catalogue.ask_groups = lambda wanted: runner.run(Search(catalogue.index).groups(wanted))
        catalogue.facets = lambda *asked: runner.run(Search(catalogue.index).facets(*asked))
        catalogue.spellings = lambda words: runner.run(catalogue.index.spellings(words))
        yield catalogue
        runner.run(catalogue.database.close())


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", {1, 2, 3, 4, 6, 7, 8}),
        ("ubuntu", {1, 3, 4}),
        ("UBU*", {1, 3, 4}),
        ("ubuntu -song", {1, 4}),
        ("-ubuntu", {2, 6, 7, 8}),
        ("name:ubuntu", {1}),
        ("file:ubuntu", {3}),
        ("description:ubuntu", {4}),
        ("24.04", {1}),
        ("amd64 iso", {1}),
        ("cafe creme", {3}),
        ("CAFÉ", {3}),
        ("premiere", {3}),
        ("muller", {3}),
        ("author:murdock", {2, 7}),
        ("group:debian extras", {7}),
        ('"install manual"', set()),
        ("install manual", {2}),
        ('"manual pdf"', {2}),
        ("readme manual", {2}),
        ('"txt install"', set()),
        ("東京", {6}),
        ("京物", {6}),
        ("京東", set()),
        ("tag:linux", {1, 2, 7}),
        ("tag:Operating_System", {1}),
        ("tag:op*", {1}),
        ("tag:nothing", set()),
        ("operating", {1}),
        ("category:pc", {1, 2, 7}),
        ("category:6 debian", {2, 7}),
        ("category:nowhere", set()),
        ("year:2008", {4}),
        ("year:2008..2023", {2, 4, 7}),
        ("year:<2000", {3, 6}),
        ("-year:<2000", {1, 2, 4, 7, 8}),
        ("size:>1GB", {1, 2}),
        ("size:700MB", {4}),
        ("size:0", {8}),
        ("-size:<=1GB", {1, 2}),
        ("size:300000001..4GB", {2, 4}),
        ("ubuntu (size:<=300MB or size:>6000000000)", {3}),
        ("song or size:>4GB", {1, 3}),
        ("-(song or size:>4GB or debian)", {4, 6, 8}),
        ("seeders:10..50", {1, 2, 7}),
        ("-seeded:yes", {4, 6, 8}),
        ("added:1970", {1, 2, 3, 4, 6, 7, 8}),
        ("-added:1970-01-01", set()),
        ("private:yes", set()),
        ("ubuntu (private:yes or seeded:yes)", {1, 3}),
        ("user:ALICE", {1}),
        ("user:nobody", set()),
        ("imdb:tt1254207", {4}),
        ("platform:linux", {1}),
        ('organism:"homo sapiens"', {8}),
        ("sapiens", {8}),
        ("freeleech:yes", {4}),
        ("freeleech:no ubuntu", {1, 3}),
        (hash_of(1).hex(), {1}),
        ("aa" * 20, {4}),
        ("song or " + hash_of(2).hex(), {2, 3}),
        ("tag:linux or tag:music", {1, 2, 3, 7}),
        ("!!!", set()),
        ('"', set()),
    ],
)
def test_what_a_text_finds(catalogue, text, ids):
    for order in SortOrder:
        found = catalogue.ask(SearchQuery(parse(text), order))
        assert set(found.ids) == ids, order
        assert len(found.ids) == len(ids) == found.total
        assert found.exact
    groups = {next(each.group or each.id for each in ENTRIES if each.id == number) for number in ids}
    for order in SortOrder:
        found = catalogue.ask_groups(SearchQuery(parse(text), order))
        assert set(found.ids) == groups, order
        assert len(found.ids) == len(groups) == found.total
        assert found.exact


@pytest.mark.parametrize(
    ("query", "order", "descending", "ids", "groups"),
    [
        ("", SortOrder.TIME, True, (8, 7, 6, 4, 3, 2, 1), (8, 2, 6, 4, 3, 1)),
        ("", SortOrder.TIME, False, (1, 2, 3, 4, 6, 7, 8), (1, 3, 4, 6, 2, 8)),
        ("", SortOrder.ID, True, (8, 7, 6, 4, 3, 2, 1), (8, 6, 4, 3, 2, 1)),
        ("", SortOrder.SIZE, True, (1, 2, 4, 3, 7, 6, 8), (1, 2, 4, 3, 6, 8)),
        ("", SortOrder.SEEDERS, True, (3, 1, 7, 2, 8, 6, 4), (3, 1, 2, 8, 6, 4)),
        ("", SortOrder.LEECHERS, True, (3, 8, 7, 6, 4, 2, 1), (3, 8, 6, 4, 2, 1)),
        ("", SortOrder.SNATCHED, True, (4, 8, 7, 6, 3, 2, 1), (4, 8, 6, 3, 2, 1)),
        ("", SortOrder.YEAR, False, (8, 6, 3, 4, 2, 7, 1), (8, 6, 3, 4, 2, 1)),
        ("", SortOrder.NAME, False, (4, 3, 2, 7, 8, 1, 6), (4, 3, 2, 8, 1, 6)),
        ("debian", SortOrder.RELEVANCE, True, (7, 2), (2,)),
        ("debian 12", SortOrder.RELEVANCE, True, (2, 7), (2,)),
        ("debian 12", SortOrder.RELEVANCE, False, (7, 2), (2,)),
        ("ubuntu", SortOrder.RELEVANCE, True, (1, 3, 4), (1, 3, 4)),
        ("ubuntu", SortOrder.RELEVANCE, False, (4, 3, 1), (4, 3, 1)),
        ("caf*", SortOrder.RELEVANCE, True, (3,), (3,)),
        ("tag:linux", SortOrder.SEEDERS, True, (1, 7, 2), (1, 2)),
        ("size:>1MB", SortOrder.SIZE, False, (3, 4, 2, 1), (3, 4, 2, 1)),
        (AnyOf((ImdbTerm(1254207), CategoryTerm(frozenset({4})))), SortOrder.YEAR, True, (4, 3), (4, 3)),
        (AllOf((TagTerm("linux"), Not(TextTerm(("extras",))))), SortOrder.NAME, False, (2, 1), (2, 1)),
        (InfohashTerm(InfoHash(b"\xaa" * 20)), SortOrder.TIME, True, (4,), (4,)),
        (UploaderTerm("alice"), SortOrder.TIME, True, (1,), (1,)),
        (YearRange(None, 2008), SortOrder.YEAR, True, (4, 3, 6), (4, 3, 6)),
    ],
)
def test_what_a_query_finds_in_order(catalogue, query, order, descending, ids, groups):
    wanted = SearchQuery(parse(query) if isinstance(query, str) else query, order, descending=descending)
    assert catalogue.ask(wanted).ids == ids
    assert catalogue.ask_groups(wanted).ids == groups


def test_hidden_torrents_are_found_by_moderators_alone(catalogue):
    assert 5 not in catalogue.ask(SearchQuery(parse("ubuntu"))).ids
    assert 5 in catalogue.ask(SearchQuery(parse("ubuntu"), moderates=True)).ids
    assert 5 in catalogue.ask(SearchQuery(moderates=True)).ids
    assert 5 in catalogue.ask(SearchQuery(moderates=True, order=SortOrder.NAME)).ids
    assert catalogue.ask(SearchQuery(moderates=True)).total == 8


@pytest.mark.parametrize("text", ["", "-nothing"])
@pytest.mark.parametrize(
    ("order", "key"),
    [
        (SortOrder.TIME, lambda entry: entry.id),
        (SortOrder.SIZE, lambda entry: entry.size),
        (SortOrder.SEEDERS, lambda entry: entry.seeders),
        (SortOrder.LEECHERS, lambda entry: entry.leechers),
        (SortOrder.SNATCHED, lambda entry: entry.snatched),
        (SortOrder.YEAR, lambda entry: entry.year or (2023 if entry.id == 7 else 0)),
        (SortOrder.NAME, lambda entry: entry.title.casefold()),
    ],
)
def test_the_order_is_kept_with_ties_by_id(catalogue, text, order, key):
    shown = [entry for entry in ENTRIES if not entry.hidden]
    ascending = [entry.id for entry in sorted(shown, key=lambda entry: (key(entry), entry.id))]
    assert catalogue.ask(SearchQuery(parse(text), order, descending=False)).ids[:6] != ()
    if order is not SortOrder.NAME:
        assert list(catalogue.ask(SearchQuery(parse(text), order, descending=False)).ids) == ascending
        assert list(catalogue.ask(SearchQuery(parse(text), order)).ids) == ascending[::-1]
    pages = [catalogue.ask(SearchQuery(parse(text), order, offset=at, limit=2)).ids for at in range(0, 10, 2)]
    assert sum(pages, ()) == catalogue.ask(SearchQuery(parse(text), order)).ids


def test_names_are_sorted_without_case_and_accents_aside(catalogue):
    ids = catalogue.ask(SearchQuery(order=SortOrder.NAME, descending=False)).ids
    assert ids == (4, 3, 2, 7, 8, 1, 6)


def test_groups_are_sorted_by_their_torrents_together(catalogue):
    by_seeders = catalogue.ask_groups(SearchQuery(parse("debian or ubuntu or genome"), SortOrder.SEEDERS)).ids
    assert by_seeders == (3, 1, 2, 8, 4)
    assert catalogue.ask_groups(SearchQuery(order=SortOrder.SEEDERS)).ids[:3] == (3, 1, 2)
    assert catalogue.ask_groups(SearchQuery(order=SortOrder.TIME)).ids[:2] == (8, 2)
    assert catalogue.ask_groups(SearchQuery(order=SortOrder.SIZE)).ids[:2] == (1, 2)
    assert catalogue.ask_groups(SearchQuery(order=SortOrder.ID)).ids == (8, 6, 4, 3, 2, 1)


def test_relevance_ranks_exact_titles_first_and_other_columns_last(catalogue):
    assert catalogue.ask(SearchQuery(parse("debian 12"), SortOrder.RELEVANCE)).ids == (2, 7)
    assert catalogue.ask(SearchQuery(parse("debian 12"), SortOrder.RELEVANCE, descending=False)).ids == (7, 2)
    assert catalogue.ask(SearchQuery(parse("ubuntu"), SortOrder.RELEVANCE)).ids == (1, 3, 4)
    assert catalogue.ask_groups(SearchQuery(parse("ubuntu"), SortOrder.RELEVANCE)).ids == (1, 3, 4)


def test_the_same_seed_shuffles_the_same_way(catalogue):
    first = catalogue.ask(SearchQuery(order=SortOrder.RANDOM, seed=1)).ids
    assert first == catalogue.ask(SearchQuery(order=SortOrder.RANDOM, seed=1)).ids
    assert len({catalogue.ask(SearchQuery(order=SortOrder.RANDOM, seed=seed)).ids for seed in range(20)}) > 5


HOSTILE = [
    '"',
    "'",
    "a\0b",
    "\ud800",
    "x OR y",
    "NEAR(a b)",
    "facets:every",
    "{facets} : x",
    "^x",
    "*",
    ") OR (",
    "--",
]
HOSTILE += [
    "\ue000every",
    "\ue000hidden",
    "'; DROP TABLE torrent; --",
    "%",
    "_",
    "\u202e",
    "a" * 500,
    "1' OR '1'='1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_input_is_never_read_as_syntax(catalogue, text):
    queries = [
        TextTerm((text,)),
        TextTerm((text, text), True),
        TagTerm(text),
        TagTerm(text, True),
        UploaderTerm(text),
    ]
    queries += [CategoryTerm(names=frozenset({text})), AttributeTerm(Attribute.FORMAT, frozenset({text}))]
    queries += [TextTerm((text,), columns=frozenset({SearchColumn.FILES}))]
    for query in queries:
        assert catalogue.ask(SearchQuery(query, SortOrder.RELEVANCE)).ids == (), query
    catalogue.ask(SearchQuery(parse(text), SortOrder.RELEVANCE))


WORDS = st.sampled_from(["ubuntu", "debian", "song", "12", "linux", "none", "東", "", "bunny"])
BOUND = st.one_of(
    st.none(), st.sampled_from([-1, 0, 1, 2000, 2008, 10**6, 699_999_999, 7 * 10**8, 10**10, 2**63, 10**30])
)
LEAVES = st.one_of(
    st.builds(TextTerm, st.lists(WORDS, max_size=2).map(tuple), st.booleans()),
    st.builds(TagTerm, WORDS, st.booleans()),
    st.builds(CategoryTerm, st.frozensets(st.integers(-1, 10), max_size=3)),
    st.builds(SizeRange, BOUND, BOUND),
    st.builds(YearRange, BOUND, BOUND),
    st.builds(AddedRange, BOUND, BOUND),
    st.builds(SeedersRange, BOUND, BOUND),
    st.builds(PrivateTerm, st.booleans()),
    st.builds(ImdbTerm, st.sampled_from([1254207, 0, 10**30])),
    st.builds(
        InfohashTerm, st.sampled_from([InfoHash(hash_of(1)), InfoHash(b"\xaa" * 20), InfoHash(b"\xaa" * 32)])
    ),
    st.builds(FreeleechTerm, st.frozensets(st.sampled_from(list(Freeleech)))),
)
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


def evaluated(catalogue, query):
    """What a search finds, put together from what its terms find alone."""
    match query:
        case AllOf(terms):
            return set(range(1, 9)).intersection(*(evaluated(catalogue, term) for term in terms))
        case AnyOf(terms):
            return set().union(*(evaluated(catalogue, term) for term in terms))
        case Not(term):
            return set(range(1, 9)) - evaluated(catalogue, term)
        case SizeRange(low, high):
            return {
                each.id for each in ENTRIES if (low or 0) <= each.size <= (2**63 if high is None else high)
            }
        case AddedRange(low, high):
            return set(range(1, 9)) if (low or 0) <= 1 <= (2**63 if high is None else high) else set()
        case SeedersRange(low, high):
            return {
                each.id for each in ENTRIES if (low or 0) <= each.seeders <= (2**63 if high is None else high)
            }
        case PrivateTerm(private):
            return set() if private else set(range(1, 9))
        case YearRange(low, high):
            years = {each.id: 2023 if each.id == 7 else each.year for each in ENTRIES}
            low, high = low or 0, 9999 if high is None else high
            return {number for number, year in years.items() if year is not None and low <= year <= high}
        case _:
            return set(catalogue.ask(SearchQuery(query, moderates=True)).ids)


@settings(max_examples=300, deadline=None)
@given(query=QUERIES, order=st.sampled_from(list(SortOrder)), descending=st.booleans())
def test_a_combination_finds_what_its_terms_find(catalogue, query, order, descending):
    found = catalogue.ask(SearchQuery(query, order, descending=descending, moderates=True))
    assert set(found.ids) == evaluated(catalogue, query)
    assert len(found.ids) == found.total


def test_hits_are_counted_by_what_they_can_be_narrowed_by(catalogue):
    everything = catalogue.facets(SearchQuery(), (0, 2))
    shown = [each for each in ENTRIES if not each.hidden]
    assert (everything.counted, everything.exact) == (len(shown), True)
    assert sum(count for _, count in everything.categories) == len(shown)
    assert sum(count for _, count in everything.sizes) == len(shown)
    assert everything.since == (len(shown), 0)
    assert everything.seeded == sum(each.seeders > 0 for each in shown)
    for name, count in everything.categories:
        wanted = CategoryTerm(names=frozenset({name.casefold()}))
        assert catalogue.ask(SearchQuery(wanted)).total >= count
    for name, count in everything.tags:
        assert catalogue.ask(SearchQuery(TagTerm(name))).total == count
    narrowed = catalogue.facets(SearchQuery(SeedersRange(1, None)), ())
    assert narrowed.counted == narrowed.seeded == everything.seeded
    assert catalogue.facets(SearchQuery(moderates=True), ()).counted == len(ENTRIES)
    assert catalogue.facets(SearchQuery(TextTerm(("nothing",))), (1,)).categories == ()


@pytest.mark.parametrize(
    ("word", "better"),
    [("ubutnu", "ubuntu"), ("Ubunt", "ubuntu"), ("ubunttu", "ubuntu"), ("xbuntu", "ubuntu"), ("ubuntu", None), ("zzzzqqq", None),
     ("abc", None), ("12345", None), ("\x00\ud800'\"*x", None), ("y" * 5000, None)],
)  # fmt: skip
def test_a_word_that_nothing_holds_is_spelt_like_one_that_something_does(catalogue, word, better):
    assert catalogue.spellings([word]) == ({} if better is None else {word: better})


def test_the_deepest_and_longest_search_is_answered_or_refused(catalogue):
    query = TextTerm(("ubuntu",))
    for level in range(DEEPEST - 2):
        query = (AllOf, AnyOf)[level % 2]((TextTerm((f"w{level}",)), query, SizeRange(level, None)))
        catalogue.ask(SearchQuery(query, SortOrder.RELEVANCE))
    deepest = "(a or (b or -" * 3 + "(a or b -c" + "))" * 3 + ")"
    catalogue.ask(SearchQuery(parse(f"x or y -{deepest}"), SortOrder.RELEVANCE))
    with pytest.raises(Refusal, match="levels"):
        catalogue.ask(SearchQuery(Not(Not(Not(query)))))
    many = AnyOf(tuple(TextTerm((f"w{number}",)) for number in range(127)))
    catalogue.ask(SearchQuery(many, SortOrder.RELEVANCE))
    with pytest.raises(Refusal, match="terms"):
        catalogue.ask(SearchQuery(AnyOf((many, many))))
    catalogue.ask(SearchQuery(parse("(((((((a or (b or (-c d))) -e) or f) g) or h) i) or j) -(k or -(l m))")))
    with pytest.raises(Refusal):
        catalogue.ask(SearchQuery(TextTerm(("x" * 5000,))))


@pytest.mark.parametrize("number", [-1, 0, 2**63, 2**64, 10**40])
def test_numbers_beyond_64_bits_are_taken(catalogue, number):
    for order in (SortOrder.TIME, SortOrder.SEEDERS, SortOrder.RELEVANCE, SortOrder.RANDOM):
        for query in (MATCH_ALL, parse("ubuntu")):
            wanted = SearchQuery(query, order, offset=number, limit=number, as_of=number, seed=number)
            for found in (catalogue.ask(wanted), catalogue.ask_groups(wanted)):
                assert found.ids == () or number == 0


def test_a_page_past_the_end_is_empty_and_knows_the_total(catalogue):
    found = catalogue.ask(SearchQuery(parse("ubuntu"), offset=50))
    assert (found.ids, found.total) == ((), 3)


async def test_pages_stay_as_they_were_though_torrents_arrive(backend, tmp_path):
    async with Catalogue.opened(backend, tmp_path) as catalogue:
        await catalogue.add(*(Entry(number, f"linux {number}") for number in range(1, 11)))
        search = Search(catalogue.index)
        for query in (MATCH_ALL, parse("linux")):
            first = await search.torrents(SearchQuery(query, limit=5))
            await catalogue.add(Entry(100 + first.total, "linux new"))
            second = await search.torrents(SearchQuery(query, offset=5, limit=5, as_of=first.as_of))
            assert (*first.ids, *second.ids)[-10:] == tuple(range(10, 0, -1))
            assert second.total == first.total
            assert second.as_of == first.as_of
            await catalogue.drop(100 + first.total)


async def test_more_matches_than_are_ranked_are_inexact(backend, tmp_path):
    async with Catalogue.opened(backend, tmp_path, candidates=100) as catalogue:
        await catalogue.add(*(Entry(number, f"linux {number}", size=number) for number in range(1, 251)))
        await catalogue.add(
            Entry(300, "other", files=["linux"], size=5), Entry(301, "other", group=300, size=9)
        )
        search = Search(catalogue.index)
        newest = await search.torrents(SearchQuery(parse("linux"), SortOrder.TIME, limit=60))
        assert (newest.exact, newest.total, newest.ids[:2]) == (False, 100, (300, 250))
        oldest = await search.torrents(
            SearchQuery(parse("linux"), SortOrder.TIME, descending=False, limit=60)
        )
        assert oldest.ids[:2] == (1, 2)
        largest = await search.torrents(SearchQuery(parse("linux"), SortOrder.SIZE, limit=2))
        assert (largest.exact, largest.ids) == (False, (250, 249))
        # What leads the order is found though a hundred newer ones match as well.
        smallest = await search.torrents(
            SearchQuery(parse("linux"), SortOrder.SIZE, descending=False, limit=3)
        )
        assert (smallest.exact, smallest.ids) == (False, (1, 2, 3))
        groups = await search.groups(SearchQuery(parse("linux"), SortOrder.SIZE, descending=False, limit=2))
        assert (groups.exact, groups.ids) == (False, (1, 2))
        # The best matches are ranked though a hundred newer ones match less well.
        best = await search.torrents(SearchQuery(parse('"linux 3"'), SortOrder.RELEVANCE))
        assert (best.exact, best.ids) == (True, (3,))
        last = await search.torrents(SearchQuery(parse("linux"), offset=90, limit=60))
        assert len(last.ids) == 10
        everything = await search.torrents(SearchQuery(order=SortOrder.SIZE, limit=1, offset=251))
        assert (everything.exact, everything.total, everything.ids) == (True, 252, (1,))
        groups = await search.groups(SearchQuery(order=SortOrder.SIZE, limit=3))
        assert (groups.exact, groups.ids) == (False, (250, 249, 248))


def finder(search):
    async def ids(text, **options):
        return (await search.torrents(SearchQuery(parse(text), **options))).ids

    return ids


async def test_the_index_follows_the_records(backend, tmp_path):
    async with Catalogue.opened(backend, tmp_path) as catalogue:
        search = Search(catalogue.index)

        ids = finder(search)
        await catalogue.add(*ENTRIES)
        await catalogue.run("UPDATE torrent SET title = 'Kubuntu', hidden = 0 WHERE id IN (1, 5)")
        await catalogue.run("UPDATE work SET year = 1984 WHERE id = 1")
        await catalogue.refresh(1, 5)
        assert await ids("kubuntu") == (5, 1)
        assert await ids("name:24.04") == (1,)
        assert await ids('"Ubuntu 24.04 Desktop"') == (1,)
        assert await ids("year:1984") == (1,)
        assert await ids("year:2024") == (5,)
        await catalogue.run("UPDATE torrent SET hidden = 1 WHERE id = 1")
        await catalogue.refresh(1)
        assert await ids("kubuntu") == (5,)
        assert await ids("kubuntu", moderates=True) == (5, 1)
        await catalogue.drop(5, 77)
        assert await ids("kubuntu", moderates=True) == (1,)
        await catalogue.run("DELETE FROM torrent WHERE id = 1")
        await catalogue.refresh(1, 1, 99)
        assert await ids("kubuntu", moderates=True) == ()
        assert await ids("", order=SortOrder.NAME) == (6, 8, 7, 2, 3, 4)
        await catalogue.drop(*range(1, 9))
        assert await ids("", moderates=True) == ()


async def test_an_alias_finds_torrents_with_the_tag(backend, tmp_path):
    async with Catalogue.opened(backend, tmp_path) as catalogue:
        await catalogue.add(Entry(1, "a", tags=["science.fiction"]), Entry(2, "b", tags=["fiction"]))
        await catalogue.run("INSERT INTO tag (id, name, alias_of, uses) VALUES (9, 'scifi', 1, 0)")
        await catalogue.run(
            "INSERT INTO category (id, name, folded, parent_id) VALUES (10, 'Isos', 'isos', 6)"
        )
        await catalogue.add(Entry(3, "c", category=10))
        search = Search(catalogue.index)
        assert (await search.torrents(SearchQuery(parse("tag:scifi")))).ids == (1,)
        assert (await search.torrents(SearchQuery(parse("tag:sci*")))).ids == (1,)
        assert (await search.torrents(SearchQuery(parse("category:pc")))).ids == (3,)
        assert (await search.torrents(SearchQuery(CategoryTerm(frozenset({10}))))).ids == (3,)


async def test_a_damaged_or_endless_file_list_keeps_nothing_else_from_being_found(backend, tmp_path):
    async with Catalogue.opened(backend, tmp_path) as catalogue:
        many = [f"folder{number % 7}/file {number}" for number in range(60_000)]
        await catalogue.add(
            Entry(1, "damaged"), replace(ENTRIES[0], id=2, group=9, title="endless", files=many)
        )
        await catalogue.run("UPDATE contents SET payload = :payload WHERE torrent_id = 1", payload=b"\0")
        await catalogue.refresh(1)
        search = Search(catalogue.index)
        assert (await search.torrents(SearchQuery(parse("damaged")))).ids == (1,)
        assert (await search.torrents(SearchQuery(parse("endless file:5")))).ids == (2,)
        assert (await search.torrents(SearchQuery(parse("file:59999")))).ids == ()
