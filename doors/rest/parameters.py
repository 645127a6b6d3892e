"""Request parameters of the REST API: ids and hashes in the path, the query, and validated values."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import FieldTable

_PAIRS_MOST = 64
_ID = re.compile(r"[1-9][0-9]{0,18}")
_HEX = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_id(text: str) -> int:
    """Parse an id; Refusal "not-found" for any other text."""
    if not _ID.fullmatch(text) or int(text) > fields.LARGEST_ID:
        raise Refusal("not-found")
    return int(text)


def parse_infohash(text: str) -> InfoHash:
    """Parse an infohash in 40 or 64 hex digits; Refusal "not-found" for any other text."""
    if not _HEX.fullmatch(text):
        raise Refusal("not-found")
    return InfoHash.parse(text)


def parse_id_or_infohash(text: str) -> int | InfoHash:
    """Parse an id or an infohash; 40 digits are a hash. Refusal: `not-found`."""
    return parse_infohash(text).truncated if len(text) >= 40 else parse_id(text)


class FieldValues(dict[str, object]):
    """Validated values of a request by field."""

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        value = self.get(name, default)
        assert isinstance(value, str)
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer that was given, or has a default."""
        value = self.get(name, default)
        assert isinstance(value, int)
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return an integer, None where none was given."""
        return self.integer(name) if self.get(name) is not None else None

    def flag(self, name: str) -> bool | None:
        """Return a boolean, None where none was given."""
        value = self.get(name)
        assert value is None or isinstance(value, bool)
        return value


def read_query(raw: bytes, table: FieldTable) -> FieldValues:
    """Read a query's parameters, each once, none unknown; Refusal "invalid" with a sentence for each wrong one."""
    values, errors = _pairs(raw, table)
    try:
        given = fields.validate(fields.from_form(values, table), table)
    except Refusal as refusal:
        raise Refusal("invalid", fields={**refusal.fields, **errors}) from None
    if errors:
        raise Refusal("invalid", fields=errors)
    return FieldValues(given)


def repeated_error(name: str) -> str:
    """Return the error sentence of a field that came more than once."""
    return f"The {name} field may be given once."


def _pairs(raw: bytes, table: FieldTable) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Split a raw query into values by name, and errors by name."""
    values: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for part in filter(None, raw.split(b"&", _PAIRS_MOST)):
        name, value = (_decoded(each) for each in part.partition(b"=")[::2])
        shown = name if name is not None and name in table else "query"
        if name is None or value is None:
            errors[shown] = [f"The {shown} is not percent-encoded UTF-8."]
        elif name in values:
            errors[shown] = [repeated_error(shown)]
        else:
            values[name] = value
    return values, errors


def _decoded(raw: bytes) -> str | None:
    if _BROKEN_ESCAPE.search(raw):
        return None
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None


def rename_keys(given: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Return values under the catalogue's names of their fields."""
    return {names.get(name, name): value for name, value in given.items()}
