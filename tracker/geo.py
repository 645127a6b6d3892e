"""The country of an IP address, from the bundled table or an operator's MaxMind database."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Protocol

import iptocc
import maxminddb

UNKNOWN = "ZZ"
"""The country of an address that none is known of."""

_V4_BYTES = 4
_V6_BYTES = 16


class GeoError(Exception):
    """A database of countries cannot be used; the text names it and says why."""


class Countries(Protocol):
    """Looks up the countries of addresses."""

    def of(self, addresses: Sequence[bytes]) -> list[str]:
        """Return the ISO 3166-1 alpha-2 code of each address (4 raw bytes, 16, or the first 8 of 16), or ZZ."""
        ...


class EmbeddedCountries:
    """The bundled table: the allocations of the regional registries."""

    def of(self, addresses: Sequence[bytes]) -> list[str]:
        """Return the country of each address; see `Countries`."""
        found = iptocc.country_code([_text(address) for address in addresses])
        return [code or UNKNOWN for code in found]


class MaxMindCountries:
    """A database in MaxMind's format, held in memory; GeoLite2, DB-IP and their like."""

    def __init__(self, path: Path) -> None:
        """Open it. GeoError: it cannot be read."""
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        except (OSError, TypeError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise GeoError(f"{path} cannot be used as a database of countries: {error}") from error

    def of(self, addresses: Sequence[bytes]) -> list[str]:
        """Return the country of each address; see `Countries`. Damaged records are of no country."""
        return [self._one(address) for address in addresses]

    def _one(self, address: bytes) -> str:
        try:
            return _code_in(self._reader.get(_text(address)))
        except (ValueError, maxminddb.InvalidDatabaseError):
            # A database without IPv6 raises ValueError for such an address.
            return UNKNOWN


def countries(database: Path | None) -> Countries:
    """Open the operator's database, or the bundled table. GeoError: see `MaxMindCountries`."""
    return MaxMindCountries(database) if database is not None else EmbeddedCountries()


def _text(address: bytes) -> str:
    if len(address) == _V4_BYTES:
        return inet_ntop(AF_INET, address)
    return inet_ntop(AF_INET6, address.ljust(_V6_BYTES, b"\0"))


def _code_in(record: object) -> str:
    """Find the country in a record: nested as MaxMind does it, or flat as others do."""
    if not isinstance(record, Mapping):
        return UNKNOWN
    for name in ("country", "country_code", "registered_country"):
        value = record.get(name)
        code = value.get("iso_code") if isinstance(value, Mapping) else value
        if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha():
            return code.upper()
    return UNKNOWN
