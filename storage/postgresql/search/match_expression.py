"""Translates a search into a tsquery, and into SQL where the index alone cannot decide.

Every word is a quoted lexeme of letters and digits and every filter is one, so that user input is never read as syntax.
The index decides everything but phrases, the ends of a range of sizes, dates, seeders and privacy; of a phrase it finds
the torrents that have its words, and the words in their order are compared with the text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
from storage.postgresql.search.documents import LETTERS
from storage.postgresql.search.words import words_of
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

_NAMES = {each: each.value for each in SearchColumn} | {SearchColumn.GROUP: "work"}
_RANGES: Mapping[type[Query], str] = {
    SizeRange: "torrent.size BETWEEN {}",
    SeedersRange: "torrent.seeders BETWEEN {}",
    AddedRange: "torrent.added BETWEEN {}",
}


def match_expression(query: Query, known: ResolvedNames, columns: Sequence[SearchColumn] = COLUMNS) -> str:
    """Return the tsquery of a search from `normalize_negation`: it finds what matches, and of phrases more.

    Words without a column are matched in `columns`, negated words are excluded in every column.
    """
    match query:
        case AllOf(terms):
            required = [match_expression(term, known, columns) for term in terms if not isinstance(term, Not)]
            excluded = [
                f"!{match_expression(term.term, known)}"
                for term in terms
                if isinstance(term, Not) and not _is_phrase(term.term)
            ]
            return f"({' & '.join([*(required or [_any_of([facets.EVERY])]), *excluded])})"
        case AnyOf(terms):
            found = " | ".join(match_expression(term, known, columns) for term in terms)
            return f"({found})" if found else _any_of([])
        case Not(term):
            every = _any_of([facets.EVERY])
            return every if _is_phrase(term) else f"({every} & !{match_expression(term, known)})"
        case TextTerm():
            return _words(_Phrase.of(query, columns))
        case _:
            return _any_of(filter_tokens(query, known))


def exclude_hidden(expressed: str) -> str:
    """Return a tsquery that excludes hidden torrents."""
    return f"({expressed} & !{_any_of([facets.HIDDEN])})"


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Words in a row, the last of them maybe a prefix, and the columns that they are looked for in."""

    words: Sequence[str]
    prefix: bool
    columns: Sequence[SearchColumn]

    @classmethod
    def of(cls, term: TextTerm, columns: Sequence[SearchColumn] = COLUMNS) -> "_Phrase":
        cleaned = clean_words(term.words)
        prefix = term.prefix and bool(cleaned) and len(cleaned.split()[-1]) >= SHORTEST_PREFIX
        within = [each for each in COLUMNS if each in term.columns] or columns
        return cls(words_of(cleaned), prefix, within)


def _is_phrase(query: Query) -> bool:
    return isinstance(query, TextTerm) and len(_Phrase.of(query).words) > 1


def _words(phrase: _Phrase) -> str:
    if not phrase.words:
        return _any_of([])
    star = ":*" if phrase.prefix else ""
    alternatives = []
    for column in phrase.columns:
        lexemes = [f"'{LETTERS[_NAMES[column]]}{word}'" for word in phrase.words]
        alternatives.append(f"({' & '.join(lexemes)}{star})")
    return f"({' | '.join(alternatives)})"


def _any_of(tokens: Iterable[str]) -> str:
    quoted = [f"'{token}'" for token in tokens] or [f"'{facets.NEVER}'"]
    return f"({' | '.join(quoted)})"


@dataclass(slots=True)
class Conditions:
    """Makes the SQL conditions of one search, over `torrent` and the index `found`; `parameters` are theirs."""

    known: ResolvedNames
    parameters: dict[str, object] = field(default_factory=dict)

    def of(self, query: Query, columns: Sequence[SearchColumn] = COLUMNS) -> str | None:
        """Return what a match of the tsquery has to meet as well; None when it is nothing."""
        match query:
            case SizeRange(low, high) | AddedRange(low, high) | SeedersRange(low, high):
                first = self._add(min(max(low or 0, 0), LARGEST))
                last = self._add(LARGEST if high is None else max(min(high, LARGEST), -1))
                between = f"CAST(:{first} AS bigint) AND CAST(:{last} AS bigint)"
                return _RANGES[type(query)].format(between)
            case PrivateTerm(private):
                return f"torrent.private = {int(private)}"
            case Not(TextTerm() as term) if _is_phrase(term):
                return f"NOT ({self._phrase(_Phrase.of(term))})"
            case TextTerm() if _is_phrase(query):
                return self._phrase(_Phrase.of(query, columns))
            case AllOf(terms):
                found = [self.of(term, columns) for term in terms]
                return " AND ".join(f"({each})" for each in found if each) or None
            case AnyOf(terms) if any(_needs_condition(leaf) for leaf in leaves(query)):
                return " OR ".join(f"({self._alternative(term, columns)})" for term in terms)
            case _:
                return None

    def _alternative(self, query: Query, columns: Sequence[SearchColumn]) -> str:
        """Return the whole condition of one alternative, since the match may be of another."""
        condition = self.of(query, columns)
        if isinstance(query, BY_COLUMN) and condition:
            return condition
        name = self._add(match_expression(query, self.known, columns))
        asked = f"found.words @@ CAST(:{name} AS text)::tsquery"
        return f"({condition}) AND {asked}" if condition else asked

    def _phrase(self, phrase: _Phrase) -> str:
        name = self._add(f" {' '.join(phrase.words)}{'' if phrase.prefix else ' '}")
        return " OR ".join(
            f"strpos(found.{_NAMES[each]}, CAST(:{name} AS text)) > 0" for each in phrase.columns
        )

    def _add(self, value: object) -> str:
        name = f"given{len(self.parameters)}"
        self.parameters[name] = value
        return name


def _needs_condition(leaf: Query) -> bool:
    return isinstance(leaf, BY_COLUMN) or _is_phrase(leaf)
