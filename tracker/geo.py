"""The country of an IP address, from the bundled table or an operator's MaxMind database."""

from collections.abc import Sequence
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Protocol

import iptocc

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
        found = iptocc.country_code([address_text(address) for address in addresses])
        return [code or UNKNOWN for code in found]


def countries(database: Path | None) -> Countries:
    """Open the operator's database, or the bundled table. GeoError: see `MaxMindCountries`."""
    if database is None:
        return EmbeddedCountries()
    from tracker.maxmind import MaxMindCountries  # noqa: PLC0415 - where there is one

    return MaxMindCountries(database)


def address_text(address: bytes) -> str:
    """Return an address of 4 raw bytes, 16, or the first 8 of 16 as text."""
    if len(address) == _V4_BYTES:
        return inet_ntop(AF_INET, address)
    return inet_ntop(AF_INET6, address.ljust(_V6_BYTES, b"\0"))
