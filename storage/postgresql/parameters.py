"""Values of statements as asyncpg takes them: by position, where the statements of the stores have names."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from storage.database import Row, Sql

_MARK = "\U0010fffe"  # no character
_NUL, _MARK_ITSELF = _MARK + "0", _MARK + "1"
_KEPT = 4096  # statements whose form is remembered
_CAST = re.compile(r"CAST\(:(\w+) AS ([a-z ]+(?:\[\])?)\)")
# A quoted constant, a parameter of a known type, or one by its name alone.
_TOKEN = re.compile(
    r"'(?:[^']|'')*'|CAST\(:(?P<typed>\w+) AS [a-z ]+(?:\[\])?\)|(?<![:\w]):(?P<bare>[A-Za-z_]\w*)"
)


def by_position(sql: Sql, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return a statement with `$1` for each name, and the values in that order."""
    text, names = _numbered(str(sql))
    return text, [_value(parameters[name]) for name in names]


@lru_cache(_KEPT)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with its parameters numbered and their names; each has the type that it is given anywhere."""
    types = dict(_CAST.findall(sql))
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found["typed"] or found["bare"]
        if name is None:
            return found[0]
        at = f"${numbers.setdefault(name, len(numbers) + 1)}"
        return f"CAST({at} AS {types[name]})" if name in types else at

    return _TOKEN.sub(number, sql), tuple(numbers)


def _value(value: object) -> object:
    """Return a value as it is stored: PostgreSQL's texts hold no NUL."""
    if isinstance(value, str):
        return (
            value.replace(_MARK, _MARK_ITSELF).replace("\0", _NUL)
            if "\0" in value or _MARK in value
            else value
        )
    if isinstance(value, list):
        return [_value(each) for each in value]
    return value


def read_rows(rows: Iterable[Iterable[Any]]) -> list[Row]:
    """Return rows with texts as they went in."""
    return [tuple(_read(value) if type(value) is str else value for value in row) for row in rows]


def _read(value: str) -> str:
    return value.replace(_NUL, "\0").replace(_MARK_ITSELF, _MARK) if _MARK in value else value
