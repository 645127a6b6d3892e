"""The search pages."""

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote_plus, urlencode

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from bittorrent.refusal import Refusal
from catalogue.query import MATCH_ALL, FacetCounts, InfohashTerm, Query, SearchHits, SearchQuery, SortOrder
from catalogue.syntax import Unreadable, read, unparse
from doors.languages import message
from tasks.kept_value import KeptValue
from web.page_context import LARGEST_ID, PageContext, PageServices
from web.page_router import PageRouter
from web.search_filters import chips, facets, since
from web.torrent_rows import RowKind, torrent_rows

PER_PAGE = 50
LONGEST_SEARCH = 1000
MOST_KEPT = 512
"""Searches whose facets are kept."""

ORDERS = (
    SortOrder.RELEVANCE,
    SortOrder.TIME,
    SortOrder.NAME,
    SortOrder.SIZE,
    SortOrder.SEEDERS,
    SortOrder.LEECHERS,
    SortOrder.SNATCHED,
)
# Orders that are ascending on the first click.
_ASCENDING = frozenset({SortOrder.NAME})


@dataclass(frozen=True, slots=True)
class SortLink:
    """A column header: the link that sorts by it, and whether it does now, and in which direction."""

    link: str
    on: bool
    descending: bool


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search as its URL spells it; `path` is that of the search page. `wrong` is what could not be read."""

    path: str
    text: str
    query: Query
    wrong: tuple[Unreadable, ...]
    order: SortOrder
    descending: bool
    page: int
    as_of: int | None

    def link(self, page: int, as_of: int) -> str:
        """Return the link to another page of the same hits."""
        return self._link(self.text, self.order, self.descending, f"&page={page}&as_of={as_of}")

    def other(self, text: str) -> str:
        """Return the link to another search, in this order where that is not by relevance."""
        if self.order is SortOrder.RELEVANCE:
            return f"{self.path}?q={quote_plus(text)}" if text else self.path
        return self._link(text, self.order, self.descending)

    def sorts(self) -> Mapping[str, SortLink]:
        """Return the column headers by the name of their order."""
        return {
            order.value: SortLink(self._sorted_by(order), order is self.order, self.descending)
            for order in ORDERS
        }

    def _sorted_by(self, order: SortOrder) -> str:
        """Return the link to the first page in another order, or in this one turned around."""
        reverse = order is self.order and order is not SortOrder.RELEVANCE
        descending = not self.descending if reverse else order not in _ASCENDING
        return self._link(self.text, order, descending)

    def _link(self, text: str, order: SortOrder, descending: bool, more: str = "") -> str:
        direction = "" if descending else "&way=asc"
        return f"{self.path}?q={quote_plus(text)}&order={order.value}{direction}{more}"

    def feed_query(self) -> str:
        """Return the query of a feed of these hits, newest first unless they are in an order of their own."""
        text = unparse(self.query) if self.wrong else self.text
        given = {"q": text} if text else {}
        if self.order not in {SortOrder.RELEVANCE, SortOrder.TIME}:
            given |= {"order": self.order.value, "way": "desc" if self.descending else "asc"}
        return urlencode(given)


class SearchPage:
    """Makes the search pages; by what their hits can be narrowed is kept for a while."""

    def __init__(self, services: PageServices) -> None:
        self._services = services
        self._kept: OrderedDict[SearchQuery, tuple[KeptValue[FacetCounts], dict[Hashable, Markup]]] = (
            OrderedDict()
        )

    async def page(self, context: PageContext) -> Response:
        """Answer a search."""
        viewer = context.viewer()
        asked = _read_search(context)
        wanted = SearchQuery(
            asked.query,
            asked.order,
            asked.descending,
            (asked.page - 1) * PER_PAGE,
            PER_PAGE,
            asked.as_of,
            viewer.moderates,
        )
        narrowing = Markup()
        try:
            found, fault = await self._services.catalogue.search.torrents(wanted), None
            narrowing = await self._narrowing(context, asked, moderates=viewer.moderates)
        except Refusal as refusal:
            found, fault = SearchHits((), 0, True, asked.as_of or 0), refusal
        torrents = await self._services.catalogue.store.torrents.torrents(found.ids, viewer)
        if len(torrents) == 1 and asked.page == 1 and isinstance(asked.query, InfohashTerm):
            return context.redirect(f"/t/{torrents[0].id}")
        better = await self._better(asked) if not found.total and not fault else ""
        chooses = viewer.moderates and bool(torrents)
        kind = RowKind.CHOICE if chooses else RowKind.WHOLE
        return context.render(
            "search",
            asked.text[:80] or message("All torrents"),
            status=fault.status if fault else 200,
            feeds=context.feeds("/search", asked.feed_query()),
            search_request=asked,
            found=found,
            fault=fault,
            rows=await torrent_rows(context, torrents, kind),
            chooses=chooses,
            categories=await self._services.catalogue.store.categories.all() if chooses else (),
            last=max(1, -(-found.total // PER_PAGE)),
            sorts=asked.sorts(),
            chips=chips(asked.query, asked.other) if asked.query != MATCH_ALL else [],
            narrowing=narrowing,
            better=better,
        )

    async def _narrowing(self, context: PageContext, asked: SearchRequest, *, moderates: bool) -> Markup:
        """Return what the hits can be narrowed by, as HTML; the links keep the order of the list."""
        now = self._services.admission.clock()
        key, times = SearchQuery(asked.query, moderates=moderates), since(now)
        if key not in self._kept:
            self._kept[key] = self._counted(key, times), {}
        self._kept.move_to_end(key)
        kept, rendered = self._kept[key]
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        counts = await kept.get()
        variant = counts, asked.order, asked.descending, context.language.code
        if variant not in rendered:
            rendered.clear()
            found = facets(asked.query, counts, now, asked.other) if counts.counted else []
            html = context.templates.render("facets", {"facets": found, "counts": counts})
            rendered[variant] = Markup(html)  # noqa: S704 - the template has escaped what it holds
        return rendered[variant]

    def _counted(self, wanted: SearchQuery, times: tuple[int, ...]) -> KeptValue[FacetCounts]:
        return KeptValue(partial(self._services.catalogue.search.facets, wanted, times))

    async def _better(self, asked: SearchRequest) -> str:
        """Return the text of a search with words that the index holds in place of those it does not; "" for none."""
        text = asked.text
        for word, better in (await self._services.catalogue.search.better_spelt(asked.query)).items():
            text = re.sub(rf"\b{re.escape(word)}\b", better, text, flags=re.IGNORECASE)
        return text if text != asked.text else ""


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the search."""
    return [
        router.page("/search", SearchPage(router.services).page),
        router.page("/search/help", _search_help),
    ]


async def _search_help(context: PageContext) -> Response:
    return context.render("search_help", message("How to search"))


def _read_search(context: PageContext) -> SearchRequest:
    given = context.request.query_params
    text = given.get("q", "")[:LONGEST_SEARCH].strip()
    query, wrong = read(text)
    default = SortOrder.RELEVANCE if text else SortOrder.TIME
    order = next((order for order in ORDERS if order.value == given.get("order")), default)
    as_of = given.get("as_of", "")
    valid = as_of.isascii() and as_of.isdecimal() and len(as_of) <= 19
    return SearchRequest(
        context.link("/search"),
        text,
        query,
        wrong,
        order,
        given.get("way", "asc" if order in _ASCENDING else "desc") != "asc",
        context.page_number(),
        min(int(as_of), LARGEST_ID) if valid else None,
    )
