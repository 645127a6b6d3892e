"""Pages of infohashes that come packed in one value: a row for each would cost many times what is in it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, func, select

from bittorrent.infohash import HashPage
from storage.dialect import SqlDialect


def packed_page(dialect: SqlDialect, hashes: Select[Any] | CompoundSelect[Any]) -> Select[Any, Any]:
    """Return a query of one row: the lowest `:limit` of the hashes in a column, packed, and the highest of these."""
    (column,) = hashes.selected_columns
    (found,) = hashes.order_by(column).limit(bindparam("limit")).subquery().c
    return select(func.aggregate_strings(dialect.hex(found), ""), func.max(found))


def hash_page(rows: Sequence[Sequence[Any]]) -> HashPage:
    """Return what such a query found."""
    ((digits, last),) = rows
    return HashPage(bytes.fromhex(digits or ""), bytes(last or b""))
