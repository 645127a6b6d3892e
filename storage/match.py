"""Hides how a search is put to FTS5: one expression for the index, and what the index alone cannot decide.

Every word is quoted and every filter is a token of its own, so that nothing that a user writes is ever read
as syntax. The index decides everything but the edges of a range of sizes; those are compared with the sizes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from catalogue.query import (
    AllOf,
    AnyOf,
    By,
    Column,
    Dated,
    Free,
    Hashed,
    Having,
    Imdb,
    InCategory,
    Not,
    Query,
    Sized,
    Tagged,
    Text,
)
from storage import facets

COLUMNS = tuple(Column)
_NAMES = {Column.NAME: "name", Column.GROUP: "work", Column.AUTHORS: "authors"} | {
    Column.TAGS: "tags",
    Column.DESCRIPTION: "description",
    Column.FILES: "files",
}
LONGEST_LISTED = 3
"""Characters of the longest beginnings that the index has lists of; the migration that made it says which."""
_SHORTEST_PREFIX = 2
_LARGEST = 2**63 - 1
_AFTER_SPACE = "!"  # the first character that sorts behind the space after a word
_BEYOND = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Known:
    """The ids of what a search names: tags by (name, prefix), uploaders and categories by folded name.

    `beneath` holds the categories under each.
    """

    tags: Mapping[tuple[str, bool], Sequence[int]] = field(default_factory=dict)
    uploaders: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)
    beneath: Mapping[int, Sequence[int]] = field(default_factory=dict)


def leaves(query: Query) -> Iterator[Query]:
    """Return the terms of a search that are no combinations."""
    match query:
        case AllOf(terms) | AnyOf(terms):
            for term in terms:
                yield from leaves(term)
        case Not(term):
            yield from leaves(term)
        case _:
            yield query


def folded_user(name: str) -> str:
    """Return the spelling by which an account's name is unique."""
    return name.lower()


def straight(query: Query, *, negated: bool = False) -> Query:
    """Return the same search with each `Not` next to a term of the index, and none about a size."""
    match query:
        case Not(term):
            return straight(term, negated=not negated)
        case AllOf(terms) | AnyOf(terms):
            kind = AnyOf if isinstance(query, AllOf) == negated else AllOf
            return kind(tuple(straight(term, negated=negated) for term in terms))
        case Sized(low, high) if negated:
            below = (Sized(None, low - 1),) if low is not None else ()
            return AnyOf((*below, *((Sized(high + 1, None),) if high is not None else ())))
        case _:
            return Not(query) if negated else query


def expression(query: Query, known: Known, columns: Sequence[Column] = COLUMNS) -> str:
    """Return what FTS5 is asked for a search that is `straight`; words without a column are looked for in these.

    What is unwanted is unwanted in any column.
    """
    match query:
        case AllOf(terms):
            wanted = [expression(term, known, columns) for term in terms if not isinstance(term, Not)]
            unwanted = [expression(term.term, known) for term in terms if isinstance(term, Not)]
            found = " AND ".join(wanted) or _facet([facets.EVERY])
            return f"({found})" if not unwanted else f"(({found}) NOT ({' OR '.join(unwanted)}))"
        case AnyOf(terms):
            found = " OR ".join(expression(term, known, columns) for term in terms)
            return f"({found})" if found else _facet([])
        case Not(term):
            return f"({_facet([facets.EVERY])} NOT {expression(term, known)})"
        case Text(words, prefix, within):
            return _words(words, prefix, [each for each in COLUMNS if each in within] or columns)
        case _:
            return _facet(_tokens(query, known))


def visible(expressed: str) -> str:
    """Return an expression without the torrents that are hidden."""
    return f"({expressed} NOT {_facet([facets.HIDDEN])})"


def titled(query: Query) -> tuple[str, str]:
    """Return between which titles, as `facets.title_of` spells them, lie those that begin with a search's words.

    The second is left out; both are empty for a search of no words.
    """
    terms = query.terms if isinstance(query, AllOf) else (query,)
    texts = [term for term in terms if isinstance(term, Text) and not term.columns]
    title = facets.title_of(" ".join(word for text in texts for word in text.words))
    if not title:
        return "", ""
    return title, title + (_BEYOND if texts[-1].prefix else _AFTER_SPACE)


def bare(query: Query) -> Query | None:
    """Return the words of a search that has filters beside them, or None for any other."""
    terms = query.terms if isinstance(query, AllOf) else ()
    texts = tuple(term for term in terms if isinstance(term, Text))
    return AllOf(texts) if texts and len(texts) < len(terms) else None


def is_dear(term: Query) -> bool:
    """Tell whether it takes long to ask about a term and one torrent: long beginnings are merged each time."""
    return isinstance(term, Text) and term.prefix and len(_cleaned(term.words[-1:])) > LONGEST_LISTED


def edges(query: Query, known: Known, exists: str) -> tuple[str | None, dict[str, object]]:
    """Return the condition on sizes under which what the index found is a hit; None when it always is.

    `exists` is SQL that asks the index about the one torrent, with `{}` where the parameter's name goes.
    """
    parameters: dict[str, object] = {}
    return _edge(query, known, exists, parameters), parameters


def _edge(query: Query, known: Known, exists: str, parameters: dict[str, object]) -> str | None:
    match query:
        case Sized(low, high):
            name = f"size{len(parameters)}"
            parameters[f"{name}low"] = min(max(low or 0, 0), _LARGEST)
            parameters[f"{name}high"] = _LARGEST if high is None else max(min(high, _LARGEST), -1)
            return f"torrent.size BETWEEN :{name}low AND :{name}high"
        case AllOf(terms):
            found = [_edge(term, known, exists, parameters) for term in terms]
            return " AND ".join(f"({each})" for each in found if each) or None
        case AnyOf(terms) if any(isinstance(leaf, Sized) for leaf in leaves(query)):
            return " OR ".join(f"({_choice(term, known, exists, parameters)})" for term in terms)
        case _:
            return None


def _choice(query: Query, known: Known, exists: str, parameters: dict[str, object]) -> str:
    """Return the whole condition of one of several choices, since the index may have found another one."""
    edge = _edge(query, known, exists, parameters)
    if isinstance(query, Sized) and edge:
        return edge
    name = f"match{len(parameters)}"
    parameters[name] = expression(query, known)
    asked = exists.format(f":{name}")
    return f"({edge}) AND {asked}" if edge else asked


def _words(words: Iterable[str], prefix: bool, columns: Sequence[Column]) -> str:
    phrase = _cleaned(words)
    if not phrase:
        return _facet([])
    star = " *" if prefix and len(phrase.split()[-1]) >= _SHORTEST_PREFIX else ""
    return f'{{{" ".join(_NAMES[each] for each in columns)}}} : "{phrase}"{star}'


def _cleaned(words: Iterable[str]) -> str:
    """Return words with nothing in them that is not a letter, a digit or an accent, joined by spaces."""
    told = facets.plain(" ".join(words))
    return " ".join("".join(sign if _belongs(sign) else " " for sign in told).split())


def _belongs(sign: str) -> bool:
    return sign.isalnum() or "\u0300" <= sign <= "\u036f"


def _facet(tokens: Sequence[str]) -> str:
    quoted = [f'"{token}"' for token in tokens or [facets.NEVER]]
    return f"facets : ({' OR '.join(quoted)})"


def _tokens(query: Query, known: Known) -> list[str]:
    match query:
        case Tagged(name, prefix):
            return [facets.tag(number) for number in known.tags.get((name, prefix), ())]
        case InCategory(ids, names):
            chosen = {*ids, *(known.categories[name] for name in names if name in known.categories)}
            every = chosen.union(*(known.beneath.get(number, ()) for number in chosen))
            return [facets.category(number) for number in sorted(every)]
        case Dated(low, high):
            return facets.years_between(low, high)
        case Sized(low, high):
            return facets.sizes_between(low, high)
        case By(name):
            number = known.uploaders.get(folded_user(name))
            return [] if number is None else [facets.uploader(number)]
        case Imdb(number):
            return [facets.imdb(number)]
        case Hashed(infohash):
            return [facets.infohash(infohash)]
        case Having(attribute, values):
            return [facets.attribute(attribute, value) for value in sorted(values)]
        case Free(kinds):
            return [facets.freeleech(kind) for kind in sorted(kinds)]
        case _:
            raise TypeError(query)
