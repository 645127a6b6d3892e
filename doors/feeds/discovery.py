"""What tells browsers and crawlers where things are: the OpenSearch description, and the sitemap in parts."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.query import SearchQuery
from doors.admission import AdmittedRoute, ApiDialect, Endpoint, Exchange
from doors.feeds.atom import date
from doors.feeds.conditional import unchanged, whole
from doors.feeds.items import FeedServices
from doors.feeds.xml_document import Element, add, document, root
from doors.origin import base_url
from doors.path_ids import path_id

PART = 1_000
"""Ids of torrents in one part of the sitemap."""
MOST_PARTS = 50_000
"""Parts that an index may list, by the protocol of sitemaps."""

_OPENSEARCH = "http://a9.com/-/spec/opensearch/1.1/"
_OPENSEARCH_TYPE = "application/opensearchdescription+xml; charset=utf-8"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_XML = "application/xml; charset=utf-8"
_LONGEST_SHORT_NAME = 16

Draw = Callable[[FeedServices, Exchange, str], Awaitable[Element]]
"""Makes a document for a base URL."""


def routes(services: FeedServices, dialect: ApiDialect, part: int = PART) -> list[Route]:
    """Return the routes of the description and of the sitemap; the latter is for who may read the catalogue.

    A part of the sitemap has `part` ids.
    """
    table: tuple[tuple[str, Draw, str, Right | None], ...] = (
        ("/opensearch.xml", _opensearch, _OPENSEARCH_TYPE, None),
        ("/sitemap.xml", partial(_index, part), _XML, Right.READ),
        ("/sitemaps/{number}.xml", partial(_part, part), _XML, Right.READ),
    )

    def route(path: str, draw: Draw, media_type: str, right: Right | None) -> Route:
        async def answer(exchange: Exchange) -> Response:
            base = base_url(exchange.request, services.admission.public_url)
            content = await asyncio.to_thread(document, await draw(services, exchange, base))
            etag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
            return unchanged(exchange.request, etag) or whole(content, media_type, etag)

        endpoint = Endpoint(name=dialect.name, right=right)
        return AdmittedRoute(path, services.admission, dialect, {"GET": (endpoint, answer)})

    return [route(*row) for row in table]


async def _opensearch(services: FeedServices, _: Exchange, base: str) -> Element:
    tree = root("OpenSearchDescription", xmlns=_OPENSEARCH)
    add(tree, "ShortName", services.site_name[:_LONGEST_SHORT_NAME])
    add(tree, "Description", f"Torrents of {services.site_name}")
    add(tree, "InputEncoding", "UTF-8")
    add(tree, "Url", type="text/html", method="get", template=f"{base}/search?q={{searchTerms}}")
    for form in ("rss", "atom"):
        template = f"{base}/search.{form}?q={{searchTerms}}&page={{startPage?}}"
        add(tree, "Url", type=f"application/{form}+xml", template=template)
    return tree


async def _index(part: int, services: FeedServices, _: Exchange, base: str) -> Element:
    """List the parts: as many as there are of ids, so that a torrent never moves to another."""
    hits = await services.catalogue.search.torrents(SearchQuery(limit=0))
    tree = root("sitemapindex", xmlns=_SITEMAP)
    for number in range(min(-(-hits.as_of // part), MOST_PARTS)):
        add(add(tree, "sitemap"), "loc", f"{base}/sitemaps/{number}.xml")
    return tree


async def _part(part: int, services: FeedServices, exchange: Exchange, base: str) -> Element:
    number = path_id(exchange.request, "number")
    if number >= MOST_PARTS:
        raise Refusal("not-found")
    shown = await services.catalogue.store.statistics.shown_ids(number * part + 1, part)
    return await asyncio.to_thread(_pages, shown, base)


def _pages(shown: Sequence[tuple[int, int]], base: str) -> Element:
    tree = root("urlset", xmlns=_SITEMAP)
    for torrent, updated in shown:
        url = add(tree, "url")
        add(url, "loc", f"{base}/t/{torrent}")
        add(url, "lastmod", date(updated))
    return tree
