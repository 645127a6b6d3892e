"""Jinja2 templates, autoescaped, with filters for sizes, times and numbers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catalogue.bbcode import render
from doors.byte_sizes import size
from doors.root_path import rooted

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that datetime knows


class Templates:
    """The templates of the pages, their links below `root`; an undefined name in a template is an error."""

    def __init__(self, root: str = "") -> None:
        self._templates = Environment(
            loader=_RootedTemplates(root),
            autoescape=True,
            auto_reload=False,  # it looks at every file of a page with each request
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: dict[str, Callable[..., object]] = {
            "size": size,
            "day": day,
            "moment": moment,
            "markup": _markup,
            "count": count,
        }
        self._templates.filters.update(filters)

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template, named without its `.html`, to HTML."""
        return self._templates.get_template(f"{name}.html").render(values)


class RowTemplate:
    """HTML with places for counts, which stand behind every text of the record."""

    __slots__ = ("_pieces",)

    def __init__(self, html: str, places: Sequence[str]) -> None:
        """Cut the HTML at the last of each of the places, in their order."""
        pieces: list[str] = []
        for place in reversed(places):
            html, found, after = html.rpartition(place)
            assert found
            pieces.insert(0, after)
        self._pieces = html, *pieces

    def __len__(self) -> int:
        """Return its length in characters."""
        return sum(map(len, self._pieces))

    def fill(self, *counts: int) -> str:
        """Return the row with these counts, as HTML."""
        first, *others = self._pieces
        return first + "".join(
            [f"{count(number)}{piece}" for number, piece in zip(counts, others, strict=True)]
        )


class _RootedTemplates(PackageLoader):
    """Loads templates with their links below a root path: once each, before they are compiled."""

    def __init__(self, root: str) -> None:
        super().__init__("web")
        self._root = root

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool] | None]:
        """Return a template, its file and whether that is unchanged."""
        source, file, is_current = super().get_source(environment, template)
        return rooted(source, self._root), file, is_current


def day(seconds: int) -> str:
    """Format the UTC day of a unix time."""
    return _utc(seconds).strftime("%Y-%m-%d")


def moment(seconds: int) -> str:
    """Format a unix time to the minute, in UTC."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M")


def count(number: int) -> str:
    """Format a number with commas between thousands."""
    return f"{number:,}"


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)


def _markup(text: str) -> Markup:
    return Markup(render(text))  # noqa: S704 - the one place where text becomes HTML
