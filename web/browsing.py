"""The front page and the search pages."""

from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.query import InfohashTerm, SearchHits, SearchQuery, SortOrder
from catalogue.syntax import parse
from doors import cache_pages
from doors.origin import base_url
from web.page_context import LARGEST_ID, PageContext
from web.page_router import PageRouter
from web.torrent_rows import torrent_rows

PER_PAGE = 50
NEWEST = 15
LONGEST_SEARCH = 1000

ORDERS = (
    SortOrder.RELEVANCE,
    SortOrder.TIME,
    SortOrder.NAME,
    SortOrder.SIZE,
    SortOrder.SEEDERS,
    SortOrder.LEECHERS,
    SortOrder.SNATCHED,
)
_NAMES = {SortOrder.RELEVANCE: "best match", SortOrder.TIME: "newest", SortOrder.SNATCHED: "downloads"}
# Orders that are ascending on the first click.
_ASCENDING = frozenset({SortOrder.NAME})


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search as its URL spells it; `path` is that of the search page."""

    path: str
    text: str
    order: SortOrder
    descending: bool
    page: int
    as_of: int | None

    def link(self, page: int, as_of: int) -> str:
        """Return the link to another page of the same hits."""
        return self._link(self.order, self.descending, {"page": str(page), "as_of": str(as_of)})

    def sorted_by(self, order: SortOrder) -> str:
        """Return the link to the first page in another order, or in this one turned around."""
        reverse = order is self.order and order is not SortOrder.RELEVANCE
        descending = not self.descending if reverse else order not in _ASCENDING
        return self._link(order, descending, {})

    def _link(self, order: SortOrder, descending: bool, more: dict[str, str]) -> str:
        direction = {} if descending else {"way": "asc"}
        return f"{self.path}?{urlencode({'q': self.text, 'order': order.value} | direction | more)}"

    def feed_query(self) -> str:
        """Return the query of a feed of these hits, newest first unless they are in an order of their own."""
        given = {"q": self.text} if self.text else {}
        if self.order not in {SortOrder.RELEVANCE, SortOrder.TIME}:
            given |= {"order": self.order.value, "way": "desc" if self.descending else "asc"}
        return urlencode(given)


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of front page and search."""
    return [
        router.page("/", _front),
        router.page("/search", _search),
        router.page("/search/help", _search_help),
    ]


async def _front(context: PageContext) -> Response:
    services = context.services
    rows = Markup()
    if context.may(Right.READ):
        viewer = context.viewer()
        found = await services.catalogue.search.torrents(
            SearchQuery(limit=NEWEST, moderates=viewer.moderates)
        )
        rows = torrent_rows(context, await services.catalogue.store.torrents.torrents(found.ids, viewer))
    cache_html = cache_pages.front_page(
        base_url(context.request, services.admission.public_url), services.admission.upload_limit
    )
    return context.render(
        "front",
        services.site_name,
        feeds=context.feeds("/search") if context.may(Right.READ) else None,
        rows=rows,
        totals=await services.catalogue.store.statistics.totals(),
        swarms=services.swarms.totals(),
        cache=Markup(cache_html),  # noqa: S704 - escaped where it is made
    )


async def _search(context: PageContext) -> Response:
    viewer = context.viewer()
    search_request = _read_search(context)
    query = parse(search_request.text)
    wanted = SearchQuery(
        query,
        search_request.order,
        search_request.descending,
        (search_request.page - 1) * PER_PAGE,
        PER_PAGE,
        search_request.as_of,
        viewer.moderates,
    )
    try:
        found, fault = await context.services.catalogue.search.torrents(wanted), None
    except Refusal as refusal:
        found, fault = SearchHits((), 0, True, search_request.as_of or 0), refusal
    torrents = await context.services.catalogue.store.torrents.torrents(found.ids, viewer)
    if len(torrents) == 1 and search_request.page == 1 and isinstance(query, InfohashTerm):
        return context.redirect(f"/t/{torrents[0].id}")
    return context.render(
        "search",
        search_request.text[:80] or "All torrents",
        status=fault.status if fault else 200,
        feeds=context.feeds("/search", search_request.feed_query()),
        search_request=search_request,
        found=found,
        fault=fault,
        rows=torrent_rows(context, torrents),
        last=max(1, -(-found.total // PER_PAGE)),
        orders=[(order, _NAMES.get(order, order.value)) for order in ORDERS],
    )


async def _search_help(context: PageContext) -> Response:
    return context.render("search_help", "How to search")


def _read_search(context: PageContext) -> SearchRequest:
    given = context.request.query_params
    text = given.get("q", "")[:LONGEST_SEARCH].strip()
    default = SortOrder.RELEVANCE if text else SortOrder.TIME
    order = next((order for order in ORDERS if order.value == given.get("order")), default)
    as_of = given.get("as_of", "")
    valid = as_of.isascii() and as_of.isdecimal() and len(as_of) <= 19
    return SearchRequest(
        context.link("/search"),
        text,
        order,
        given.get("way", "asc" if order in _ASCENDING else "desc") != "asc",
        context.page_number(),
        min(int(as_of), LARGEST_ID) if valid else None,
    )
