"""The front page and the search pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import Torrent
from catalogue.query import Found, Hashed, Order, Wanted
from catalogue.syntax import parse
from doors import pages
from doors.origin import base_url
from tracker.model import Counts
from web.door import Door
from web.visit import LARGEST_ID, Visit

PER_PAGE = 50
NEWEST = 15
LONGEST_SEARCH = 1000

ORDERS = (Order.RELEVANCE, Order.TIME, Order.NAME, Order.SIZE, Order.SEEDERS, Order.LEECHERS, Order.SNATCHED)
_NAMES = {Order.RELEVANCE: "best match", Order.TIME: "newest", Order.SNATCHED: "downloads"}
# Orders that are ascending on the first click.
_ASCENDING = frozenset({Order.NAME})


@dataclass(frozen=True, slots=True)
class Row:
    """A torrent in a list, with the live counts of its swarm."""

    torrent: Torrent
    counts: Counts


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as its URL spells it."""

    text: str
    order: Order
    descending: bool
    page: int
    as_of: int | None

    def link(self, page: int, as_of: int) -> str:
        """Return the link to another page of the same hits."""
        return self._link(self.order, self.descending, {"page": str(page), "as_of": str(as_of)})

    def sorted_by(self, order: Order) -> str:
        """Return the link to the first page in another order, or in this one turned around."""
        reverse = order is self.order and order is not Order.RELEVANCE
        descending = not self.descending if reverse else order not in _ASCENDING
        return self._link(order, descending, {})

    def _link(self, order: Order, descending: bool, more: dict[str, str]) -> str:
        direction = {} if descending else {"way": "asc"}
        return f"/search?{urlencode({'q': self.text, 'order': order.value} | direction | more)}"


def routes(door: Door) -> list[Route]:
    """Return the routes of front page and search."""
    return [
        door.page("/", _front),
        door.page("/search", _search),
        door.page("/search/help", _search_help),
    ]


def rows_of(visit: Visit, torrents: Sequence[Torrent]) -> list[Row]:
    """Return torrents with their live counts, as a list shows them."""
    return [Row(torrent, visit.office.scrape(torrent.infohash)) for torrent in torrents]


async def _front(visit: Visit) -> Response:
    office = visit.office
    rows: list[Row] = []
    if visit.may(Right.READ):
        viewer = visit.viewer()
        found = await office.search.torrents(Wanted(limit=NEWEST, moderates=viewer.moderates))
        rows = rows_of(visit, await office.catalogue.torrents(found.ids, viewer))
    cache_html = pages.front(base_url(visit.request, office.public_url), office.uploads.limit)
    return visit.draw(
        "front",
        office.site_name,
        rows=rows,
        totals=await office.catalogue.totals(),
        swarms=office.swarms(),
        cache=Markup(cache_html),  # noqa: S704 - escaped where it is made
    )


async def _search(visit: Visit) -> Response:
    viewer = visit.viewer()
    asked = _read_search(visit)
    query = parse(asked.text)
    wanted = Wanted(
        query,
        asked.order,
        asked.descending,
        (asked.page - 1) * PER_PAGE,
        PER_PAGE,
        asked.as_of,
        viewer.moderates,
    )
    try:
        found, fault = await visit.office.search.torrents(wanted), None
    except Refusal as refusal:
        found, fault = Found((), 0, True, asked.as_of or 0), refusal
    torrents = await visit.office.catalogue.torrents(found.ids, viewer)
    if len(torrents) == 1 and asked.page == 1 and isinstance(query, Hashed):
        return visit.go(f"/t/{torrents[0].id}")
    return visit.draw(
        "search",
        asked.text[:80] or "All torrents",
        status=fault.status if fault else 200,
        asked=asked,
        found=found,
        fault=fault,
        rows=rows_of(visit, torrents),
        last=max(1, -(-found.total // PER_PAGE)),
        orders=[(order, _NAMES.get(order, order.value)) for order in ORDERS],
    )


async def _search_help(visit: Visit) -> Response:
    return visit.draw("search_help", "How to search")


def _read_search(visit: Visit) -> Asked:
    given = visit.request.query_params
    text = given.get("q", "")[:LONGEST_SEARCH].strip()
    default = Order.RELEVANCE if text else Order.TIME
    order = next((order for order in ORDERS if order.value == given.get("order")), default)
    as_of = given.get("as_of", "")
    valid = as_of.isascii() and as_of.isdecimal() and len(as_of) <= 19
    return Asked(
        text,
        order,
        given.get("way", "asc" if order in _ASCENDING else "desc") != "asc",
        visit.page_number(),
        min(int(as_of), LARGEST_ID) if valid else None,
    )
