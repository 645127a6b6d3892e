"""Column types and options that every engine understands, for tables and migrations."""

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, Text, text

INTEGER = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits, signed; booleans are 0 and 1, times unix seconds. SQLite's ids have to be of its own INTEGER."""
BYTES = LargeBinary()
TEXT = Text()
"""Compared and sorted by code point; another engine adds a variant with such a collation."""


def where(condition: str) -> dict[str, Any]:
    """Return the options of an index over the rows that meet a condition."""
    return {"sqlite_where": text(condition)}
