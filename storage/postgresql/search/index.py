"""Full-text search over tsvector: resolves the names in a search, builds its SQL and runs it within a time limit."""

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
from storage.postgresql.search import facet_counts, statements
from storage.postgresql.search.documents import LETTERS, SearchDocumentUpdater
from storage.postgresql.search.match_expression import Conditions, exclude_hidden, match_expression
from storage.postgresql.search.statements import Match
from storage.search import spelling
from storage.search.facets import read_counts
from storage.search.limits import FACETS_OF, LEADERS, MOST_TAGS, shuffle_factor
from storage.search.names import resolve_names
from storage.search.terms import (
    BY_COLUMN,
    COLUMNS,
    ResolvedNames,
    is_expensive,
    leaves,
    normalize_negation,
    title_range,
)

_NAMED = (SearchColumn.NAME,)
_NEAR = (SearchColumn.NAME, SearchColumn.GROUP, SearchColumn.AUTHORS, SearchColumn.TAGS)
_TAGS = """
    SELECT 0, name, coalesce(alias_of, id) FROM tag WHERE name = ANY (CAST(:exact AS text[]))
    UNION ALL
    SELECT * FROM (
        SELECT 1, wanted.name, coalesce(tag.alias_of, tag.id)
        FROM unnest(CAST(:beginnings AS text[])) AS wanted (name)
        JOIN tag ON tag.name >= wanted.name AND tag.name < wanted.name || chr(1114111)
        ORDER BY tag.uses DESC LIMIT CAST(:most AS bigint)
    ) AS beginning
"""
_HELD = """
    SELECT word, (SELECT count(*) FROM search_document WHERE words @@ query)
    FROM unnest(CAST(:words AS text[]), CAST(:queries AS text[])) AS wanted (word, text),
    LATERAL (SELECT text::tsquery) AS asked (query)
    WHERE EXISTS (SELECT 1 FROM search_document WHERE words @@ query)
"""
_UPLOADERS = "SELECT folded, id FROM account WHERE folded = ANY (CAST(:names AS text[]))"
_CATEGORIES = "SELECT id, folded, parent_id FROM category"


class PostgresqlSearchIndex(SearchDocumentUpdater):
    """The search index of a database; a search ranks `candidates` matches at most and runs `seconds` at most."""

    def __init__(self, database: Database, candidates: int, seconds: float) -> None:
        super().__init__(database)
        self._database = database
        self._candidates = candidates
        self._seconds = seconds

    async def torrents(self, wanted: SearchQuery) -> SearchHits:
        """Return the ids of torrents. Refusal: `search-too-slow`."""
        return await self._search(wanted, grouped=False)

    async def groups(self, wanted: SearchQuery) -> SearchHits:
        """Return the ids of groups. Refusal: `search-too-slow`."""
        return await self._search(wanted, grouped=True)

    async def facets(self, wanted: SearchQuery, since: Sequence[int]) -> FacetCounts:
        """Count what the newest hits can be narrowed by. Refusal: `search-too-slow`."""
        query = normalize_negation(wanted.query)
        matching = _Matching(await resolve_names(query, self), moderates=wanted.moderates)
        sql = facet_counts.statement(matching.match("match", query))
        given = {"as_of": wanted.as_of, "most": FACETS_OF + 1, "since": list(since)}
        rows = await self._rows(sql, matching.parameters | given)
        found = [(facet, name if number is None else number, count) for facet, name, number, count in rows]
        return read_counts(found, FACETS_OF, len(since))

    async def spellings(self, words: Sequence[str]) -> dict[str, str]:
        """Return for each word that the index does not hold the one that it holds and that differs least."""
        terms = {word: term for word in words if (term := spelling.index_term(word)) and term.isalnum()}
        return await spelling.respell(terms, self._held)

    async def _held(self, words: Iterable[str]) -> list[tuple[str, int]]:
        """Return those of the words that the index holds, and in how many torrents."""
        asked = {word: " | ".join(f"'{letter}{word}'" for letter in LETTERS.values()) for word in words}
        rows = await self._rows(_HELD, {"words": list(asked), "queries": list(asked.values())})
        return [(word, count) for word, count in rows]

    async def _search(self, wanted: SearchQuery, *, grouped: bool) -> SearchHits:
        query = normalize_negation(wanted.query)
        sql, parameters = await self._statement(query, wanted, grouped=grouped)
        whole = query == MATCH_ALL and not grouped and wanted.order is not SortOrder.RANDOM
        # The number of sorted matches is bounded, so a page beyond the bound is past the end.
        page_size = wanted.limit if whole else max(min(wanted.limit, self._candidates - wanted.offset), 0)
        common = {
            "as_of": wanted.as_of,
            "limit": page_size,
            "offset": wanted.offset if page_size else 0,
            "most": self._candidates + 1,
            "leaders": min(LEADERS, self._candidates),
            "factor": shuffle_factor(wanted.seed),
        }
        ((top, counted, total, ids),) = await self._rows(sql, parameters | common)
        exact = counted <= self._candidates
        return SearchHits(tuple(ids), total if exact else min(total, self._candidates), exact, top)

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
        matching = _Matching(await resolve_names(query, self), moderates=wanted.moderates)
        every = matching.match("match", query)
        with_leaders = not any(isinstance(leaf, BY_COLUMN) or is_expensive(leaf) for leaf in leaves(query))
        if not by_words:
            sql = statements.by_sort_order(
                order, every, descending=descending, grouped=grouped, with_leaders=with_leaders
            )
            return sql, matching.parameters
        named, near = matching.match("named", query, _NAMED), matching.match("near", query, _NEAR)
        matching.parameters["title"], matching.parameters["beyond"] = title_range(query)
        sql = statements.by_relevance(
            every, named, near, descending=descending, grouped=grouped, with_leaders=with_leaders
        )
        return sql, matching.parameters

    async def read_categories(self) -> list[tuple[Any, ...]]:
        """Return every category: id, folded name, id of the one above it. Refusal: `search-too-slow`."""
        return await self._rows(_CATEGORIES, {})

    async def read_uploaders(self, folded: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the accounts of folded names. Refusal: `search-too-slow`."""
        return await self._rows(_UPLOADERS, {"names": list(folded)})

    async def read_tags(self, exact: Sequence[str], beginnings: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return tags by name and by beginning. Refusal: `search-too-slow`."""
        parameters = {"exact": list(exact), "beginnings": list(beginnings), "most": MOST_TAGS}
        return await self._rows(_TAGS, parameters)

    async def _rows(self, sql: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        try:
            return await self._database.rows(sql, parameters, seconds=self._seconds)
        except QueryTimeout as error:
            raise Refusal("search-too-slow", f"it was given {self._seconds:g} s") from error


class _Matching:
    """Makes the matches of one search, and their parameters."""

    def __init__(self, known: ResolvedNames, *, moderates: bool) -> None:
        self._known = known
        self._moderates = moderates
        self._conditions = Conditions(known)

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of what was made."""
        return self._conditions.parameters

    def match(self, name: str, query: Query, columns: Sequence[SearchColumn] = COLUMNS) -> Match:
        """Return how a search matches, its words without a column in `columns`."""
        condition = self._conditions.of(query, columns)
        expressed = match_expression(query, self._known, columns)
        self.parameters[name] = expressed if self._moderates else exclude_hidden(expressed)
        return Match(name, condition)
