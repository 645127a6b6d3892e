"""The dashboard of moderators and operators: what the service answers and refuses, and for operators how it works."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import REASONS
from doors.languages import Language, message
from tracker.figure_history import SPANS, Sample, Span, WorkingSample, growth
from web.page_context import PageContext, asked_span
from web.page_router import PageRouter
from web.plots import PlotLine, Point, plot_of_span, spark

_REFUSED, _DECLINED = "refused.", "declined."


@dataclass(frozen=True, slots=True)
class RefusedCode:
    """How often requests were refused with a code in a span, and the line of it."""

    code: str
    sentence: str
    upload: bool
    count: int
    line: Markup


@dataclass(frozen=True, slots=True)
class _Panel:
    """A plot, its lines as the history has them, and how its numbers are written."""

    name: str
    lines: Sequence[PlotLine]
    number: Callable[[Language, int], str] = Language.count


def routes(router: PageRouter) -> list[Route]:
    """Return the route of the dashboard."""
    return [router.page("/moderation/dashboard", _dashboard, right=Right.MODERATE)]


async def _dashboard(context: PageContext) -> Response:
    span, history = asked_span(context), context.services.swarms.history
    now, operates = context.services.admission.clock(), context.may(Right.ACCOUNTS)
    samples, workings = await history.series(span), await history.workings(span)
    panels = [*_for_moderators(samples, workings), *(_for_operators(workings) if operates else ())]
    codes = _codes(workings, span, now)
    reports = await context.services.curation.reports(context.principal, 0, 1, resolved=False)
    return context.render(
        "dashboard",
        message("Dashboard"),
        spans=[each.name for each in SPANS],
        span=span.name,
        plots=[
            (
                panel.name,
                [line.name for line in panel.lines],
                plot_of_span(
                    context.language, span, now, name=panel.name, lines=panel.lines, number=panel.number
                ),
            )
            for panel in panels
        ],
        sampled=len(samples) > 1,
        figures=await history.latest(),
        uploads=_total(workings, ("uploads",)),
        codes=codes,
        refused=sum(each.count for each in codes),
        reports=reports.total,
        working=workings[-1].numbers if operates and workings else None,
        manages=operates,
    )


def _for_moderators(samples: Sequence[Sample], workings: Sequence[WorkingSample]) -> list[_Panel]:
    of_figure = [(each.time, each.figures) for each in samples]
    names = _names(workings)
    return [
        _Panel(
            message("Announces a minute"),
            [
                PlotLine(message("over HTTP"), [(time, float(each.http)) for time, each in of_figure]),
                PlotLine(message("over UDP"), [(time, float(each.udp)) for time, each in of_figure]),
                PlotLine(
                    message("over WebSocket"), [(time, float(each.websocket)) for time, each in of_figure]
                ),
            ],
        ),
        _Panel(
            message("Peers"),
            [
                PlotLine(message("peers"), [(time, float(each.peers)) for time, each in of_figure]),
                PlotLine(message("seeders"), [(time, float(each.seeders)) for time, each in of_figure]),
            ],
        ),
        _Panel(
            message("Refused an hour"),
            [
                PlotLine(message("announces and scrapes"), _hourly(workings, _starting(names, _REFUSED))),
                PlotLine(
                    message("uploads at the cache's doors"), _hourly(workings, _starting(names, _DECLINED))
                ),
            ],
        ),
        _Panel(
            message("Uploads an hour"),
            [PlotLine(message("uploads, imports and lookups"), _hourly(workings, ("uploads",)))],
        ),
    ]


def _for_operators(workings: Sequence[WorkingSample]) -> list[_Panel]:
    return [
        _Panel(
            message("Disk"),
            [
                PlotLine(message("free"), _levels(workings, "disk")),
                PlotLine(message(".torrent files"), _levels(workings, "stored")),
            ],
            Language.size,
        ),
        _Panel(
            message("Time to write the swarms"),
            [PlotLine(message("milliseconds"), _levels(workings, "flush", 1000))],
            _milliseconds,
        ),
        _Panel(
            message("Jobs"),
            [
                PlotLine(message("fetched"), _levels(workings, "fetching")),
                PlotLine(message("waiting for a slot"), _levels(workings, "waiting")),
                PlotLine(message("lookups"), _levels(workings, "lookups")),
            ],
        ),
    ]


def _codes(workings: Sequence[WorkingSample], span: Span, now: float) -> list[RefusedCode]:
    """Return what was refused in a span by code, the most first."""
    found = []
    for name in _names(workings):
        kind, _, code = name.partition(".")
        if f"{kind}." in (_REFUSED, _DECLINED) and code in REASONS and (count := _total(workings, (name,))):
            line = spark(_hourly(workings, (name,)), now - span.seconds, now)
            found.append(RefusedCode(code, REASONS[code].sentence, f"{kind}." == _DECLINED, count, line))
    return sorted(found, key=lambda each: (-each.count, each.code))


def _milliseconds(language: Language, number: int) -> str:
    return language.text(message("%(number)s ms"), number=language.count(number))


def _names(workings: Sequence[WorkingSample]) -> list[str]:
    return sorted({name for each in workings for name in each.numbers})


def _starting(names: Sequence[str], start: str) -> list[str]:
    return [name for name in names if name.startswith(start)]


def _levels(workings: Sequence[WorkingSample], name: str, unit: int = 1) -> list[Point]:
    return [(each.time, each.numbers.get(name, 0) / unit) for each in workings]


def _hourly(workings: Sequence[WorkingSample], names: Sequence[str]) -> list[Point]:
    """Return by how much counts grew together, an hour, from each sample to the next."""
    together: dict[int, float] = {each.time: 0.0 for each in workings[1:]}
    for name in names:
        for each in growth(workings, name):
            together[each.time] += each.number * 3600 / each.seconds
    return list(together.items())


def _total(workings: Sequence[WorkingSample], names: Sequence[str]) -> int:
    return sum(each.number for name in names for each in growth(workings, name))
