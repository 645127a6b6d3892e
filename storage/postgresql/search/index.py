"""Full-text search over tsvector: resolves the names in a search, builds its SQL and runs it within a time limit."""

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
from storage.postgresql.search import facet_counts, statements
from storage.postgresql.search.documents import LETTERS, SearchDocumentUpdater
from storage.postgresql.search.match_expression import Conditions, exclude_hidden, match_expression
from storage.postgresql.search.statements import Match
from storage.search import spelling
from storage.search.facets import read_counts
from storage.search.limits import FACETS_OF, LEADERS, MOST_RESPELT, MOST_TAGS, shuffle_factor
from storage.search.terms import (
    BY_COLUMN,
    COLUMNS,
    ResolvedNames,
    fold_user_name,
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
        matching = _Matching(await self._resolve_names(query), moderates=wanted.moderates)
        sql = facet_counts.statement(matching.match("match", query))
        given = {"as_of": wanted.as_of, "most": FACETS_OF + 1, "since": list(since)}
        rows = await self._rows(sql, matching.parameters | given)
        found = [(facet, name if number is None else number, count) for facet, name, number, count in rows]
        return read_counts(found, FACETS_OF, len(since))

    async def spellings(self, words: Sequence[str]) -> dict[str, str]:
        """Return for each word that the index does not hold the one that it holds and that differs least."""
        terms = {word: term for word in words if (term := spelling.index_term(word)) and term.isalnum()}
        held = {term for term, _ in await self._held(terms.values())}
        missing = [word for word, term in terms.items() if term not in held][:MOST_RESPELT]
        found = {}
        for word in missing:
            near = await self._held(spelling.near(terms[word]))
            if near:
                found[word] = max(near, key=lambda each: (each[1], each[0]))[0]
        return found

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
        matching = _Matching(await self._resolve_names(query), moderates=wanted.moderates)
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

    async def _resolve_names(self, query: Query) -> ResolvedNames:
        """Look up the tags, uploaders and categories that a search names."""
        found = list(leaves(query))
        tags = [leaf for leaf in found if isinstance(leaf, TagTerm)]
        users = [fold_user_name(leaf.name) for leaf in found if isinstance(leaf, UploaderTerm)]
        has_categories = any(isinstance(leaf, CategoryTerm) for leaf in found)
        listed = await self._rows(_CATEGORIES, {}) if has_categories else []
        return ResolvedNames(
            tags=await self._resolve_tags(tags) if tags else {},
            uploaders=dict(await self._rows(_UPLOADERS, {"names": _texts(users)})) if users else {},
            categories={name: number for number, name, _ in listed},
            subcategories={
                number: [below for below, _, parent in listed if parent == number] for number, _, _ in listed
            },
        )

    async def _resolve_tags(self, wanted: Sequence[TagTerm]) -> dict[tuple[str, bool], list[int]]:
        # What cannot be a name is asked for under another; what comes back is of those that were asked for.
        names = {_text(tag.name): tag.name for tag in wanted}
        parameters = {
            "exact": _texts(tag.name for tag in wanted if not tag.prefix),
            "beginnings": _texts(tag.name for tag in wanted if tag.prefix),
            "most": MOST_TAGS,
        }
        ids: dict[tuple[str, bool], list[int]] = {}
        for prefix, name, number in await self._rows(_TAGS, parameters):
            ids.setdefault((names.get(name, name), bool(prefix)), []).append(number)
        return ids

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


def _texts(names: Iterable[str]) -> list[str]:
    return [_text(name) for name in names]


def _text(name: str) -> str:
    """Return a name; what UTF-8 cannot encode becomes a question mark, which no name has."""
    return name.encode("utf-8", "replace").decode().replace("\0", "?")
