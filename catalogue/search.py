"""Search over an index, with limits on the query and the hits."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from bittorrent.refusal import Refusal
from catalogue.query import (
    AllOf,
    AnyOf,
    AttributeTerm,
    CategoryTerm,
    FacetCounts,
    Not,
    Query,
    SearchHits,
    SearchQuery,
    TagTerm,
    TextTerm,
    UploaderTerm,
)

MOST_TERMS = 128
"""Terms of one search, each value of a set counted; dialects combine several texts and filters."""
DEEPEST = 24
LONGEST_TERM = 1024
MOST_HITS = 1000
"""Ids in one answer."""
MOST_SPELT = 8
"""Words of one search whose spelling is looked at."""

_LARGEST = 2**63 - 1


class SearchIndex(Protocol):
    """The search index; every call ends within the service's time limit.

    Refusal: `search-too-slow` when it did not.
    """

    async def torrents(self, search: SearchQuery) -> SearchHits:
        """Return the ids of torrents."""
        ...

    async def facets(self, search: SearchQuery, since: Sequence[int]) -> FacetCounts:
        """Count what the newest hits can be narrowed by; `since` are times that torrents were added after."""
        ...

    async def spellings(self, words: Sequence[str]) -> dict[str, str]:
        """Return for each word that the index does not hold the one that it holds and that differs least, if any."""
        ...

    async def groups(self, search: SearchQuery) -> SearchHits:
        """Return the ids of groups with at least one torrent that matches.

        Sorted by those of their torrents taken together: the newest, the largest, the sum of seeders, leechers
        or snatches.
        """
        ...


class Search:
    """Searches within limits."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def torrents(self, search: SearchQuery) -> SearchHits:
        """Return the ids of torrents. Refusal: `search-too-slow`, `bad-search`."""
        return await self._index.torrents(_bounded(search))

    async def facets(self, search: SearchQuery, since: Sequence[int] = ()) -> FacetCounts:
        """Count what the newest hits can be narrowed by. Refusal: `search-too-slow`, `bad-search`."""
        return await self._index.facets(_bounded(search), since)

    async def better_spelt(self, query: Query) -> dict[str, str]:
        """Return what the words of a search that nothing holds are spelt like. Refusal: `search-too-slow`."""
        words = [word for term in _texts(query) if not term.prefix for word in term.words]
        return await self._index.spellings(list(dict.fromkeys(words))[:MOST_SPELT]) if words else {}

    async def groups(self, search: SearchQuery) -> SearchHits:
        """Return the ids of groups. Refusal: `search-too-slow`, `bad-search`."""
        return await self._index.groups(_bounded(search))


def _bounded(search: SearchQuery) -> SearchQuery:
    """Return the search with its numbers clamped. Refusal: `bad-search` beyond the limits."""
    terms = 0
    for weight in _weights(search.query, DEEPEST):
        terms += weight
        if terms > MOST_TERMS:
            raise Refusal("bad-search", f"at most {MOST_TERMS} terms")
    return replace(
        search,
        offset=_number(search.offset),
        limit=min(_number(search.limit), MOST_HITS),
        as_of=None if search.as_of is None else _number(search.as_of),
        seed=_number(search.seed),
    )


def _texts(query: Query) -> Iterator[TextTerm]:
    match query:
        case AllOf(terms) | AnyOf(terms):
            for term in terms:
                yield from _texts(term)
        case TextTerm():
            yield query
        case _:
            return


def _number(value: int) -> int:
    return min(max(value, 0), _LARGEST)


def _weights(query: Query, deepest: int) -> Iterator[int]:
    if not deepest:
        raise Refusal("bad-search", f"at most {DEEPEST} levels")
    match query:
        case AllOf(terms) | AnyOf(terms):
            for term in terms:
                yield from _weights(term, deepest - 1)
        case Not(term):
            yield from _weights(term, deepest - 1)
        case _:
            yield _weight(query)


def _weight(query: Query) -> int:
    match query:
        case TextTerm(texts):
            weight = 1
        case TagTerm(name) | UploaderTerm(name):
            texts, weight = (name,), 1
        case CategoryTerm(ids, names):
            texts, weight = tuple(names), len(ids) + len(names)
        case AttributeTerm(_, values):
            texts, weight = tuple(values), len(values)
        case _:
            texts, weight = (), 1
    if sum(map(len, texts)) + len(texts) > LONGEST_TERM * max(weight, 1):
        raise Refusal("bad-search", f"at most {LONGEST_TERM} characters a term")
    return weight
