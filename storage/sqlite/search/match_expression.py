"""Translates a search into an FTS5 MATCH expression, and into SQL where the index alone cannot decide.

Every word is quoted and every filter is a token, so that user input is never read as FTS5 syntax. The index
decides everything but the ends of a range of sizes; those, dates, seeders and privacy are compared with columns.
"""

from collections.abc import Iterable, Mapping, Sequence

from catalogue.query import (
    AddedRange,
    AllOf,
    AnyOf,
    Not,
    PrivateTerm,
    Query,
    SearchColumn,
    SeedersRange,
    SizeRange,
    TextTerm,
)
from storage.search import facets
from storage.search.terms import (
    BY_COLUMN,
    COLUMNS,
    LARGEST,
    SHORTEST_PREFIX,
    ResolvedNames,
    clean_words,
    filter_tokens,
    leaves,
)

_NAMES = {SearchColumn.NAME: "name", SearchColumn.GROUP: "work", SearchColumn.AUTHORS: "authors"} | {
    SearchColumn.TAGS: "tags",
    SearchColumn.DESCRIPTION: "description",
    SearchColumn.FILES: "files",
}
_RANGES: Mapping[type[Query], str] = {
    SizeRange: "torrent.size BETWEEN {}",
    SeedersRange: "torrent.seeders BETWEEN {}",
    # One walk over an index, in place of reading the row of each match.
    AddedRange: "torrent.id IN (SELECT id FROM torrent AS other INDEXED BY torrent_added WHERE other.added BETWEEN {})",
}


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
            return _facet(filter_tokens(query, known))


def exclude_hidden(expressed: str) -> str:
    """Return an expression that excludes hidden torrents."""
    return f"({expressed} NOT {_facet([facets.HIDDEN])})"


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
            parameters[f"{name}low"] = min(max(low or 0, 0), LARGEST)
            parameters[f"{name}high"] = LARGEST if high is None else max(min(high, LARGEST), -1)
            return _RANGES[type(query)].format(f":{name}low AND :{name}high")
        case PrivateTerm(private):
            return f"torrent.private = {int(private)}"
        case AllOf(terms):
            found = [_column_condition(term, known, exists, parameters) for term in terms]
            return " AND ".join(f"({each})" for each in found if each) or None
        case AnyOf(terms) if any(isinstance(leaf, BY_COLUMN) for leaf in leaves(query)):
            return " OR ".join(f"({_alternative(term, known, exists, parameters)})" for term in terms)
        case _:
            return None


def _alternative(query: Query, known: ResolvedNames, exists: str, parameters: dict[str, object]) -> str:
    """Return the whole condition of one alternative, since the match may be of another."""
    condition = _column_condition(query, known, exists, parameters)
    if isinstance(query, BY_COLUMN) and condition:
        return condition
    name = f"match{len(parameters)}"
    parameters[name] = match_expression(query, known)
    asked = exists.format(f":{name}")
    return f"({condition}) AND {asked}" if condition else asked


def _words(words: Iterable[str], prefix: bool, columns: Sequence[SearchColumn]) -> str:
    phrase = clean_words(words)
    if not phrase:
        return _facet([])
    star = " *" if prefix and len(phrase.split()[-1]) >= SHORTEST_PREFIX else ""
    return f'{{{" ".join(_NAMES[each] for each in columns)}}} : "{phrase}"{star}'


def _facet(tokens: Sequence[str]) -> str:
    quoted = [f'"{token}"' for token in tokens or [facets.NEVER]]
    return f"facets : ({' OR '.join(quoted)})"
