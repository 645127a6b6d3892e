"""Pages of infohashes that come packed in one value: a row for each would cost many times what is in it."""

from collections.abc import Sequence
from typing import Any

from bittorrent.infohash import HashPage


def hash_page(rows: Sequence[Sequence[Any]]) -> HashPage:
    """Return what a query of `packed_page` found."""
    ((digits, last),) = rows
    return HashPage(bytes.fromhex(digits or ""), bytes(last or b""))
