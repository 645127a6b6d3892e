"""Gazelle's query parameters, by PHP's rules for repeated names, arrays and numbers."""

import re
from collections.abc import Sequence
from typing import Self
from urllib.parse import parse_qsl

from starlette.requests import Request

from doors.gazelle.envelope import BAD_PARAMETERS, GazelleFailure

LAST_PAGE = 1_000_000
_MAX_FIELDS = 256
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEYED = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
# Control characters end a line or string further in; a search takes them for spaces.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class GazelleParameters:
    """The parameters of a query string. The last of a repeated name counts; `name[KEY]=` makes an array."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        self._arrays: dict[str, list[str]] = {}
        for name, value in pairs:
            if match := _KEYED.fullmatch(name):
                self._arrays.setdefault(match[1], []).append(match[2] or value)
            else:
                self._values[name] = value

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the query string of a request, also of a POST. Raises Failure for more fields than any action has."""
        text = request.scope["query_string"].decode("latin-1")
        try:
            return cls(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
        except ValueError:
            raise GazelleFailure(BAD_PARAMETERS) from None

    def text(self, name: str) -> str:
        """Return a value without control characters or space around it, "" when it is missing."""
        return _CONTROLS.sub(" ", self._values.get(name, "")).strip()

    def number(self, name: str) -> int | None:
        """Return a whole number of at most 18 digits, None for anything else."""
        text = self.text(name)
        return int(text) if _NUMBER.fullmatch(text) else None

    def page(self) -> int:
        """Return the page asked for; what is no page is the first."""
        return min(max(self.number("page") or 1, 1), LAST_PAGE)

    def keys(self, name: str) -> list[str]:
        """Return the keys of an array."""
        return list(self._arrays.get(name, ()))
