"""Translates a search into an FTS5 MATCH expression, and into SQL where the index alone cannot decide.

Every word is quoted and every filter is a token, so that user input is never read as FTS5 syntax. The index
decides everything but the ends of a range of sizes; those, dates, seeders and privacy are compared with columns.
"""

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
from storage.sqlite.search import facets

COLUMNS = tuple(SearchColumn)
_NAMES = {SearchColumn.NAME: "name", SearchColumn.GROUP: "work", SearchColumn.AUTHORS: "authors"} | {
    SearchColumn.TAGS: "tags",
    SearchColumn.DESCRIPTION: "description",
    SearchColumn.FILES: "files",
}
LONGEST_INDEXED_PREFIX = 3
"""Characters of the longest prefix that FTS5 indexes (`prefix = '2 3'` in migration 0003)."""
_SHORTEST_PREFIX = 2
_LARGEST = 2**63 - 1
_BY_COLUMN = (SizeRange, AddedRange, SeedersRange, PrivateTerm)
_RANGES: Mapping[type[Query], str] = {
    SizeRange: "torrent.size BETWEEN {}",
    SeedersRange: "torrent.seeders BETWEEN {}",
    # One walk over an index, in place of reading the row of each match.
    AddedRange: "torrent.id IN (SELECT id FROM torrent AS other INDEXED BY torrent_added WHERE other.added BETWEEN {})",
}
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


def match_expression(query: Query, known: ResolvedNames, columns: Sequence[SearchColumn] = COLUMNS) -> str:
    """Return the MATCH expression of a search from `normalize_negation`.

    Words without a column are matched in `columns`, negated words are excluded in every column.
    """
    match query:
        case AllOf(terms):
            required = [match_expression(term, known, columns) for term in terms if not isinstance(term, Not)]
            excluded = [match_expression(term.term, known) for term in terms if isinstance(term, Not)]
            found = " AND ".join(required) or _facet([facets.EVERY])
            return f"({found})" if not excluded else f"(({found}) NOT ({' OR '.join(excluded)}))"
        case AnyOf(terms):
            found = " OR ".join(match_expression(term, known, columns) for term in terms)
            return f"({found})" if found else _facet([])
        case Not(term):
            return f"({_facet([facets.EVERY])} NOT {match_expression(term, known)})"
        case TextTerm(words, prefix, within):
            return _words(words, prefix, [each for each in COLUMNS if each in within] or columns)
        case _:
            return _facet(_tokens(query, known))


def exclude_hidden(expressed: str) -> str:
    """Return an expression that excludes hidden torrents."""
    return f"({expressed} NOT {_facet([facets.HIDDEN])})"


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
        isinstance(term, TextTerm) and term.prefix and len(_cleaned(term.words[-1:])) > LONGEST_INDEXED_PREFIX
    )


def column_condition(query: Query, known: ResolvedNames, exists: str) -> tuple[str | None, dict[str, object]]:
    """Return the SQL condition on columns that a match has to meet, and its parameters; None when there is none.

    `exists` is SQL that matches the one torrent against the index, with `{}` for the parameter's name.
    """
    parameters: dict[str, object] = {}
    return _column_condition(query, known, exists, parameters), parameters


def _column_condition(
    query: Query, known: ResolvedNames, exists: str, parameters: dict[str, object]
) -> str | None:
    match query:
        case SizeRange(low, high) | AddedRange(low, high) | SeedersRange(low, high):
            name = f"range{len(parameters)}"
            parameters[f"{name}low"] = min(max(low or 0, 0), _LARGEST)
            parameters[f"{name}high"] = _LARGEST if high is None else max(min(high, _LARGEST), -1)
            return _RANGES[type(query)].format(f":{name}low AND :{name}high")
        case PrivateTerm(private):
            return f"torrent.private = {int(private)}"
        case AllOf(terms):
            found = [_column_condition(term, known, exists, parameters) for term in terms]
            return " AND ".join(f"({each})" for each in found if each) or None
        case AnyOf(terms) if any(isinstance(leaf, _BY_COLUMN) for leaf in leaves(query)):
            return " OR ".join(f"({_alternative(term, known, exists, parameters)})" for term in terms)
        case _:
            return None


def _alternative(query: Query, known: ResolvedNames, exists: str, parameters: dict[str, object]) -> str:
    """Return the whole condition of one alternative, since the match may be of another."""
    condition = _column_condition(query, known, exists, parameters)
    if isinstance(query, _BY_COLUMN) and condition:
        return condition
    name = f"match{len(parameters)}"
    parameters[name] = match_expression(query, known)
    asked = exists.format(f":{name}")
    return f"({condition}) AND {asked}" if condition else asked


def _words(words: Iterable[str], prefix: bool, columns: Sequence[SearchColumn]) -> str:
    phrase = _cleaned(words)
    if not phrase:
        return _facet([])
    star = " *" if prefix and len(phrase.split()[-1]) >= _SHORTEST_PREFIX else ""
    return f'{{{" ".join(_NAMES[each] for each in columns)}}} : "{phrase}"{star}'


def _cleaned(words: Iterable[str]) -> str:
    """Return words with only letters, digits and combining accents in them, joined by spaces."""
    cleaned = facets.clean_text(" ".join(words))
    return " ".join(
        "".join(character if _is_word_character(character) else " " for character in cleaned).split()
    )


def _is_word_character(character: str) -> bool:
    return character.isalnum() or "\u0300" <= character <= "\u036f"


def _facet(tokens: Sequence[str]) -> str:
    quoted = [f'"{token}"' for token in tokens or [facets.NEVER]]
    return f"facets : ({' OR '.join(quoted)})"


def _tokens(query: Query, known: ResolvedNames) -> list[str]:
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
