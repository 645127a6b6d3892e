"""SQL of searches: one statement each that matches, counts, sorts and cuts to a page.

A search takes the newest matches of the index, up to a bound plus one, and sorts those; without a word or filter it
walks a table's own index. Each statement returns one row: the highest torrent id considered, the number of matches, the
number of results, and the ids of the page.
"""

from dataclasses import dataclass

from catalogue.query import SortOrder

_MOST = "CAST(:most AS bigint)"
_LIMIT, _OFFSET = "CAST(:limit AS bigint)", "CAST(:offset AS bigint)"
_TORRENT = "JOIN torrent ON torrent.id = hit.id"
_KEY = "JOIN search_document AS key ON key.id = hit.id"
_NEWEST_ID = (
    "least(coalesce(CAST(:as_of AS bigint), 9223372036854775807), coalesce((SELECT max(id) FROM torrent), 0))"
)
_BOUND = f"bound (top) AS MATERIALIZED (SELECT {_NEWEST_ID})"
_TOP = "(SELECT top FROM bound)"
_SHUFFLED = "((hit.id & 2147483647) * CAST(:factor AS bigint)) % 2147483647"

INDEX_ORDERS = frozenset({SortOrder.TIME, SortOrder.ID})
"""Sort orders that are the order of ids."""
_WITHOUT_LEADERS = INDEX_ORDERS | {SortOrder.RANDOM}


@dataclass(frozen=True, slots=True)
class _Sorting:
    """Sort keys of torrents and of groups, the join that they need, and the table that has an index in that order."""

    torrents: str
    groups: str
    join: str = _TORRENT
    table: str = "torrent"


_SORTINGS = {
    SortOrder.TIME: _Sorting("hit.id", "max(hit.id)"),
    SortOrder.ID: _Sorting("hit.id", "torrent.work_id"),
    SortOrder.SIZE: _Sorting("torrent.size", "max(torrent.size)"),
    SortOrder.SEEDERS: _Sorting("torrent.seeders", "sum(torrent.seeders)"),
    SortOrder.LEECHERS: _Sorting("torrent.leechers", "sum(torrent.leechers)"),
    SortOrder.SNATCHED: _Sorting("torrent.snatched", "sum(torrent.snatched)"),
    SortOrder.YEAR: _Sorting("key.year", "max(key.year)", _KEY, "search_document"),
    SortOrder.NAME: _Sorting("key.title", "min(key.title)", _KEY, "search_document"),
    SortOrder.RANDOM: _Sorting(_SHUFFLED, f"min({_SHUFFLED})"),
}

_NO_ROWS = "SELECT CAST(0 AS bigint) WHERE false"
# Exact titles, then titles with that prefix; bounded lookups in the index of titles.
_TITLE, _BEYOND = "CAST(:title AS text)", "CAST(:beyond AS text)"
_EXACT = f"SELECT id FROM search_document WHERE title = {_TITLE} LIMIT {_MOST}"
_BEGINNING = f"SELECT id FROM search_document WHERE title >= {_TITLE} AND title < {_BEYOND} LIMIT {_MOST}"
_CLOSENESS = (
    f"CASE WHEN hit.tier > 2 THEN hit.tier WHEN hit.id IN ({_EXACT}) THEN 0 WHEN hit.id IN ({_BEGINNING}) THEN 1 "
    "ELSE 2 END"
)


@dataclass(frozen=True, slots=True)
class Match:
    """The parameter of a tsquery, and the condition beside it."""

    parameter: str
    condition: str | None = None

    @property
    def where(self) -> str:
        """The whole condition, over `torrent` and the index `found`."""
        condition = f" AND ({self.condition})" if self.condition else ""
        return f"found.words @@ CAST(:{self.parameter} AS text)::tsquery{condition}"

    @property
    def source(self) -> str:
        """The tables that it is over."""
        join = " JOIN torrent ON torrent.id = found.id" if self.condition else ""
        return f"search_document AS found{join}"


def by_sort_order(
    order: SortOrder, match: Match, *, descending: bool, grouped: bool, with_leaders: bool
) -> str:
    """Return the statement for matches in any order but relevance."""
    sorting, direction = _SORTINGS[order], _direction(descending)
    hits = f"newest (id) AS MATERIALIZED ({_hits(match, direction if order in INDEX_ORDERS else 'DESC')})"
    hit = "hit (id) AS (SELECT id FROM newest)"
    if order not in _WITHOUT_LEADERS and with_leaders:
        key = sorting.torrents.rpartition(".")[2]
        first = (
            f"SELECT id FROM {sorting.table} WHERE id <= {_TOP} ORDER BY {key} {direction}, id {direction}"
        )
        leaders = _leading(first, "newest", match)
        hit = f"hit (id) AS MATERIALIZED ({_union('newest', leaders)})"
    if grouped:
        groups = _groups(f"{sorting.groups}, 0", sorting.join)
        return _page(f"{hits}, {hit}, {groups}", _first(direction), counted="newest", results="groups")
    join = "" if order in INDEX_ORDERS else sorting.join
    rows = f"SELECT hit.id FROM hit {join} ORDER BY {sorting.torrents} {direction}, hit.id {direction}"
    return _page(f"{hits}, {hit}", rows, counted="newest")


def by_relevance(  # one for each tier
    every: Match, named: Match, near: Match, *, descending: bool, grouped: bool, with_leaders: bool
) -> str:
    """Return the statement for matches by relevance: titles, then `named`, then `near`, then all else."""
    # Worse matches are only looked for where better ones do not fill the page.
    whole_catalogue = grouped or not descending
    close = _MOST if whole_catalogue else _limit_unless_full("(SELECT count(*) FROM named)")
    far = (
        _MOST
        if whole_catalogue
        else _limit_unless_full("(SELECT count(*) FROM named) + (SELECT count(*) FROM near)")
    )
    titles = (
        f"SELECT id FROM search_document WHERE title >= {_TITLE} AND title < {_BEYOND} AND id <= {_TOP} "
        "ORDER BY title, id"
    )
    hits = (
        f"found_ids (id) AS MATERIALIZED ({_hits(every, 'DESC')}), "
        f"named (id) AS MATERIALIZED ({_hits(named, 'DESC')}), "
        f"title_matches (id) AS MATERIALIZED ({_leading(titles, 'named', named) if with_leaders else _NO_ROWS}), "
        f"near (id) AS MATERIALIZED ({_hits(near, 'DESC', close)}), "
        f"other (id) AS MATERIALIZED (SELECT id FROM found_ids LIMIT {far}), "
        "hit (id, tier) AS MATERIALIZED (SELECT id, min(tier) FROM (SELECT id, 2 AS tier FROM named "
        "UNION ALL SELECT id, 2 FROM title_matches UNION ALL SELECT id, 3 FROM near "
        "UNION ALL SELECT id, 4 FROM other) AS tiers GROUP BY id)"
    )
    best, last = ("ASC", "DESC") if descending else ("DESC", "ASC")
    if grouped:
        groups = _groups(f"min({_CLOSENESS}), sum(torrent.seeders)", _TORRENT)
        rows = f"SELECT id FROM groups ORDER BY first {best}, second {last}, id {last}"
        return _page(f"{hits}, {groups}", rows, counted="found_ids", results="groups")
    order = f"{_CLOSENESS} {best}, torrent.seeders {last}, hit.id {last}"
    return _page(hits, f"SELECT hit.id FROM hit {_TORRENT} ORDER BY {order}", counted="found_ids")


def newest_hits(match: Match) -> str:
    """Return the CTEs of the highest id that is looked at, and of the newest matches."""
    return f"{_BOUND}, hit (id) AS MATERIALIZED ({_hits(match, 'DESC')})"


def whole_catalogue(order: SortOrder, *, descending: bool, include_hidden: bool, grouped: bool) -> str:
    """Return the statement for the whole catalogue, in the order of a table's index."""
    sorting, direction = _SORTINGS[order], _direction(descending)
    table = sorting.table
    scanned = "hit.id" if order is SortOrder.RANDOM else sorting.torrents
    key = scanned.replace("hit.", f"{table}.").replace("key.", f"{table}.")
    shown = "" if include_hidden else "AND hidden = 0"
    rows = f"SELECT id FROM {table} WHERE id <= {_TOP} {shown} ORDER BY {key} {direction}, id {direction}"
    if grouped:
        hits = f"hit (id) AS MATERIALIZED ({rows} LIMIT {_MOST})"
        return _page(
            f"{hits}, {_groups(f'{sorting.groups}, 0', sorting.join)}", _first(direction), results="groups"
        )
    newer = f"(SELECT count(*) FROM torrent WHERE id > {_TOP})"
    unseen = f"(SELECT count(*) FROM torrent WHERE hidden = 1 AND id <= {_TOP})"
    total = f"(SELECT count(*) FROM torrent) - {newer}" + ("" if include_hidden else f" - {unseen}")
    return (
        f"WITH {_BOUND}, page (id) AS MATERIALIZED ({rows} LIMIT {_LIMIT} OFFSET {_OFFSET}) "
        f"SELECT {_TOP}, CAST(0 AS bigint), {total}, {_IDS}"
    )


_IDS = "ARRAY(SELECT id FROM page)"


def _direction(descending: bool) -> str:
    return "DESC" if descending else "ASC"


def _leading(leaders: str, taken: str, match: Match) -> str:
    """Return the matches among the first torrents of a sort order, where `taken` is full.

    Without them the list would begin with the best of the newest matches alone.
    """
    few = (
        f"LIMIT CASE WHEN (SELECT count(*) FROM {taken}) >= {_MOST} THEN CAST(:leaders AS bigint) ELSE 0 END"
    )
    return (
        f"SELECT first.id FROM ({leaders} {few}) AS first JOIN torrent ON torrent.id = first.id "
        f"JOIN search_document AS found ON found.id = first.id WHERE {match.where}"
    )


def _union(taken: str, others: str) -> str:
    return f"SELECT id FROM {taken} UNION SELECT id FROM ({others}) AS others"


def _limit_unless_full(found_before: str) -> str:
    return f"CASE WHEN {_OFFSET} + {_LIMIT} <= {found_before} THEN 0 ELSE {_MOST} END"


def _hits(match: Match, direction: str, most: str = _MOST) -> str:
    # The sum keeps the planner from walking the ids and unpacking the words of each row.
    return (
        f"SELECT found.id FROM {match.source} WHERE {match.where} AND found.id <= {_TOP} "
        f"ORDER BY found.id + 0 {direction} LIMIT {most}"
    )


def _groups(keys: str, join: str) -> str:
    joins = _TORRENT if join == _TORRENT else f"{_TORRENT} {join}"
    rows = f"SELECT torrent.work_id, {keys} FROM hit {joins} GROUP BY torrent.work_id"
    return f"groups (id, first, second) AS MATERIALIZED ({rows})"


def _first(direction: str) -> str:
    return f"SELECT id FROM groups ORDER BY first {direction}, id {direction}"


def _page(tables: str, rows: str, *, counted: str = "hit", results: str | None = None) -> str:
    return (
        f"WITH {_BOUND}, {tables}, page (id) AS MATERIALIZED ({rows} LIMIT {_LIMIT} OFFSET {_OFFSET}) "
        f"SELECT {_TOP}, (SELECT count(*) FROM {counted}), (SELECT count(*) FROM {results or counted}), {_IDS}"
    )
