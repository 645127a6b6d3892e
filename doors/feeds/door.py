"""The routes of RSS and Atom: every search, an account's torrents, a group's, a collage's, and one's own bookmarks."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from accounts.model import Scope
from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import PUBLIC_VIEWER, BookmarkKind, Torrent
from catalogue.query import SearchQuery, SortOrder, UploaderTerm
from catalogue.syntax import parse
from doors.admission import AdmittedRoute, ApiDialect, Endpoint, Exchange, Handler, Step, parameter, session
from doors.feeds import comments, discovery
from doors.feeds.atom import MEDIA_TYPE as ATOM_TYPE
from doors.feeds.atom import atom
from doors.feeds.conditional import unchanged, whole
from doors.feeds.items import ITEMS, Feed, FeedServices, items_of, own_address
from doors.feeds.rss import MEDIA_TYPE as RSS_TYPE
from doors.feeds.rss import rss
from doors.origin import base_url
from doors.path_ids import path_id

DIALECT = "feeds"
KEY_PARAMETER = "key"
LONGEST_SEARCH = 1000
BOOKMARKS = 500
"""Bookmarks of each kind that a feed looks at, the newest."""

_STEPS = (Step.CREDENTIALS, Step.RATE, Step.KEY_METHODS, Step.ACCOUNT, Step.RIGHT)
_LARGEST_PAGE = 1000
_PAGE = re.compile(r"[0-9]{1,19}")
_ORDERS: Final = frozenset(
    {SortOrder.NAME, SortOrder.SIZE, SortOrder.SEEDERS, SortOrder.LEECHERS, SortOrder.SNATCHED}
)
"""Orders of the search page that a feed takes; by relevance it would not show what is new."""


@dataclass(frozen=True, slots=True)
class FeedContext:
    """One request for a feed."""

    exchange: Exchange
    services: FeedServices

    def text(self, name: str) -> str:
        """Return a parameter of the query, "" without it."""
        return self.exchange.request.query_params.get(name, "")

    def number(self) -> int:
        """Return the id in the path. Refusal: `not-found` where it is not a number."""
        return path_id(self.exchange.request)

    async def found(self, search: SearchQuery) -> list[Torrent]:
        """Return what a search finds. Refusal: `bad-search`, `search-too-slow`."""
        hits = await self.services.catalogue.search.torrents(search)
        return await self.services.catalogue.store.torrents.torrents(hits.ids, PUBLIC_VIEWER)


@dataclass(frozen=True, slots=True)
class FeedSource:
    """What a feed is of: a title, the path and query of the page that shows the same, and torrents."""

    title: str
    path: str
    torrents: list[Torrent]


Source = Callable[[FeedContext], Awaitable[FeedSource]]


def routes(services: FeedServices, *, sitemap_part: int = discovery.PART) -> list[Route]:
    """Return the routes of the feeds and of what leads to them, which must precede those of the pages."""
    credentials = (parameter(KEY_PARAMETER, Scope.FEED, Scope.QBITTORRENT), session)
    dialect = ApiDialect(DIALECT, credentials, _STEPS, _render)
    endpoint = Endpoint(name=DIALECT, right=Right.READ)
    return [
        *discovery.routes(services, dialect, sitemap_part),
        *comments.routes(services, dialect),
        *(
            AdmittedRoute(
                path.format(form),
                services.admission,
                dialect,
                {"GET": (replace(endpoint, account=source is _bookmarks), _handler(services, source, form))},
            )
            for path, source in _PATHS.items()
            for form in _FORMS
        ),
    ]


def _handler(services: FeedServices, source: Source, form: str) -> Handler:
    async def answer(exchange: Exchange) -> Response:
        feed = await _feed(services, exchange, source)
        etag = feed.etag(services.admission.clock())
        if (response := unchanged(exchange.request, etag)) is not None:
            return response
        # In a thread: a hundred items take as long as many other requests do.
        if form == "rss":
            return whole(await asyncio.to_thread(rss, feed), RSS_TYPE, etag)
        return whole(await asyncio.to_thread(atom, feed, services.site_name), ATOM_TYPE, etag)

    return answer


async def _feed(services: FeedServices, exchange: Exchange, source: Source) -> Feed:
    shown = await source(FeedContext(exchange, services))
    # One item of unknown size makes Sonarr refuse the whole feed; it is one of which nothing but the hash is known.
    torrents = [torrent for torrent in shown.torrents if torrent.size]
    page = base_url(exchange.request, services.admission.public_url) + shown.path
    items = await items_of(services, exchange, torrents, KEY_PARAMETER)
    return Feed(f"{shown.title} \u2013 {services.site_name}", page, own_address(exchange, services), items)


def _render(_: Exchange, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return PlainTextResponse(f"{error}\n", error.status, {"Cache-Control": "no-store"})


async def _search(context: FeedContext) -> FeedSource:
    """Return what the search page finds, newest first unless another order is asked for."""
    text = context.text("q")[:LONGEST_SEARCH].strip()
    order = next((order for order in _ORDERS if order.value == context.text("order")), SortOrder.TIME)
    given = {name: context.text(name) for name in ("q", "order", "way") if context.text(name)}
    way = context.text("way") or ("asc" if order is SortOrder.NAME else "desc")
    descending = order is SortOrder.TIME or way != "asc"
    wanted = SearchQuery(parse(text), order, descending, (_page(context) - 1) * ITEMS, ITEMS)
    path = f"/search?{urlencode(given, errors='replace')}" if given else "/search"
    return FeedSource(text[:80] or "All torrents", path, await context.found(wanted))


async def _user(context: FeedContext) -> FeedSource:
    """Return the torrents of an account, without those that it uploaded anonymously."""
    user = await context.services.accounts.accounts.user(context.number())
    if user is None:
        raise Refusal("not-found")
    torrents = await context.found(SearchQuery(UploaderTerm(user.name), limit=ITEMS))
    return FeedSource(user.name, f"/u/{user.id}", torrents)


async def _group(context: FeedContext) -> FeedSource:
    """Return the torrents of a group."""
    group = await context.services.catalogue.store.groups.group(context.number(), PUBLIC_VIEWER)
    if group is None:
        raise Refusal("not-found")
    return FeedSource(group.name, f"/g/{group.id}", await _newest_of(context, [group.id]))


async def _collage(context: FeedContext) -> FeedSource:
    """Return the newest torrents of a collage's groups; there is no page of it, so the feed names the search page."""
    collage = await context.services.catalogue.store.collages.collage(context.number(), PUBLIC_VIEWER)
    if collage is None:
        raise Refusal("not-found")
    return FeedSource(collage.name, "/search", await _newest_of(context, collage.group_ids))


async def _bookmarks(context: FeedContext) -> FeedSource:
    """Return the torrents that the account bookmarked, and the newest of the groups that it did."""
    user, catalogue = context.exchange.principal.id, context.services.catalogue.store
    assert user is not None
    torrents = await catalogue.collages.bookmarks(user, BookmarkKind.TORRENT, 0, ITEMS)
    groups = await catalogue.collages.bookmarks(user, BookmarkKind.GROUP, 0, BOOKMARKS)
    found = [
        *await catalogue.torrents.torrents(torrents.items, PUBLIC_VIEWER),
        *await _newest_of(context, groups.items),
    ]
    once = {each.id: each for each in found}
    newest = sorted(once.values(), key=lambda each: each.id, reverse=True)[:ITEMS]
    return FeedSource("Bookmarks", "/account", newest)


async def _newest_of(context: FeedContext, groups: Sequence[int]) -> list[Torrent]:
    return await context.services.catalogue.store.groups.newest_of(groups, PUBLIC_VIEWER, ITEMS)


_FORMS = ("rss", "atom")
_PATHS: Final[Mapping[str, Source]] = {
    "/{}": _search,
    "/search.{}": _search,
    "/u/{{id}}.{}": _user,
    "/g/{{id}}.{}": _group,
    "/collages/{{id}}.{}": _collage,
    "/bookmarks.{}": _bookmarks,
}
"""Paths with a place for the form."""


def _page(context: FeedContext) -> int:
    text = context.text("page")
    return min(max(int(text), 1), _LARGEST_PAGE) if _PAGE.fullmatch(text) else 1
