"""Hides the statements of searches: what is looked at, counted, sorted and cut to a page, in one query each.

A search takes the newest matches from the index, up to a bound and one more, and sorts those; without a word
or filter the tables' own indexes are in order already. Each statement returns one row: the highest torrent id
looked at, how many matched, how many are listed, and the ids of the page as JSON.
"""

from dataclasses import dataclass

from catalogue.query import Order

# A hit is looked up in indexes that hold all that sorting needs, not in the rows with their long texts.
_TORRENT = "CROSS JOIN torrent INDEXED BY torrent_sorting ON torrent.id = hit.id"
_KEY = "CROSS JOIN search_key ON search_key.id = hit.id"
_TOP = "min(coalesce(:as_of, 9223372036854775807), coalesce((SELECT max(id) FROM torrent), 0))"
_SHUFFLED = "((hit.id & 2147483647) * :factor) % 2147483647"

EXISTS = "EXISTS (SELECT 1 FROM search_text AS other WHERE other.search_text MATCH {} AND other.rowid = torrent.id)"
"""Asks the index about the one torrent at hand."""

ADDED = frozenset({Order.TIME, Order.ID})
"""Orders in which the index itself is."""
_UNLED = ADDED | {Order.RANDOM}


@dataclass(frozen=True, slots=True)
class _Sorting:
    """What an order sorts torrents by, what groups, what has to be joined for it, and which index is so sorted."""

    torrents: str
    groups: str
    join: str = _TORRENT
    table: str = "torrent"
    index: str = "torrent_sorting"


_SORTINGS = {
    Order.TIME: _Sorting("hit.id", "max(hit.id)"),
    Order.ID: _Sorting("hit.id", "torrent.work_id"),
    Order.SIZE: _Sorting("torrent.size", "max(torrent.size)", index="torrent_size"),
    Order.SEEDERS: _Sorting("torrent.seeders", "sum(torrent.seeders)", index="torrent_seeders"),
    Order.LEECHERS: _Sorting("torrent.leechers", "sum(torrent.leechers)", index="torrent_leechers"),
    Order.SNATCHED: _Sorting("torrent.snatched", "sum(torrent.snatched)", index="torrent_snatched"),
    Order.YEAR: _Sorting("search_key.year", "max(search_key.year)", _KEY, "search_key", "search_key_year"),
    Order.NAME: _Sorting("search_key.title", "min(search_key.title)", _KEY, "search_key", "search_key_title"),
    Order.RANDOM: _Sorting(_SHUFFLED, f"min({_SHUFFLED})"),
}

_NAMED = "hit.id IN (SELECT id FROM named)"
_CALLED = "hit.id IN (SELECT id FROM called)"
# Titles that are what was asked for, that begin so, that hold it, names of any kind that hold it, everything
# else; among titles the shorter, which says less besides.
_CLOSENESS = (
    f"CASE WHEN {_CALLED} THEN (search_key.words != :words) * 1000 + min(search_key.words, 999) "
    f"WHEN {_NAMED} THEN 2000 + min(search_key.words, 999) "
    "WHEN hit.id IN (SELECT id FROM near) THEN 3000 ELSE 4000 END"
)
_NONE = "SELECT 0 WHERE 0"


def listed(order: Order, *, descending: bool, edge: str | None, grouped: bool) -> str:
    """Return the statement for matches of :match, in any order but relevance."""
    sorting, way = _SORTINGS[order], _way(descending)
    newest = f"newest (id) AS MATERIALIZED ({_hits(':match', edge, way if order in ADDED else 'DESC')})"
    # An edge makes each of them dear, as ranges are long expressions.
    first = _NONE if order in _UNLED or edge else _leading(sorting, way)
    hits = f"{newest}, hit (id) AS MATERIALIZED (SELECT id FROM newest UNION {first})"
    if grouped:
        groups = _groups(f"{sorting.groups}, 0", sorting.join)
        return _page(f"{hits}, {groups}", _first(way), counted="newest", listed="groups")
    join = "" if order in ADDED else sorting.join
    rows = f"SELECT hit.id FROM hit {join} ORDER BY {sorting.torrents} {way}, hit.id {way}"
    return _page(hits, rows, counted="newest")


def ranked(*, descending: bool, edge: str | None, grouped: bool, called: bool) -> str:
    """Return the statement for matches of :match by relevance, those of :called, :named and :near before others."""
    # What matches less well is only looked at where the page is not full of what matches better.
    full = ":offset + :limit <= (SELECT count(*) FROM {})" if descending and not grouped else "0"
    close, far = full.format("named"), full.format("near")
    hits = ", ".join(
        f"{name} (id) AS MATERIALIZED ({rows})"
        for name, rows in {
            "found": _hits(":match", edge, "DESC"),
            "called": _hits(":called", edge, "DESC") if called else _NONE,
            "named": _hits(":named", edge, "DESC"),
            "near": _hits(":near", edge, "DESC", unless=close),
            "hit": (
                "SELECT id FROM called UNION SELECT id FROM named UNION SELECT id FROM near "
                f"UNION SELECT id FROM found WHERE NOT ({close}) AND NOT ({far})"
            ),
        }.items()
    )
    best, last = ("ASC", "DESC") if descending else ("DESC", "ASC")
    if grouped:
        groups = _groups(f"min({_CLOSENESS}), sum(torrent.seeders)", _KEY)
        rows = f"SELECT id FROM groups ORDER BY first {best}, second {last}, id {last}"
        return _page(f"{hits}, {groups}", rows, counted="found", listed="groups")
    order = f"{_CLOSENESS} {best}, torrent.seeders {last}, hit.id {last}"
    return _page(hits, f"SELECT hit.id FROM hit {_TORRENT} {_KEY} ORDER BY {order}", counted="found")


def whole(order: Order, *, descending: bool, hidden: bool, grouped: bool) -> str:
    """Return the statement for the whole catalogue, in the order of a table's own index."""
    sorting, way = _SORTINGS[order], _way(descending)
    table = sorting.table
    scanned = "hit.id" if order is Order.RANDOM else sorting.torrents
    key = scanned.replace("hit.", f"{table}.")
    shown = "" if hidden else "AND hidden = 0"
    # The plus keeps the bound from being taken for a reason to sort.
    bound = "id" if order in ADDED else "+id"
    rows = (
        f"SELECT id FROM {table} INDEXED BY {sorting.index} "
        f"WHERE {bound} <= (SELECT top FROM bound) {shown} ORDER BY {key} {way}, id {way}"
    )
    if grouped:
        hits = f"hit (id) AS MATERIALIZED ({rows} LIMIT :most)"
        return _page(f"{hits}, {_groups(f'{sorting.groups}, 0', sorting.join)}", _first(way), listed="groups")
    top = "(SELECT top FROM bound)"
    newer = f"(SELECT count(*) FROM torrent WHERE id > {top})"
    unseen = f"(SELECT count(*) FROM torrent INDEXED BY torrent_hidden WHERE hidden = 1 AND id <= {top})"
    total = f"(SELECT count(*) FROM torrent) - {newer}" + ("" if hidden else f" - {unseen}")
    return (
        f"WITH bound (top) AS (SELECT {_TOP}), page (id) AS ({rows} LIMIT :limit OFFSET :offset) "
        f"SELECT (SELECT top FROM bound), 0, {total}, (SELECT json_group_array(id) FROM page)"
    )


def _way(descending: bool) -> str:
    return "DESC" if descending else "ASC"


def _leading(sorting: _Sorting, way: str) -> str:
    """Return those of the first torrents in an order that match, when more match than are ranked.

    They are the first of the whole list, so that it does not begin with the best of the newest alone.
    """
    key = sorting.torrents.rpartition(".")[2]
    return (
        f"SELECT id FROM (SELECT id FROM {sorting.table} INDEXED BY {sorting.index} "
        f"WHERE +id <= (SELECT top FROM bound) ORDER BY {key} {way}, id {way} LIMIT :leaders) AS torrent "
        f"WHERE (SELECT count(*) FROM newest) >= :most AND {EXISTS.format(':match')}"
    )


def _hits(parameter: str, edge: str | None, way: str, unless: str = "0") -> str:
    join = "CROSS JOIN torrent INDEXED BY torrent_sorting ON torrent.id = search_text.rowid" if edge else ""
    condition = (f"AND ({edge})" if edge else "") + (f" AND NOT ({unless})" if unless != "0" else "")
    return (
        f"SELECT search_text.rowid FROM search_text {join} WHERE search_text MATCH {parameter} "
        f"AND search_text.rowid <= (SELECT top FROM bound) {condition} "
        f"ORDER BY search_text.rowid {way} LIMIT :most"
    )


def _groups(keys: str, join: str) -> str:
    joins = _TORRENT if join == _TORRENT else f"{_TORRENT} {join}"
    rows = f"SELECT torrent.work_id, {keys} FROM hit {joins} GROUP BY torrent.work_id"
    return f"groups (id, first, second) AS MATERIALIZED ({rows})"


def _first(way: str) -> str:
    return f"SELECT id FROM groups ORDER BY first {way}, id {way}"


def _page(tables: str, rows: str, *, counted: str = "hit", listed: str | None = None) -> str:
    return (
        f"WITH bound (top) AS (SELECT {_TOP}), {tables}, page (id) AS ({rows} LIMIT :limit OFFSET :offset) "
        f"SELECT (SELECT top FROM bound), (SELECT count(*) FROM {counted}), "
        f"(SELECT count(*) FROM {listed or counted}), (SELECT json_group_array(id) FROM page)"
    )
