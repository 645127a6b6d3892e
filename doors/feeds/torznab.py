"""Torznab at `/torznab/api`: capabilities and searches, as Sonarr, Radarr, Lidarr and Prowlarr ask for them."""

import asyncio
import hashlib

from starlette.responses import Response
from starlette.routing import Route

from accounts.model import Scope
from accounts.rights import Right
from catalogue.episodes import episode_of
from catalogue.model import PUBLIC_VIEWER
from catalogue.query import SearchHits
from doors.admission import AdmittedRoute, ApiDialect, Endpoint, Exchange, Step, parameter
from doors.feeds import torznab_query
from doors.feeds.conditional import unchanged, whole
from doors.feeds.items import ITEMS, Feed, FeedItem, FeedServices, items_of, own_address
from doors.feeds.newznab_categories import listed, numbers_of
from doors.feeds.rss import MEDIA_TYPE as RSS_TYPE
from doors.feeds.rss import add_item, channel_of
from doors.feeds.torznab_errors import MEDIA_TYPE, NO_FUNCTION, TorznabError, render
from doors.feeds.xml_document import NEWZNAB, TORZNAB, Element, add, document, qualified, root
from doors.origin import base_url
from tracker.credit import WHOLE

DIALECT = "torznab"
KEY_PARAMETER = "apikey"

_STEPS = (Step.CREDENTIALS, Step.RATE, Step.KEY_METHODS, Step.RIGHT)
_SEARCHES = {
    "search": "q",
    "tv-search": "q,season,ep,year",
    "movie-search": "q,year",
    "music-search": "q,artist,album,label,track,year",
    "audio-search": "q,artist,album,label,track,year",
    "book-search": "q,author,title,publisher,year",
}
"""The searches that the capabilities name and the parameters of each; some callers read music, others audio."""
_WITH_TITLES = frozenset({"tv-search", "movie-search"})
_FUNCTIONS = frozenset({"search", "tvsearch", "movie", "music", "audio", "book", *_SEARCHES})


def routes(services: FeedServices) -> list[Route]:
    """Return the route of Torznab."""
    dialect = ApiDialect(DIALECT, (parameter(KEY_PARAMETER, Scope.FEED, Scope.QBITTORRENT),), _STEPS, render)
    endpoint = Endpoint(name=DIALECT, right=Right.READ)

    async def answer(exchange: Exchange) -> Response:
        return await _answer(services, exchange)

    return [AdmittedRoute("/torznab/api", services.admission, dialect, {"GET": (endpoint, answer)})]


async def _answer(services: FeedServices, exchange: Exchange) -> Response:
    function = exchange.request.query_params.get("t", "").strip().lower()
    if not function:
        raise TorznabError.missing("t")
    if function == "caps":
        content = await _capabilities(services, exchange)
        etag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
        return unchanged(exchange.request, etag) or whole(content, MEDIA_TYPE, etag)
    if function not in _FUNCTIONS:
        raise TorznabError(NO_FUNCTION, "No such function")
    asked = torznab_query.read(exchange.request.query_params)
    hits = await services.catalogue.search.torrents(asked.search_query())
    torrents = await services.catalogue.store.torrents.torrents(hits.ids, PUBLIC_VIEWER)
    feed = Feed(
        services.site_name,
        f"{base_url(exchange.request, services.admission.public_url)}/",
        own_address(exchange, services),
        await items_of(services, exchange, torrents, KEY_PARAMETER),
    )
    etag = feed.etag(services.admission.clock())
    if (response := unchanged(exchange.request, etag)) is not None:
        return response
    return whole(await asyncio.to_thread(_results, feed, hits, asked.offset), RSS_TYPE, etag)


async def _capabilities(services: FeedServices, exchange: Exchange) -> bytes:
    """Write what may be asked. Callers keep it for a week, and ask by every id that it names."""
    tree = root("caps")
    base = base_url(exchange.request, services.admission.public_url)
    add(tree, "server", title=services.site_name, url=f"{base}/")
    add(tree, "limits", max=ITEMS, default=ITEMS)
    titles = await services.catalogue.store.statistics.has_titles()
    searching = add(tree, "searching")
    for name, parameters in _SEARCHES.items():
        supported = f"{parameters},imdbid" if titles and name in _WITH_TITLES else parameters
        add(searching, name, available="yes", supportedParams=supported)
    categories = add(tree, "categories")
    for each in listed(await services.catalogue.store.categories.all()):
        element = add(categories, "category", id=each.number, name=each.name)
        for number, name in each.below:
            add(element, "subcat", id=number, name=name)
    return document(tree)


def _results(feed: Feed, hits: SearchHits, offset: int) -> bytes:
    tree, channel = channel_of(feed)
    add(channel, qualified(NEWZNAB, "response"), offset=offset, total=hits.total)
    for item in feed.items:
        # The name and not the title that people gave: callers parse it as that of a release.
        element = add_item(channel, item, item.name, item.download)
        for number in numbers_of(item.category, item.title, item.name):
            add(element, "category", number)
            _attribute(element, "category", number)
        for name, value in _attributes(item).items():
            _attribute(element, name, value)
    return document(tree)


def _attributes(item: FeedItem) -> dict[str, object]:
    seeders = item.counts.complete
    return {
        "size": item.size,
        "files": item.files,
        "grabs": item.counts.downloaded,
        "seeders": seeders,
        "peers": seeders + item.counts.incomplete,
        "infohash": item.infohash,
        "magneturl": item.magnet,
        "downloadvolumefactor": _factor(item.factors.download),
        "uploadvolumefactor": _factor(item.factors.upload),
        **_known(item),
    }


def _factor(percent: int) -> str:
    return f"{percent / WHOLE:g}"


def _known(item: FeedItem) -> dict[str, object]:
    """Return what is known of the work: a value of fewer digits would make callers lose the item."""
    found = episode_of(item.name)
    season = found.season if found is not None else item.season
    known: dict[str, object | None] = {
        "imdb": None if item.imdb is None else f"{item.imdb:07}",
        "imdbid": None if item.imdb is None else f"tt{item.imdb:07}",
        "year": item.year,
        "season": season,
        "episode": None if found is None else found.episode,
        "genre": ", ".join(item.tags) or None,
        "author": ", ".join(item.authors) or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _attribute(element: Element, name: str, value: object) -> None:
    add(element, qualified(TORZNAB, "attr"), name=name, value=value)
