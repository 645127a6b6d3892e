"""What every index reads of a search: its leaves, the names in it, filters as tokens, and the words of its texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from catalogue.query import (
    AddedRange,
    AllOf,
    AnyOf,
    AttributeTerm,
    CategoryTerm,
    FreeleechTerm,
    ImdbTerm,
    InfohashTerm,
    Not,
    PrivateTerm,
    Query,
    SearchColumn,
    SeedersRange,
    SizeRange,
    TagTerm,
    TextTerm,
    UploaderTerm,
    YearRange,
)
from storage.search import facets

COLUMNS = tuple(SearchColumn)
LONGEST_INDEXED_PREFIX = 3
"""Characters of the longest prefix that is found as fast as a word."""
SHORTEST_PREFIX = 2
LARGEST = 2**63 - 1
BY_COLUMN = (SizeRange, AddedRange, SeedersRange, PrivateTerm)
"""Terms that columns decide, not the index alone."""
_AFTER_SPACE = "!"  # the first character that sorts behind the space after a word
_HIGHEST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class ResolvedNames:
    """The ids of the names in a search: tags by (name, prefix), uploaders and categories by folded name.

    `subcategories` holds the subcategories of each category.
    """

    tags: Mapping[tuple[str, bool], Sequence[int]] = field(default_factory=dict)
    uploaders: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)
    subcategories: Mapping[int, Sequence[int]] = field(default_factory=dict)


def leaves(query: Query) -> Iterator[Query]:
    """Yield the terms of a search that are not AllOf, AnyOf or Not."""
    match query:
        case AllOf(terms) | AnyOf(terms):
            for term in terms:
                yield from leaves(term)
        case Not(term):
            yield from leaves(term)
        case _:
            yield query


def fold_user_name(name: str) -> str:
    """Return the key by which an account's name is unique."""
    return name.lower()


def normalize_negation(query: Query, *, negated: bool = False) -> Query:
    """Return an equivalent search with each `Not` directly around a leaf, and none around what a column decides."""
    match query:
        case Not(term):
            return normalize_negation(term, negated=not negated)
        case AllOf(terms) | AnyOf(terms):
            kind = AnyOf if isinstance(query, AllOf) == negated else AllOf
            return kind(tuple(normalize_negation(term, negated=negated) for term in terms))
        case SizeRange(low, high) | AddedRange(low, high) | SeedersRange(low, high) if negated:
            kind_of = type(query)
            below = (kind_of(None, low - 1),) if low is not None else ()
            return AnyOf((*below, *((kind_of(high + 1, None),) if high is not None else ())))
        case PrivateTerm(private) if negated:
            return PrivateTerm(not private)
        case _:
            return Not(query) if negated else query


def title_range(query: Query) -> tuple[str, str]:
    """Return the half-open range of titles, as `facets.title_of` writes them, that begin with a search's words.

    Both ends are empty for a search without words.
    """
    terms = query.terms if isinstance(query, AllOf) else (query,)
    texts = [term for term in terms if isinstance(term, TextTerm) and not term.columns]
    title = facets.sort_title(" ".join(word for text in texts for word in text.words))
    if not title:
        return "", ""
    return title, title + (_HIGHEST_CHARACTER if texts[-1].prefix else _AFTER_SPACE)


def words_alone(query: Query) -> Query | None:
    """Return the words of a search that has filters beside them, or None."""
    terms = query.terms if isinstance(query, AllOf) else ()
    texts = tuple(term for term in terms if isinstance(term, TextTerm))
    return AllOf(texts) if texts and len(texts) < len(terms) else None


def is_expensive(term: Query) -> bool:
    """Return whether matching a term against one torrent is slow: long prefixes are merged each time."""
    return (
        isinstance(term, TextTerm)
        and term.prefix
        and len(clean_words(term.words[-1:])) > LONGEST_INDEXED_PREFIX
    )


def clean_words(words: Iterable[str]) -> str:
    """Return words with only letters, digits and combining accents in them, joined by spaces."""
    cleaned = facets.clean_text(" ".join(words))
    return " ".join(
        "".join(character if _is_word_character(character) else " " for character in cleaned).split()
    )


def _is_word_character(character: str) -> bool:
    return character.isalnum() or "\u0300" <= character <= "\u036f"


def filter_tokens(query: Query, known: ResolvedNames) -> list[str]:
    """Return the tokens of which a torrent that a filter finds has one."""
    match query:
        case TagTerm(name, prefix):
            return [facets.tag(number) for number in known.tags.get((name, prefix), ())]
        case CategoryTerm(ids, names):
            chosen = {*ids, *(known.categories[name] for name in names if name in known.categories)}
            every = chosen.union(*(known.subcategories.get(number, ()) for number in chosen))
            return [facets.category(number) for number in sorted(every)]
        case YearRange(low, high):
            return facets.years_between(low, high)
        case SizeRange(low, high):
            return facets.sizes_between(low, high)
        case UploaderTerm(name):
            number = known.uploaders.get(fold_user_name(name))
            return [] if number is None else [facets.uploader(number)]
        case AddedRange() | SeedersRange() | PrivateTerm():
            return [facets.EVERY]
        case ImdbTerm(number):
            return [facets.imdb(number)]
        case InfohashTerm(infohash):
            return [facets.infohash(infohash)]
        case AttributeTerm(attribute, values):
            return [facets.attribute(attribute, value) for value in sorted(values)]
        case FreeleechTerm(kinds):
            return [facets.freeleech(kind) for kind in sorted(kinds)]
        case _:
            raise TypeError(query)
