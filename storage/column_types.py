"""Column types and options that every engine understands, for tables and migrations."""

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, Text, text

INTEGER = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits, signed; booleans are 0 and 1, times unix seconds. SQLite's ids have to be of its own INTEGER."""
BYTES = LargeBinary()
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared and sorted by code point, whatever collation a PostgreSQL database has."""


def where(condition: str) -> dict[str, Any]:
    """Return the options of an index over the rows that meet a condition; other engines read it from these."""
    return {"sqlite_where": text(condition)}
