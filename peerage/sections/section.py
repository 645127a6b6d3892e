"""The base of every table of the settings file, the types of their values, and how a value is read."""

from collections.abc import Callable
from enum import Enum
from functools import cache
from math import inf
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from peerage.setting_values import (
    ListenAddress,
    Network,
    read_duration,
    read_items,
    read_listen,
    read_network,
    read_rate,
    read_size,
)

_SWITCHES = {
    **dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False),
}


class Setting(Struct, frozen=True):
    """What a setting means, and what it takes: a number from `least` to `most`, or what `takes` says.

    A text or list is of `least` to `most` characters or items.
    """

    meaning: str
    least: float = -inf
    most: float = inf
    takes: str = ""


class Reads(Struct, frozen=True):
    """How a value is read from what people write, before its type is checked or after; ValueError: it will not do."""

    read: Callable[[Any], object]
    after: bool = False
    takes: str = ""


Size = Annotated[int, Reads(read_size)]
Duration = Annotated[float, Reads(read_duration)]
Seconds = Annotated[int, Reads(read_duration)]
Networks = Annotated[
    tuple[Annotated[Network, Reads(read_network)], ...],
    Reads(read_items, takes="addresses and networks, as 10.0.0.0/8 or fd00::/8"),
]
Listens = Annotated[
    tuple[Annotated[ListenAddress, Reads(read_listen)], ...],
    Reads(read_items, takes="host:port or [v6]:port, one or more; port 0 is any free one"),
]

OptionalPath = Annotated[Path | None, Reads(lambda value: value or None, takes="a path")]
"""A path, or nothing for an empty text."""
Rate = Annotated[
    str,
    Reads(
        read_rate,
        after=True,
        takes="a count per second, minute, hour or day, or per several: 30/10 seconds",
    ),
]


class Section(Struct, frozen=True, kw_only=True):
    """A table of the settings file. Made directly it takes what it is given; `read_value` checks what people write."""

    def check(self) -> None:
        """Check what settings of the table say together. ValueError."""


class Declared(Struct, frozen=True):
    """A setting as its table declares it: its type, how it is read, what it means and takes."""

    kind: Any
    reads: tuple[Reads, ...]
    setting: Setting

    @property
    def takes(self) -> str:
        """What may be written, "" where the type says it."""
        return self.setting.takes or next((each.takes for each in self.reads if each.takes), "")


@cache
def declared(section: type[Section]) -> dict[str, Declared]:
    """Return the settings of a table by name, in the order of the file."""
    hints = get_type_hints(section, include_extras=True)
    return {name: _declared(hints[name]) for name in section.__struct_fields__ if _is_setting(hints[name])}


def _is_setting(hint: object) -> bool:
    return not (isinstance(hint, type) and issubclass(hint, Section))


def _declared(hint: Any) -> Declared:  # noqa: ANN401
    kind, *marks = get_args(hint)
    (setting,) = (mark for mark in marks if isinstance(mark, Setting))
    return Declared(kind, tuple(mark for mark in marks if isinstance(mark, Reads)), setting)


def read_value(section: type[Section], name: str, value: object) -> object:
    """Return the value of a setting from what somebody wrote. ValueError: it will not do, with the reason."""
    found = declared(section)[name]
    return _read(found.kind, found.reads, found.setting, value)


def _read(kind: Any, reads: tuple[Reads, ...], setting: Setting | None, value: object) -> object:  # noqa: ANN401
    for each in reads:
        value = value if each.after else each.read(value)
    checked = _typed(kind, value)
    size = len(checked) if isinstance(checked, str | tuple) else checked
    if setting is not None and isinstance(size, int | float) and not setting.least <= size <= setting.most:
        raise _unfit(value)
    for each in reads:
        checked = each.read(checked) if each.after else checked
    return checked


def _typed(kind: Any, value: object) -> object:  # noqa: ANN401
    """Return a value of a type, from it or from a text that stands for one. ValueError."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _read(inner[0], tuple(mark for mark in inner[1:] if isinstance(mark, Reads)), None, value)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_typed(inner[0], each) for each in value)
    if origin is Literal and value in inner:
        return value
    if origin in (Union, UnionType):
        return value if type(value) in inner else _typed(inner[0], value)
    if kind is bool or kind is int or kind is float:
        return _number(kind, value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if isinstance(kind, type) and isinstance(value, kind):
        return value
    raise _unfit(value)


def _number(kind: type, value: object) -> object:
    try:
        if kind is bool:
            return value if isinstance(value, bool) else _SWITCHES[str(value).strip().lower()]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _unfit(value)
        read = float(value)
        if kind is float:
            return read
        if read == int(read):
            return int(value)
    except (KeyError, ValueError, OverflowError):
        raise _unfit(value) from None
    raise _unfit(value)


def _unfit(value: object) -> ValueError:
    return ValueError(f"{value!r:.80} will not do")
