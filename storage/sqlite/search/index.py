"""Full-text search over FTS5: resolves the names in a search, builds its SQL and runs it within a time limit."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bittorrent.refusal import Refusal
from catalogue.query import (
    MATCH_ALL,
    CategoryTerm,
    FacetCounts,
    Query,
    SearchColumn,
    SearchHits,
    SearchQuery,
    SortOrder,
    TagTerm,
    TextTerm,
    UploaderTerm,
)
from storage.database import Database, QueryTimeout
from storage.search import spelling
from storage.search.facets import read_counts
from storage.search.limits import FACETS_OF, LEADERS, MOST_RESPELT, MOST_TAGS, shuffle_factor
from storage.search.terms import (
    ResolvedNames,
    fold_user_name,
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
_SMALL = 5_000
"""Torrents up to which any search is tried on the event loop: what the full-text index does in one step is short."""

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
    """The search index of a database; a search ranks `candidates` matches at most and runs `seconds` at most."""

    def __init__(self, database: Database, candidates: int, seconds: float) -> None:
        super().__init__(database)
        self._database = database
        self._candidates = candidates
        self._seconds = seconds
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
        known = await self._resolve_names(query)
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
        held = {term for term, _ in await self._vocabulary(terms.values())}
        missing = [word for word, term in terms.items() if term not in held][:MOST_RESPELT]
        found = {}
        for word in missing:
            near = await self._vocabulary(spelling.near(terms[word]))
            if near:
                found[word] = max(near, key=lambda each: (each[1], each[0]))[0]
        return found

    async def _vocabulary(self, terms: Iterable[str]) -> list[tuple[str, int]]:
        """Return those of the terms that the index holds, and in how many torrents."""
        return [
            (term, count) for term, count in await self._rows(_HELD, {"terms": _texts(terms)}, short=False)
        ]

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
        known = await self._resolve_names(query)
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

    async def _resolve_names(self, query: Query) -> ResolvedNames:
        """Look up the tags, uploaders and categories that a search names."""
        found = list(leaves(query))
        tags = [leaf for leaf in found if isinstance(leaf, TagTerm)]
        users = [fold_user_name(leaf.name) for leaf in found if isinstance(leaf, UploaderTerm)]
        has_categories = any(isinstance(leaf, CategoryTerm) for leaf in found)
        listed = await self._rows(_CATEGORIES, {}, short=True) if has_categories else []
        return ResolvedNames(
            tags=await self._resolve_tags(tags) if tags else {},
            uploaders=dict(await self._rows(_UPLOADERS, {"names": _texts(users)}, short=True))
            if users
            else {},
            categories={name: number for number, name, _ in listed},
            subcategories={
                number: [below for below, _, parent in listed if parent == number] for number, _, _ in listed
            },
        )

    async def _resolve_tags(self, wanted: Sequence[TagTerm]) -> dict[tuple[str, bool], list[int]]:
        parameters = {
            "exact": _texts(tag.name for tag in wanted if not tag.prefix),
            "beginnings": _texts(tag.name for tag in wanted if tag.prefix),
            "most": MOST_TAGS,
        }
        ids: dict[tuple[str, bool], list[int]] = {}
        for prefix, name, number in await self._rows(_TAGS, parameters, short=await self._is_small()):
            ids.setdefault((name, bool(prefix)), []).append(number)
        return ids

    async def _is_small(self) -> bool:
        version = self._database.version(_COUNTED)
        if version != self._version:
            ((self._newest,),) = await self._database.rows(_NEWEST)
            self._version = version
        return self._newest <= _SMALL

    async def _rows(self, sql: str, parameters: dict[str, object], *, short: bool) -> list[tuple[Any, ...]]:
        try:
            return await self._database.rows(sql, parameters, seconds=self._seconds, short=short)
        except QueryTimeout as error:
            raise Refusal("search-too-slow", f"it was given {self._seconds:g} s") from error


def _texts(names: Iterable[str]) -> str:
    """Return names as one JSON parameter; what UTF-8 cannot encode becomes a question mark, which no name has."""
    return json.dumps([name.encode("utf-8", "replace").decode().replace("\0", "?") for name in names])
