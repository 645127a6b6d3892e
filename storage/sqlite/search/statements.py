"""SQL of searches: one statement each that matches, counts, sorts and cuts to a page.

A search takes the newest matches from FTS5, up to a bound plus one, and sorts those; without a word or filter
it walks a table's own index. Each statement returns one row: the highest torrent id considered, the number of
matches, the number of results, and the ids of the page as JSON.
"""

from dataclasses import dataclass

from catalogue.query import SortOrder

# Hits are joined with covering indexes for sorting, not with the rows and their long texts.
_TORRENT = "CROSS JOIN torrent INDEXED BY torrent_sorting ON torrent.id = hit.id"
_KEY = "CROSS JOIN search_key ON search_key.id = hit.id"
_NEWEST_ID = "min(coalesce(:as_of, 9223372036854775807), coalesce((SELECT max(id) FROM torrent), 0))"
_SHUFFLED = "((hit.id & 2147483647) * :factor) % 2147483647"

MATCHES_TORRENT = (
    "EXISTS (SELECT 1 FROM search_text AS other "
    "WHERE other.search_text MATCH {} AND other.rowid = torrent.id)"
)
"""Whether the current torrent matches; `{}` is the parameter of the expression."""

INDEX_ORDERS = frozenset({SortOrder.TIME, SortOrder.ID})
"""Sort orders that are FTS5's own rowid order."""
_WITHOUT_LEADERS = INDEX_ORDERS | {SortOrder.RANDOM}


@dataclass(frozen=True, slots=True)
class _Sorting:
    """Sort keys of torrents and of groups, the join that they need, and the index in that order."""

    torrents: str
    groups: str
    join: str = _TORRENT
    table: str = "torrent"
    index: str = "torrent_sorting"


_SORTINGS = {
    SortOrder.TIME: _Sorting("hit.id", "max(hit.id)"),
    SortOrder.ID: _Sorting("hit.id", "torrent.work_id"),
    SortOrder.SIZE: _Sorting("torrent.size", "max(torrent.size)", index="torrent_size"),
    SortOrder.SEEDERS: _Sorting("torrent.seeders", "sum(torrent.seeders)", index="torrent_seeders"),
    SortOrder.LEECHERS: _Sorting("torrent.leechers", "sum(torrent.leechers)", index="torrent_leechers"),
    SortOrder.SNATCHED: _Sorting("torrent.snatched", "sum(torrent.snatched)", index="torrent_snatched"),
    SortOrder.YEAR: _Sorting(
        "search_key.year", "max(search_key.year)", _KEY, "search_key", "search_key_year"
    ),
    SortOrder.NAME: _Sorting(
        "search_key.title", "min(search_key.title)", _KEY, "search_key", "search_key_title"
    ),
    SortOrder.RANDOM: _Sorting(_SHUFFLED, f"min({_SHUFFLED})"),
}

_NO_ROWS = "SELECT 0 WHERE 0"
# Exact titles, then titles with that prefix; bounded lookups in the index of titles.
_TITLES_WHERE = "SELECT id FROM search_key INDEXED BY search_key_title WHERE"
_CLOSENESS = (
    f"CASE WHEN hit.tier > 2 THEN hit.tier WHEN hit.id IN ({_TITLES_WHERE} title = :title LIMIT :most) THEN 0 "
    f"WHEN hit.id IN ({_TITLES_WHERE} title >= :title AND title < :beyond LIMIT :most) THEN 1 ELSE 2 END"
)


def by_sort_order(
    order: SortOrder, *, descending: bool, condition: str | None, grouped: bool, expensive: bool
) -> str:
    """Return the statement for matches of :match, in any order but relevance.

    `expensive` says that matching one torrent is too slow.
    """
    sorting, direction = _SORTINGS[order], _direction(descending)
    hits = f"newest (id) AS MATERIALIZED ({_hits(':match', condition, direction if order in INDEX_ORDERS else 'DESC')})"
    hit = "hit (id) AS (SELECT id FROM newest)"
    if order not in _WITHOUT_LEADERS and not expensive:
        first = (
            f"SELECT id FROM {sorting.table} INDEXED BY {sorting.index} WHERE +id <= (SELECT top FROM bound)"
        )
        leaders = _leading(
            f"{first} ORDER BY {sorting.torrents.rpartition('.')[2]} {direction}, id {direction}", "newest"
        )
        hit = f"hit (id) AS ({_union('newest', leaders)})"
    if grouped:
        groups = _groups(f"{sorting.groups}, 0", sorting.join)
        return _page(f"{hits}, {hit}, {groups}", _first(direction), counted="newest", results="groups")
    join = "" if order in INDEX_ORDERS else sorting.join
    rows = f"SELECT hit.id FROM hit {join} ORDER BY {sorting.torrents} {direction}, hit.id {direction}"
    return _page(f"{hits}, {hit}", rows, counted="newest")


def by_relevance(
    *, descending: bool, condition: str | None, grouped: bool, expensive: bool, filtered: bool
) -> str:
    """Return the statement for matches of :match by relevance: titles, then :named, then :near, then all else.

    `filtered` says that there are filters beside words; :bare_named and :bare_near are then the words alone.
    """
    # Worse matches are only looked for where better ones do not fill the page.
    whole_catalogue = grouped or not descending
    close = ":most" if whole_catalogue else _limit_unless_full("(SELECT count(*) FROM named)")
    far = (
        ":most"
        if whole_catalogue
        else _limit_unless_full("(SELECT count(*) FROM named) + (SELECT count(*) FROM near)")
    )
    titles = f"{_TITLES_WHERE} title >= :title AND title < :beyond AND id <= (SELECT top FROM bound) ORDER BY title, id"
    hits = (
        f"found (id) AS MATERIALIZED ({_hits(':match', condition, 'DESC')}), "
        f"{_tier('named', condition, ':most', filtered)}, "
        f"title_matches (id) AS MATERIALIZED ({_NO_ROWS if expensive else _leading(titles, 'named', ':named')}), "
        f"{_tier('near', condition, close, filtered)}, "
        f"other (id) AS MATERIALIZED (SELECT id FROM found LIMIT {far}), "
        "hit (id, tier) AS MATERIALIZED (SELECT id, 2 FROM named "
        "UNION ALL SELECT id, 2 FROM title_matches WHERE id NOT IN (SELECT id FROM named) "
        "UNION ALL SELECT id, 3 FROM near WHERE id NOT IN (SELECT id FROM named) "
        "AND id NOT IN (SELECT id FROM title_matches) "
        "UNION ALL SELECT id, 4 FROM other WHERE id NOT IN (SELECT id FROM named) "
        "AND id NOT IN (SELECT id FROM title_matches) AND id NOT IN (SELECT id FROM near))"
    )
    best, last = ("ASC", "DESC") if descending else ("DESC", "ASC")
    if grouped:
        groups = _groups(f"min({_CLOSENESS}), sum(torrent.seeders)", _TORRENT)
        rows = f"SELECT id FROM groups ORDER BY first {best}, second {last}, id {last}"
        return _page(f"{hits}, {groups}", rows, counted="found", results="groups")
    order = f"{_CLOSENESS} {best}, torrent.seeders {last}, hit.id {last}"
    return _page(hits, f"SELECT hit.id FROM hit {_TORRENT} ORDER BY {order}", counted="found")


def newest_hits(condition: str | None) -> str:
    """Return the CTEs of the highest id that is looked at, and of the newest matches of :match."""
    return f"bound (top) AS (SELECT {_NEWEST_ID}), hit (id) AS MATERIALIZED ({_hits(':match', condition, 'DESC')})"


def whole_catalogue(order: SortOrder, *, descending: bool, include_hidden: bool, grouped: bool) -> str:
    """Return the statement for the whole catalogue, in the order of a table's index."""
    sorting, direction = _SORTINGS[order], _direction(descending)
    table = sorting.table
    scanned = "hit.id" if order is SortOrder.RANDOM else sorting.torrents
    key = scanned.replace("hit.", f"{table}.")
    shown = "" if include_hidden else "AND hidden = 0"
    # The plus keeps SQLite from choosing the primary key for the bound and sorting afterwards.
    bound = "id" if order in INDEX_ORDERS else "+id"
    rows = (
        f"SELECT id FROM {table} INDEXED BY {sorting.index} "
        f"WHERE {bound} <= (SELECT top FROM bound) {shown} ORDER BY {key} {direction}, id {direction}"
    )
    if grouped:
        hits = f"hit (id) AS MATERIALIZED ({rows} LIMIT :most)"
        return _page(
            f"{hits}, {_groups(f'{sorting.groups}, 0', sorting.join)}", _first(direction), results="groups"
        )
    top = "(SELECT top FROM bound)"
    newer = f"(SELECT count(*) FROM torrent WHERE id > {top})"
    unseen = f"(SELECT count(*) FROM torrent INDEXED BY torrent_hidden WHERE hidden = 1 AND id <= {top})"
    total = f"(SELECT count(*) FROM torrent) - {newer}" + ("" if include_hidden else f" - {unseen}")
    return (
        f"WITH bound (top) AS (SELECT {_NEWEST_ID}), page (id) AS ({rows} LIMIT :limit OFFSET :offset) "
        f"SELECT (SELECT top FROM bound), 0, {total}, (SELECT json_group_array(id) FROM page)"
    )


def _direction(descending: bool) -> str:
    return "DESC" if descending else "ASC"


def _tier(name: str, condition: str | None, most: str, filtered: bool) -> str:
    """Return the CTEs of matches in some columns.

    Filters cost more than words. Where all matches are known, and all that have the words in these columns, the
    two are intersected; otherwise FTS5 is asked once more with words and filters.
    """
    if not filtered:
        return f"{name} (id) AS MATERIALIZED ({_hits(f':{name}', condition, 'DESC', most)})"
    known = f"(SELECT max((SELECT count(*) FROM found), (SELECT count(*) FROM bare_{name})) < :most)"
    asked = _hits(f":{name}", condition, "DESC", f"CASE WHEN {known} THEN 0 ELSE {most} END")
    kept = f"SELECT id FROM found LIMIT CASE WHEN {known} THEN {most} ELSE 0 END"
    return (
        f"bare_{name} (id) AS MATERIALIZED ({_hits(f':bare_{name}', None, 'DESC', most)}), "
        f"{name} (id) AS MATERIALIZED (SELECT id FROM ({kept}) "
        f"WHERE id IN (SELECT id FROM bare_{name}) UNION ALL SELECT * FROM ({asked}))"
    )


def _leading(leaders: str, taken: str, parameter: str = ":match") -> str:
    """Return the matches among the first torrents of a sort order, where `taken` is full.

    Without them the list would begin with the best of the newest matches alone.
    """
    few = f"LIMIT CASE WHEN (SELECT count(*) FROM {taken}) >= :most THEN :leaders ELSE 0 END"
    return f"SELECT id FROM ({leaders} {few}) AS torrent WHERE {MATCHES_TORRENT.format(parameter)}"


def _union(taken: str, others: str) -> str:
    return (
        f"SELECT id FROM {taken} UNION ALL SELECT id FROM ({others}) WHERE id NOT IN (SELECT id FROM {taken})"
    )


def _limit_unless_full(found_before: str) -> str:
    return f"CASE WHEN :offset + :limit <= {found_before} THEN 0 ELSE :most END"


def _hits(parameter: str, condition: str | None, direction: str, most: str = ":most") -> str:
    join = (
        "CROSS JOIN torrent INDEXED BY torrent_sorting ON torrent.id = search_text.rowid" if condition else ""
    )
    condition = f"AND ({condition})" if condition else ""
    return (
        f"SELECT search_text.rowid FROM search_text {join} WHERE search_text MATCH {parameter} "
        f"AND search_text.rowid <= (SELECT top FROM bound) {condition} "
        f"ORDER BY search_text.rowid {direction} LIMIT {most}"
    )


def _groups(keys: str, join: str) -> str:
    joins = _TORRENT if join == _TORRENT else f"{_TORRENT} {join}"
    rows = f"SELECT torrent.work_id, {keys} FROM hit {joins} GROUP BY torrent.work_id"
    return f"groups (id, first, second) AS MATERIALIZED ({rows})"


def _first(direction: str) -> str:
    return f"SELECT id FROM groups ORDER BY first {direction}, id {direction}"


def _page(tables: str, rows: str, *, counted: str = "hit", results: str | None = None) -> str:
    return (
        f"WITH bound (top) AS (SELECT {_NEWEST_ID}), {tables}, page (id) AS ({rows} LIMIT :limit OFFSET :offset) "
        f"SELECT (SELECT top FROM bound), (SELECT count(*) FROM {counted}), "
        f"(SELECT count(*) FROM {results or counted}), (SELECT json_group_array(id) FROM page)"
    )
