"""The country of an IP address, from an operator's database in MaxMind's format."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import maxminddb

from tracker.geo import UNKNOWN, GeoError, address_text


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
            return _code_in(self._reader.get(address_text(address)))
        except (ValueError, maxminddb.InvalidDatabaseError):
            # A database without IPv6 raises ValueError for such an address.
            return UNKNOWN


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
