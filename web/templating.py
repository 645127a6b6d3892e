"""Jinja2 templates, autoescaped, with filters for sizes, times and numbers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catalogue.bbcode import render
from catalogue.model import Category
from doors.byte_sizes import size
from doors.root_path import rooted

_UNITS = (
    ("y", 31_557_600),
    ("mo", 2_629_800),
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3_600),
    ("min", 60),
)
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
            "exact": exact,
            "icon": icon,
        }
        self._templates.filters.update(filters)

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template, named without its `.html`, to HTML."""
        return self._templates.get_template(f"{name}.html").render(values)


class RowTemplate:
    """HTML with places for what is another with each request, behind every text of the record."""

    __slots__ = ("_format",)

    def __init__(self, html: str, places: Sequence[str]) -> None:
        """Cut the HTML at the last of each of the places, in their order."""
        pieces: list[str] = []
        for place in reversed(places):
            html, found, after = html.rpartition(place)
            assert found
            pieces.insert(0, after)
        self._format = "%s".join(piece.replace("%", "%%") for piece in (html, *pieces))

    def __len__(self) -> int:
        """Return its length in characters."""
        return len(self._format)

    def fill(self, *texts: str) -> str:
        """Return the row with these texts in its places, as HTML; none of them needs escaping."""
        return self._format % texts


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


def clock_time(seconds: int) -> str:
    """Format the hour and minute of a unix time, in UTC."""
    return _utc(seconds).strftime("%H:%M")


def exact(seconds: int) -> str:
    """Format a unix time as machines read it (ISO 8601)."""
    return _utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: float) -> str:
    """Format how long ago something was, in its largest unit."""
    for name, length in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)}\u00a0{name}"
    return "now"


def count(number: int) -> str:
    """Format a number with commas between thousands."""
    return f"{number:,}"


def icon(category: Category) -> str:
    """Return the name of a category's icon; a subcategory has that of the one above it."""
    return f"i{category.id if category.parent is None else category.parent}"


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)


def _markup(text: str) -> Markup:
    return Markup(render(text))  # noqa: S704 - the one place where text becomes HTML
