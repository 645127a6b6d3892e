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

_NONE = "SELECT 0 WHERE 0"
# Titles that are what was asked for, then those that begin so; the index of titles is asked, bounded.
_CALLED = "SELECT id FROM search_key INDEXED BY search_key_title WHERE"
_CLOSENESS = (
    f"CASE WHEN hit.tier > 2 THEN hit.tier WHEN hit.id IN ({_CALLED} title = :title LIMIT :most) THEN 0 "
    f"WHEN hit.id IN ({_CALLED} title >= :title AND title < :beyond LIMIT :most) THEN 1 ELSE 2 END"
)


def listed(order: Order, *, descending: bool, edge: str | None, grouped: bool, dear: bool) -> str:
    """Return the statement for matches of :match, in any order but relevance.

    `dear` says that it costs too much to ask about one torrent.
    """
    sorting, way = _SORTINGS[order], _way(descending)
    hits = f"newest (id) AS MATERIALIZED ({_hits(':match', edge, way if order in ADDED else 'DESC')})"
    hit = "hit (id) AS (SELECT id FROM newest)"
    if order not in _UNLED and not dear:
        first = (
            f"SELECT id FROM {sorting.table} INDEXED BY {sorting.index} WHERE +id <= (SELECT top FROM bound)"
        )
        leaders = _leading(
            f"{first} ORDER BY {sorting.torrents.rpartition('.')[2]} {way}, id {way}", "newest"
        )
        hit = f"hit (id) AS ({_joined('newest', leaders)})"
    if grouped:
        groups = _groups(f"{sorting.groups}, 0", sorting.join)
        return _page(f"{hits}, {hit}, {groups}", _first(way), counted="newest", listed="groups")
    join = "" if order in ADDED else sorting.join
    rows = f"SELECT hit.id FROM hit {join} ORDER BY {sorting.torrents} {way}, hit.id {way}"
    return _page(f"{hits}, {hit}", rows, counted="newest")


def ranked(*, descending: bool, edge: str | None, grouped: bool, dear: bool, mixed: bool) -> str:
    """Return the statement for matches of :match by relevance: titles, then :named, then :near, then all else.

    `mixed` says that there are filters beside words; :bare_named and :bare_near are then the words alone.
    """
    # What matches less well is only looked for where the page is not full of what matches better.
    whole = grouped or not descending
    close = ":most" if whole else _unless_full("(SELECT count(*) FROM named)")
    far = ":most" if whole else _unless_full("(SELECT count(*) FROM named) + (SELECT count(*) FROM near)")
    titles = (
        f"{_CALLED} title >= :title AND title < :beyond AND id <= (SELECT top FROM bound) ORDER BY title, id"
    )
    hits = (
        f"found (id) AS MATERIALIZED ({_hits(':match', edge, 'DESC')}), "
        f"{_tier('named', edge, ':most', mixed)}, "
        f"called (id) AS MATERIALIZED ({_NONE if dear else _leading(titles, 'named', ':named')}), "
        f"{_tier('near', edge, close, mixed)}, "
        f"other (id) AS MATERIALIZED (SELECT id FROM found LIMIT {far}), "
        "hit (id, tier) AS MATERIALIZED (SELECT id, 2 FROM named "
        "UNION ALL SELECT id, 2 FROM called WHERE id NOT IN (SELECT id FROM named) "
        "UNION ALL SELECT id, 3 FROM near WHERE id NOT IN (SELECT id FROM named) "
        "AND id NOT IN (SELECT id FROM called) "
        "UNION ALL SELECT id, 4 FROM other WHERE id NOT IN (SELECT id FROM named) "
        "AND id NOT IN (SELECT id FROM called) AND id NOT IN (SELECT id FROM near))"
    )
    best, last = ("ASC", "DESC") if descending else ("DESC", "ASC")
    if grouped:
        groups = _groups(f"min({_CLOSENESS}), sum(torrent.seeders)", _TORRENT)
        rows = f"SELECT id FROM groups ORDER BY first {best}, second {last}, id {last}"
        return _page(f"{hits}, {groups}", rows, counted="found", listed="groups")
    order = f"{_CLOSENESS} {best}, torrent.seeders {last}, hit.id {last}"
    return _page(hits, f"SELECT hit.id FROM hit {_TORRENT} ORDER BY {order}", counted="found")


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


def _tier(name: str, edge: str | None, most: str, mixed: bool) -> str:
    """Return the tables of matches in some columns.

    Filters cost more than words. Where all matches are at hand, and all that have the words in these columns,
    the two are compared; else the index is asked once more with everything.
    """
    if not mixed:
        return f"{name} (id) AS MATERIALIZED ({_hits(f':{name}', edge, 'DESC', most)})"
    known = f"(SELECT max((SELECT count(*) FROM found), (SELECT count(*) FROM bare_{name})) < :most)"
    asked = _hits(f":{name}", edge, "DESC", f"CASE WHEN {known} THEN 0 ELSE {most} END")
    kept = f"SELECT id FROM found LIMIT CASE WHEN {known} THEN {most} ELSE 0 END"
    return (
        f"bare_{name} (id) AS MATERIALIZED ({_hits(f':bare_{name}', None, 'DESC', most)}), "
        f"{name} (id) AS MATERIALIZED (SELECT id FROM ({kept}) "
        f"WHERE id IN (SELECT id FROM bare_{name}) UNION ALL SELECT * FROM ({asked}))"
    )


def _leading(leaders: str, taken: str, parameter: str = ":match") -> str:
    """Return those of the first torrents in an order that match, when more match than `taken` holds.

    They are the first of the whole list, so that it does not begin with the best of the newest alone.
    """
    few = f"LIMIT CASE WHEN (SELECT count(*) FROM {taken}) >= :most THEN :leaders ELSE 0 END"
    return f"SELECT id FROM ({leaders} {few}) AS torrent WHERE {EXISTS.format(parameter)}"


def _joined(taken: str, others: str) -> str:
    return (
        f"SELECT id FROM {taken} UNION ALL SELECT id FROM ({others}) WHERE id NOT IN (SELECT id FROM {taken})"
    )


def _unless_full(held: str) -> str:
    return f"CASE WHEN :offset + :limit <= {held} THEN 0 ELSE :most END"


def _hits(parameter: str, edge: str | None, way: str, most: str = ":most") -> str:
    join = "CROSS JOIN torrent INDEXED BY torrent_sorting ON torrent.id = search_text.rowid" if edge else ""
    condition = f"AND ({edge})" if edge else ""
    return (
        f"SELECT search_text.rowid FROM search_text {join} WHERE search_text MATCH {parameter} "
        f"AND search_text.rowid <= (SELECT top FROM bound) {condition} "
        f"ORDER BY search_text.rowid {way} LIMIT {most}"
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
