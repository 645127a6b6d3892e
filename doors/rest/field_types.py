"""Types of request fields that only the REST API has; their error sentences begin with "It "."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from bittorrent.infohash import InfoHash
from catalogue.fields import LARGEST_ID, IntegerField

Schema = Mapping[str, Any]

PER_PAGE = 50
MAX_PER_PAGE = 100
INFOHASH_PATTERN = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_HASH = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?")
_BOOLEANS = MappingProxyType({"true": True, "false": False})
_NUMBER = IntegerField(1, LARGEST_ID)


@dataclass(frozen=True, slots=True)
class RawTextField:
    """Text that is taken as it is, such as searches and passwords."""

    longest: int

    def read(self, value: object) -> str:
        """Return the text; ValueError with a sentence."""
        text = _text(value)
        if len(text) > self.longest:
            raise ValueError(f"It is longer than {self.longest} characters.")
        if any("\ud800" <= each <= "\udfff" for each in text):
            raise ValueError("It holds half a character (a lone surrogate).")
        return text

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "string", "maxLength": self.longest}


@dataclass(frozen=True, slots=True)
class EnumField:
    """One of a few words, each with a value."""

    values: Mapping[str, object]

    def read(self, value: object) -> object:
        """Return the value of the word; ValueError with a sentence."""
        if not isinstance(value, str) or value not in self.values:
            raise ValueError(f"It must be one of {', '.join(self.values)}.")
        return self.values[value]

    def from_text(self, text: str) -> object:
        """Return the word."""
        return text

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class TrueFalseField:
    """A boolean; in a query `true` or `false` alone."""

    def read(self, value: object) -> bool:
        """Return the answer; ValueError with a sentence."""
        if not isinstance(value, bool):
            raise ValueError("It must be true or false.")  # noqa: TRY004 (what a field raises)
        return value

    def from_text(self, text: str) -> object:
        """Return the answer."""
        return _BOOLEANS.get(text, text)

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class PerPageField:
    """The number of items on a page; one beyond the limit is taken as the limit."""

    def read(self, value: object) -> int:
        """Return the number; ValueError with a sentence."""
        return min(_NUMBER.read(value) or PER_PAGE, MAX_PER_PAGE)

    def from_text(self, text: str) -> object:
        """Return the number that the text is."""
        return _NUMBER.from_text(text)

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        description = f"Items of a page; more than {MAX_PER_PAGE} are taken as {MAX_PER_PAGE}."
        bounds = {"minimum": 1, "maximum": LARGEST_ID, "default": PER_PAGE}
        return {"type": "integer", "description": description, **bounds}


@dataclass(frozen=True, slots=True)
class DateField:
    """A day, written as 2026-01-31."""

    def read(self, value: object) -> date:
        """Return the day; ValueError with a sentence."""
        text = _text(value)
        try:
            return date.fromisoformat(text if _DAY.fullmatch(text) else "")
        except ValueError:
            raise ValueError("It must be a day such as 2026-01-31.") from None

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class CountryField:
    """A country code of two letters, in any case; `ZZ` is unknown."""

    def read(self, value: object) -> str:
        """Return it in upper case; ValueError with a sentence."""
        text = _text(value)
        if not _COUNTRY.fullmatch(text):
            raise ValueError("It must be a code of two letters.")
        return text.upper()

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "string", "pattern": "^[A-Za-z]{2}$"}


@dataclass(frozen=True, slots=True)
class InfohashField:
    """An infohash in 40 or 64 hex digits."""

    def read(self, value: object) -> InfoHash:
        """Return the infohash; ValueError with a sentence."""
        text = _text(value)
        if not _HASH.fullmatch(text):
            raise ValueError("It must be 40 or 64 hex digits.")
        return InfoHash.parse(text)

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text

    def schema(self) -> Schema:
        """Describe it as JSON Schema."""
        return {"type": "string", "pattern": INFOHASH_PATTERN}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("It must be text.")  # noqa: TRY004 (what a field raises)
    return value
