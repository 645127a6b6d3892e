"""Pages that list what the catalogue knows beside torrents: charts, tags, authors, collages, news, and the figures."""

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import Group
from doors.languages import Language, message
from tracker.figure_history import SPANS, Figures, Sample
from web.page_context import PageContext, asked_span
from web.page_router import PageRouter
from web.plots import PlotLine, Point, plot_of_span
from web.torrent_rows import torrent_rows

PER_PAGE = 50
TAGS_PER_PAGE = 200
IN_CHART = 50
LONGEST_PREFIX = 100

CHARTS = (
    ("overall", message("Most peers")),
    ("week", message("This week")),
    ("day", message("Today")),
    ("seeded", message("Most seeded")),
    ("snatched", message("Most downloaded")),
    ("data", message("Most data")),
)
_Figure = Callable[[Figures], int]
_PEERS: tuple[tuple[str, _Figure], ...] = (
    (message("peers"), lambda each: each.peers),
    (message("seeders"), lambda each: each.seeders),
)
_PLOTS: tuple[tuple[str, tuple[tuple[str, _Figure], ...], Callable[[Language, int], str]], ...] = (
    (
        message("Peers"),
        ((message("peers"), lambda each: each.peers), (message("seeders"), lambda each: each.seeders)),
        Language.count,
    ),
    (message("Swarms"), ((message("swarms"), lambda each: each.swarms),), Language.count),
    (
        message("Announces a minute"),
        (
            (message("over HTTP and WebSocket"), lambda each: each.http + each.websocket),
            (message("over UDP"), lambda each: each.udp),
        ),
        Language.count,
    ),
    (message("Torrents"), ((message("torrents"), lambda each: each.torrents),), Language.count),
    (message("Content"), ((message("bytes"), lambda each: each.size),), Language.size),
)


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of these lists."""
    return [
        router.page("/top", _top, right=Right.READ),
        router.page("/tags", _tags, right=Right.READ),
        router.page("/authors", _authors, right=Right.READ),
        router.page("/authors/{id}", _author, right=Right.READ),
        router.page("/collages", _collages, right=Right.READ),
        router.page("/collages/{id}", _collage, right=Right.READ),
        router.page("/news", _news, right=Right.READ),
        router.page("/stats/plots", _plots),
    ]


async def _top(context: PageContext) -> Response:
    asked = context.request.query_params.get("chart", "")
    chart, name = next((each for each in CHARTS if each[0] == asked), CHARTS[0])
    catalogue, now = context.services.catalogue.store, int(context.services.admission.clock())
    ids = await catalogue.statistics.top(chart, now, IN_CHART)
    rows = await torrent_rows(context, await catalogue.torrents.torrents(ids, context.viewer()))
    title = context.language.text(message("Top torrents: %(chart)s"), chart=context.language.text(name))
    return context.render("top", title, chart=chart, charts=CHARTS, rows=rows)


async def _tags(context: PageContext) -> Response:
    prefix, page = _prefix(context), context.page_number()
    found = await context.services.catalogue.store.tags.tags(
        prefix, (page - 1) * TAGS_PER_PAGE, TAGS_PER_PAGE
    )
    last = _last(found.total, TAGS_PER_PAGE)
    return context.render(
        "tags", message("Tags"), tags=found, prefix=prefix, page=page, last=last, link=_link(prefix)
    )


async def _authors(context: PageContext) -> Response:
    prefix, page = _prefix(context), context.page_number()
    found = await context.services.catalogue.store.authors.authors(prefix, (page - 1) * PER_PAGE, PER_PAGE)
    last = _last(found.total, PER_PAGE)
    return context.render(
        "authors", message("Authors"), authors=found, prefix=prefix, page=page, last=last, link=_link(prefix)
    )


async def _author(context: PageContext) -> Response:
    catalogue, page = context.services.catalogue.store, context.page_number()
    author = await catalogue.authors.author(context.number())
    if author is None:
        raise Refusal("not-found")
    ids = await catalogue.authors.groups_of(author.id, context.viewer())
    groups, last = await _groups(context, ids, page)
    return context.render(
        "author",
        author.name,
        author=author,
        groups=groups,
        total=len(ids),
        page=page,
        last=last,
        link=_link(""),
    )


async def _collages(context: PageContext) -> Response:
    text, page = _prefix(context), context.page_number()
    found = await context.services.catalogue.store.collages.collages(
        (page - 1) * PER_PAGE, PER_PAGE, context.viewer(), text
    )
    last = _last(found.total, PER_PAGE)
    return context.render(
        "collages", message("Collages"), collages=found, prefix=text, page=page, last=last, link=_link(text)
    )


async def _collage(context: PageContext) -> Response:
    page = context.page_number()
    collage = await context.services.catalogue.store.collages.collage(context.number(), context.viewer())
    if collage is None:
        raise Refusal("not-found")
    groups, last = await _groups(context, collage.group_ids, page)
    return context.render(
        "collage",
        collage.name,
        feeds=context.feeds(f"/collages/{collage.id}"),
        collage=collage,
        groups=groups,
        page=page,
        last=last,
        link=_link(""),
    )


async def _news(context: PageContext) -> Response:
    page = context.page_number()
    found = await context.services.catalogue.store.comments.news((page - 1) * PER_PAGE, PER_PAGE)
    return context.render(
        "news", message("News"), news=found, page=page, last=_last(found.total, PER_PAGE), link=_link("")
    )


async def _plots(context: PageContext) -> Response:
    span = asked_span(context)
    samples, now = await context.services.swarms.history.series(span), context.services.admission.clock()
    plots = [
        (
            name,
            [line for line, _ in lines],
            plot_of_span(
                context.language,
                span,
                now,
                name=name,
                lines=[PlotLine(line, _points(samples, figure)) for line, figure in lines],
                number=number,
            ),
        )
        for name, lines, number in _PLOTS
    ]
    return context.render(
        "stats",
        message("Statistics"),
        spans=[each.name for each in SPANS],
        span=span.name,
        plots=plots,
        sampled=len(samples) > 1,
        figures=await context.services.swarms.history.latest(),
        swarms=context.services.swarms.totals(),
    )


def _points(samples: Sequence[Sample], figure: _Figure) -> list[Point]:
    return [(each.time, float(figure(each.figures))) for each in samples]


async def _groups(context: PageContext, ids: Sequence[int], page: int) -> tuple[list[Group], int]:
    """Return a page of groups, and the number of the last page."""
    shown = ids[(page - 1) * PER_PAGE : page * PER_PAGE]
    return await context.services.catalogue.store.groups.groups(shown, context.viewer()), _last(
        len(ids), PER_PAGE
    )


def _prefix(context: PageContext) -> str:
    return context.request.query_params.get("q", "")[:LONGEST_PREFIX].strip()


def _last(total: int, per_page: int) -> int:
    return max(1, -(-total // per_page))


def _link(text: str) -> Callable[[int], str]:
    given = {"q": text} if text else {}
    return lambda page: f"?{urlencode({**given, 'page': page})}"
