"""Plots as SVG that the server draws: a small line beside a number, and plots of some lines with their scales."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from markupsafe import Markup

from doors.languages import Language, message
from tracker.figure_history import Span

_WIDTH, _HEIGHT = 720, 200
_LEFT, _BOTTOM, _TOP = 56, 22, 8
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 28
_LINES = ("one", "two", "three")
_OF_SPAN = {
    "hour": message("%(figure)s of the last hour"),
    "day": message("%(figure)s of the last day"),
    "month": message("%(figure)s of the last month"),
    "year": message("%(figure)s of the last year"),
}

Point = tuple[float, float]
"""A time in unix seconds, and a number."""


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A line of a plot, and what it is of."""

    name: str
    points: Sequence[Point]


def spark(points: Sequence[Point], first: float, last: float) -> Markup:
    """Return a line without scales from one time to another; nothing for fewer than two points."""
    if len(points) < 2:
        return Markup()
    low, high = min(value for _, value in points), max(value for _, value in points)
    room = max(high - low, high / 10, 1e-9)  # a line of nearly the same numbers looks flat

    def place(point: Point) -> Point:
        x = (point[0] - first) / max(last - first, 1) * _SPARK_WIDTH
        y = _SPARK_HEIGHT - 2 - (point[1] - low) / room * (_SPARK_HEIGHT - 4)
        return x, y

    line, area = _paths([place(point) for point in points], _SPARK_HEIGHT)
    return Markup(  # noqa: S704 - numbers alone
        f'<svg class="spark" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" preserveAspectRatio="none"'
        ' aria-hidden="true">'
        f'<path class="area" d="{area}"/><path class="line" d="{line}"/></svg>'
    )


def plot(
    lines: Sequence[PlotLine],
    first: float,
    last: float,
    *,
    title: str,
    number: Callable[[int], str],
    moment: Callable[[int], str],
) -> Markup:
    """Return a plot of up to three lines from one time to another, from zero up.

    `number` and `moment` write what stands at the scales; `title` is read out in place of the plot.
    """
    top = _round_up(max((value for line in lines for _, value in line.points), default=0))
    wide, high = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - _TOP

    def place(point: Point) -> Point:
        x = _LEFT + (point[0] - first) / max(last - first, 1) * wide
        return x, _TOP + high - point[1] / top * high

    pieces = [f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for part in (0.0, 0.5, 1.0):
        y = _TOP + high - part * high
        pieces.append(
            f'<path class="grid" d="M{_LEFT} {y:.0f}H{_LEFT + wide}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{escape(number(int(part * top)))}</text>'
        )
    for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        pieces.append(
            f'<text x="{_LEFT + part * wide:.0f}" y="{_HEIGHT - 5}" text-anchor="{anchor}">'
            f"{escape(moment(int(first + part * (last - first))))}</text>"
        )
    for kind, line in zip(_LINES, lines, strict=False):
        if line.points:
            drawn, area = _paths([place(point) for point in line.points], _TOP + high)
            pieces.append(f'<path class="area {kind}" d="{area}"/>' if kind == "one" else "")
            pieces.append(f'<path class="line {kind}" d="{drawn}"/>')
    return Markup("".join([*pieces, "</svg>"]))  # noqa: S704 - numbers, and escaped texts


def plot_of_span(
    language: Language,
    span: Span,
    now: float,
    *,
    name: str,
    lines: Sequence[PlotLine],
    number: Callable[[Language, int], str],
) -> Markup:
    """Return the plot of a figure, named by a message, over a span up to now; `number` writes its numbers."""
    return plot(
        lines,
        now - span.seconds,
        now,
        title=language.text(_OF_SPAN[span.name], figure=language.text(name)),
        number=partial(number, language),
        moment=language.clock_time if span.seconds <= 2 * 86_400 else language.day,
    )


def _paths(points: Sequence[Point], ground: float) -> tuple[str, str]:
    """Return the path of a line, and that of the area under it; one point is a short line."""
    if len(points) == 1:
        points = [points[0], (points[0][0] + 2, points[0][1])]
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return line, f"{line}V{ground:.1f}H{points[0][0]:.1f}Z"


def _round_up(number: float) -> int:
    """Return the next number of one or two digits and zeros, that can be halved; 2 at least."""
    step = 2
    while step * 10 < number:
        step *= 10
    return max(-int(-number // step) * step, 2)
