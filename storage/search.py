"""Hides how torrents are found: what a search names is looked up, its words go to the index, its order to SQL."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bittorrent.refusal import Refusal
from catalogue.query import (
    EVERYTHING,
    By,
    Column,
    Found,
    InCategory,
    Order,
    Query,
    Tagged,
    Text,
    Wanted,
)
from storage import search_sql
from storage.database import Database, TooSlow
from storage.indexed import Upkeep
from storage.match import (
    Known,
    called,
    count_words,
    edges,
    expression,
    folded_user,
    leaves,
    straight,
    visible,
)

_NEAR = (Column.NAME, Column.GROUP, Column.AUTHORS, Column.TAGS)
_MOST_TAGS = 64
_LEADERS = 200
"""Torrents at the head of an order that are tried where more match than are ranked."""
_PRIME = 2**31 - 1
_ROOT = 7  # a primitive root of that prime: its powers are the factors that shuffle

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
_UPLOADERS = "SELECT folded, id FROM account WHERE folded IN (SELECT value FROM json_each(:names))"
_CATEGORIES = "SELECT id, folded, parent_id FROM category"


class SearchIndex(Upkeep):
    """The index of a database; each search looks at `candidates` matches at most and takes `seconds` at most."""

    def __init__(self, database: Database, candidates: int, seconds: float) -> None:
        super().__init__(database)
        self._database = database
        self._candidates = candidates
        self._seconds = seconds

    async def torrents(self, wanted: Wanted) -> Found:
        """Return the ids of torrents. Refusal: `search-too-slow`."""
        return await self._find(wanted, grouped=False)

    async def groups(self, wanted: Wanted) -> Found:
        """Return the ids of groups. Refusal: `search-too-slow`."""
        return await self._find(wanted, grouped=True)

    async def _find(self, wanted: Wanted, *, grouped: bool) -> Found:
        query = straight(wanted.query)
        sql, parameters = await self._statement(query, wanted, grouped=grouped)
        whole = query == EVERYTHING and not grouped and wanted.order is not Order.RANDOM
        # What is sorted is bounded, so a page beyond the bound is past the end.
        left = wanted.limit if whole else max(min(wanted.limit, self._candidates - wanted.offset), 0)
        shared = {
            "as_of": wanted.as_of,
            "limit": left,
            "offset": wanted.offset,
            "most": self._candidates + 1,
            "leaders": min(_LEADERS, self._candidates),
            "factor": pow(_ROOT, wanted.seed % (_PRIME - 1) + 1, _PRIME),
        }
        ((top, counted, total, ids),) = await self._rows(sql, parameters | shared)
        exact = counted <= self._candidates
        return Found(tuple(json.loads(ids)), total if exact else min(total, self._candidates), exact, top)

    async def _statement(
        self, query: Query, wanted: Wanted, *, grouped: bool
    ) -> tuple[str, dict[str, object]]:
        """Return the SQL of a search, and the parameters that it alone has."""
        order, descending = wanted.order, wanted.descending
        by_words = order is Order.RELEVANCE and any(isinstance(leaf, Text) for leaf in leaves(query))
        if order is Order.RELEVANCE:
            order = Order.TIME
        if query == EVERYTHING and (grouped or order is not Order.RANDOM):
            sql = search_sql.whole(order, descending=descending, hidden=wanted.moderates, grouped=grouped)
            return sql, {}
        known = await self._known(query)
        edge, parameters = edges(query, known, search_sql.EXISTS)

        def shown(expressed: str) -> str:
            return expressed if wanted.moderates else visible(expressed)

        parameters["match"] = shown(expression(query, known))
        if not by_words:
            sql = search_sql.listed(order, descending=descending, edge=edge, grouped=grouped)
            return sql, parameters
        parameters["named"] = shown(expression(query, known, (Column.NAME,)))
        parameters["near"] = shown(expression(query, known, _NEAR))
        beginning = called(query, known)
        parameters["words"] = count_words(query)
        if beginning:
            parameters["called"] = shown(beginning)
        sql = search_sql.ranked(descending=descending, edge=edge, grouped=grouped, called=bool(beginning))
        return sql, parameters

    async def _known(self, query: Query) -> Known:
        """Look up what a search names by name."""
        found = list(leaves(query))
        tags = [leaf for leaf in found if isinstance(leaf, Tagged)]
        users = [folded_user(leaf.name) for leaf in found if isinstance(leaf, By)]
        places = any(isinstance(leaf, InCategory) for leaf in found)
        listed = await self._rows(_CATEGORIES, {}) if places else []
        return Known(
            tags=await self._tags(tags) if tags else {},
            uploaders=dict(await self._rows(_UPLOADERS, {"names": _texts(users)})) if users else {},
            categories={name: number for number, name, _ in listed},
            beneath={
                number: [below for below, _, parent in listed if parent == number] for number, _, _ in listed
            },
        )

    async def _tags(self, wanted: Sequence[Tagged]) -> dict[tuple[str, bool], list[int]]:
        parameters = {
            "exact": _texts(tag.name for tag in wanted if not tag.prefix),
            "beginnings": _texts(tag.name for tag in wanted if tag.prefix),
            "most": _MOST_TAGS,
        }
        ids: dict[tuple[str, bool], list[int]] = {}
        for prefix, name, number in await self._rows(_TAGS, parameters):
            ids.setdefault((name, bool(prefix)), []).append(number)
        return ids

    async def _rows(self, sql: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        try:
            return await self._database.rows(sql, parameters, seconds=self._seconds)
        except TooSlow as error:
            raise Refusal("search-too-slow", f"it was given {self._seconds:g} s") from error


def _texts(names: Iterable[str]) -> str:
    """Return names as one parameter; what UTF-8 cannot hold becomes a question mark, which no name is."""
    return json.dumps([name.encode("utf-8", "replace").decode().replace("\0", "?") for name in names])
