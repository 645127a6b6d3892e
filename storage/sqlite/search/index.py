"""Full-text search over FTS5: resolves the names in a search, builds its SQL and runs it within a time limit."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bittorrent.refusal import Refusal
from catalogue.query import (
    MATCH_ALL,
    FacetCounts,
    Query,
    SearchColumn,
    SearchHits,
    SearchQuery,
    SortOrder,
    TextTerm,
)
from storage.database import Database, QueryTimeout
from storage.search import spelling
from storage.search.facets import read_counts
from storage.search.limits import FACETS_OF, LEADERS, MOST_TAGS, shuffle_factor
from storage.search.names import resolve_names, writable
from storage.search.terms import (
    is_expensive,
    leaves,
    normalize_negation,
    title_range,
    words_alone,
)
from storage.sqlite.search import facet_counts, statements
from storage.sqlite.search.documents import SearchIndexUpdater
from storage.sqlite.search.match_expression import column_condition, exclude_hidden, match_expression
from storage.table_versions import changes_of

_TIERS = {
    "named": (SearchColumn.NAME,),
    "near": (SearchColumn.NAME, SearchColumn.GROUP, SearchColumn.AUTHORS, SearchColumn.TAGS),
}
_SMALL = 5_000  # torrents: what the full-text index does of them in one step is short

_TAGS = """
    SELECT 0, wanted.value, coalesce(tag.alias_of, tag.id)
    FROM json_each(:exact) AS wanted JOIN tag ON tag.name = wanted.value
    UNION ALL
    SELECT * FROM (
        SELECT 1, wanted.value, coalesce(tag.alias_of, tag.id)
        FROM json_each(:beginnings) AS wanted
        CROSS JOIN tag ON tag.name >= wanted.value AND tag.name < wanted.value || char(1114111)
        ORDER BY tag.uses DESC LIMIT :most
    )
"""
_HELD = """
    SELECT term, doc FROM json_each(:terms) AS wanted
    CROSS JOIN search_vocabulary ON search_vocabulary.term = wanted.value
"""
_UPLOADERS = "SELECT folded, id FROM account WHERE folded IN (SELECT value FROM json_each(:names))"
_CATEGORIES = "SELECT id, folded, parent_id FROM category"
_NEWEST = "SELECT coalesce(max(id), 0) FROM torrent"
_COUNTED = changes_of(["torrent"])


class SqliteSearchIndex(SearchIndexUpdater):
    """The search index of a database; a search ranks `candidates` matches at most and runs `seconds` at most.

    Up to `small` torrents any search is tried on the event loop.
    """

    def __init__(self, database: Database, candidates: int, seconds: float, *, small: int = _SMALL) -> None:
        super().__init__(database)
        self._database = database
        self._candidates = candidates
        self._seconds = seconds
        self._small = small
        self._version = -1
        self._newest = 0

    async def torrents(self, wanted: SearchQuery) -> SearchHits:
        """Return the ids of torrents. Refusal: `search-too-slow`."""
        return await self._search(wanted, grouped=False)

    async def groups(self, wanted: SearchQuery) -> SearchHits:
        """Return the ids of groups. Refusal: `search-too-slow`."""
        return await self._search(wanted, grouped=True)

    async def facets(self, wanted: SearchQuery, since: Sequence[int]) -> FacetCounts:
        """Count what the newest hits can be narrowed by. Refusal: `search-too-slow`."""
        query = normalize_negation(wanted.query)
        known = await resolve_names(query, self)
        condition, parameters = column_condition(query, known, statements.MATCHES_TORRENT)
        expressed = match_expression(query, known)
        parameters["match"] = expressed if wanted.moderates else exclude_hidden(expressed)
        parameters |= {"as_of": wanted.as_of, "most": FACETS_OF + 1, "since": json.dumps(since)}
        sql = facet_counts.statement(condition)
        rows = await self._rows(sql, parameters, short=await self._is_small())
        return read_counts(rows, FACETS_OF, len(since))

    async def spellings(self, words: Sequence[str]) -> dict[str, str]:
        """Return for each word that the index does not hold the one that it holds and that differs least."""
        terms = {word: term for word in words if (term := spelling.index_term(word))}
        return await spelling.respell(terms, self._vocabulary)

    async def _vocabulary(self, terms: Iterable[str]) -> list[tuple[str, int]]:
        """Return those of the terms that the index holds, and in how many torrents."""
        asked = json.dumps([writable(term) for term in terms])
        return [(term, count) for term, count in await self._rows(_HELD, {"terms": asked}, short=False)]

    async def _search(self, wanted: SearchQuery, *, grouped: bool) -> SearchHits:
        query = normalize_negation(wanted.query)
        sql, parameters = await self._statement(query, wanted, grouped=grouped)
        whole = query == MATCH_ALL and not grouped and wanted.order is not SortOrder.RANDOM
        # The number of sorted matches is bounded, so a page beyond the bound is past the end.
        page_size = wanted.limit if whole else max(min(wanted.limit, self._candidates - wanted.offset), 0)
        common = {
            "as_of": wanted.as_of,
            "limit": page_size,
            "offset": wanted.offset,
            "most": self._candidates + 1,
            "leaders": min(LEADERS, self._candidates),
            "factor": shuffle_factor(wanted.seed),
        }
        short = whole or await self._is_small()
        ((top, counted, total, ids),) = await self._rows(sql, parameters | common, short=short)
        exact = counted <= self._candidates
        return SearchHits(
            tuple(json.loads(ids)), total if exact else min(total, self._candidates), exact, top
        )

    async def _statement(
        self, query: Query, wanted: SearchQuery, *, grouped: bool
    ) -> tuple[str, dict[str, object]]:
        """Return the SQL of a search, and its own parameters."""
        order, descending = wanted.order, wanted.descending
        by_words = order is SortOrder.RELEVANCE and any(isinstance(leaf, TextTerm) for leaf in leaves(query))
        if order is SortOrder.RELEVANCE:
            order = SortOrder.TIME
        if query == MATCH_ALL and (grouped or order is not SortOrder.RANDOM):
            sql = statements.whole_catalogue(
                order, descending=descending, include_hidden=wanted.moderates, grouped=grouped
            )
            return sql, {}
        known = await resolve_names(query, self)
        condition, parameters = column_condition(query, known, statements.MATCHES_TORRENT)

        def shown(expressed: str) -> str:
            return expressed if wanted.moderates else exclude_hidden(expressed)

        parameters["match"] = shown(match_expression(query, known))
        expensive = condition is not None or any(is_expensive(leaf) for leaf in leaves(query))
        if not by_words:
            sql = statements.by_sort_order(
                order, descending=descending, condition=condition, grouped=grouped, expensive=expensive
            )
            return sql, parameters
        texts = words_alone(query)
        for name, columns in _TIERS.items():
            parameters[name] = shown(match_expression(query, known, columns))
            parameters[f"bare_{name}"] = shown(match_expression(texts or query, known, columns))
        parameters["title"], parameters["beyond"] = title_range(query)
        sql = statements.by_relevance(
            descending=descending,
            condition=condition,
            grouped=grouped,
            expensive=expensive,
            filtered=texts is not None,
        )
        return sql, parameters

    async def read_categories(self) -> list[tuple[Any, ...]]:
        """Return every category: id, folded name, id of the one above it. Refusal: `search-too-slow`."""
        return await self._rows(_CATEGORIES, {}, short=True)

    async def read_uploaders(self, folded: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the accounts of folded names. Refusal: `search-too-slow`."""
        return await self._rows(_UPLOADERS, {"names": json.dumps(list(folded))}, short=True)

    async def read_tags(self, exact: Sequence[str], beginnings: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return tags by name and by beginning. Refusal: `search-too-slow`."""
        names = {"exact": json.dumps(list(exact)), "beginnings": json.dumps(list(beginnings))}
        return await self._rows(_TAGS, {**names, "most": MOST_TAGS}, short=await self._is_small())

    async def _is_small(self) -> bool:
        version = self._database.version(_COUNTED)
        if version != self._version:
            ((self._newest,),) = await self._database.rows(_NEWEST)
            self._version = version
        return self._newest <= self._small

    async def _rows(self, sql: str, parameters: dict[str, object], *, short: bool) -> list[tuple[Any, ...]]:
        try:
            return await self._database.rows(sql, parameters, seconds=self._seconds, short=short)
        except QueryTimeout as error:
            raise Refusal("search-too-slow", f"it was given {self._seconds:g} s") from error
