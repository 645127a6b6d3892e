"""The front page, and the page that says how the service is used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from catalogue.model import PUBLIC_VIEWER, Category
from catalogue.query import SearchQuery
from doors.languages import message
from doors.origin import base_url
from doors.root_path import root_path
from tasks.kept_value import KeptValue
from tracker.figure_history import SPANS, Figures, Sample
from web.page_context import PageContext, PageServices
from web.page_router import PageRouter
from web.plots import spark
from web.torrent_rows import RowKind, torrent_rows

NEWEST = 20
IN_COLUMN = 10

_DAY = next(span for span in SPANS if span.name == "day")
_DRAWN: Mapping[str, Callable[[Figures], int]] = {
    "torrents": lambda figures: figures.torrents,
    "size": lambda figures: figures.size,
    "peers": lambda figures: figures.peers,
    "swarms": lambda figures: figures.swarms,
}


@dataclass(frozen=True, slots=True)
class FrontLists:
    """What the front page shows to everybody alike: categories with counts, ids of lists, and lines of the figures."""

    categories: tuple[tuple[Category, int], ...]
    seeded: tuple[int, ...]
    rising: tuple[int, ...]
    lines: Mapping[str, Markup]


class FrontPage:
    """Makes the front page; what it shows to everybody alike is kept for a while."""

    def __init__(self, services: PageServices) -> None:
        self._services = services
        self._lists = KeptValue(self._read)

    async def page(self, context: PageContext) -> Response:
        """Answer the front page."""
        services, catalogue = self._services, self._services.catalogue.store
        if not context.may(Right.READ):
            return context.render("front", services.site.name, lists=None, preview=context.preview())
        viewer = context.viewer()
        lists = await self._lists.get()
        found = await services.catalogue.search.torrents(
            SearchQuery(limit=NEWEST, moderates=viewer.moderates)
        )
        newest = await catalogue.torrents.torrents(found.ids, viewer)
        seeded = await catalogue.torrents.torrents(lists.seeded, viewer)
        rising = await catalogue.torrents.torrents(lists.rising, viewer)
        return context.render(
            "front",
            services.site.name,
            feeds=context.feeds("/search"),
            preview=context.preview(),
            lists=lists,
            newest=await torrent_rows(context, newest),
            seeded=await torrent_rows(context, seeded, RowKind.SHORT),
            rising=await torrent_rows(context, rising, RowKind.SHORT),
            news=(await catalogue.comments.news(0, 1)).items,
            figures=await services.swarms.history.latest(),
            swarms=services.swarms.totals(),
        )

    async def _read(self) -> FrontLists:
        catalogue, now = self._services.catalogue.store, int(self._services.admission.clock())
        samples = await self._services.swarms.history.series(_DAY)
        return FrontLists(
            counted_categories(
                await catalogue.categories.all(), await catalogue.statistics.category_counts()
            ),
            await catalogue.statistics.top("seeded", now, IN_COLUMN),
            await catalogue.statistics.top("week", now, IN_COLUMN),
            {name: _line(samples, figure, now) for name, figure in _DRAWN.items()},
        )


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the front page and of `/about`."""
    return [router.page("/", FrontPage(router.services).page), router.page("/about", _about)]


def counted_categories(
    categories: tuple[Category, ...], counts: Mapping[int, int]
) -> tuple[tuple[Category, int], ...]:
    """Return the built-in categories that have torrents, with those of their subcategories counted in."""
    found = []
    for each in categories:
        below = sum(counts.get(other.id, 0) for other in categories if other.parent == each.id)
        if each.parent is None and (count := counts.get(each.id, 0) + below):
            found.append((each, count))
    return tuple(found)


async def _about(context: PageContext) -> Response:
    services = context.services
    base = base_url(context.request, services.admission.public_url)
    # Over plain HTTP the port of this page is ours, and UDP listens on the same number; a proxy's, which serves TLS or
    # a path, is not.
    direct = base.startswith("http://") and not root_path(base)
    announce = await services.files.served.announce_url(context.principal, base)
    return context.render(
        "about",
        context.language.text(message("About %(site)s"), site=services.site.name),
        base=base,
        announce=announce,
        udp=f"udp://{base.removeprefix('http://')}/announce"
        if direct and not services.files.served.personal
        else "",
        personal=services.files.served.personal,
        limit=services.admission.upload_limit,
        viewer=PUBLIC_VIEWER,
    )


def _line(samples: list[Sample], figure: Callable[[Figures], int], now: int) -> Markup:
    return spark([(each.time, figure(each.figures)) for each in samples], now - _DAY.seconds, now)
