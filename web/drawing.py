"""Hides how a page is drawn: templates that escape whatever they are given, and how figures are written."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catalogue.markup import render

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_LAST_SECOND = 253_402_300_799  # of the year 9999, where calendars end


class Drawing:
    """The templates of the pages; a name that a template uses and nobody gave is an error."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("web"),
            autoescape=True,
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

    def draw(self, name: str, values: Mapping[str, object]) -> str:
        """Return the HTML that a template makes of values."""
        return self._templates.get_template(f"{name}.html").render(values)


def size(number: int) -> str:
    """Write bytes in the largest unit of which there is at least one, with three digits or four."""
    unit = min(max(number.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    value = number / (1 << 10 * unit)
    digits = 0 if unit == 0 or value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"


def day(seconds: int) -> str:
    """Write the UTC day of a time."""
    return _utc(seconds).strftime("%Y-%m-%d")


def moment(seconds: int) -> str:
    """Write a time to the minute, in UTC."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M")


def count(number: int) -> str:
    """Write a number with its thousands apart."""
    return f"{number:,}"


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)


def _markup(text: str) -> Markup:
    return Markup(render(text))  # noqa: S704 - the one place where text becomes HTML
