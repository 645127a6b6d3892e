"""Queries of pages of infohashes, packed in one value."""

from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, func, select

from storage.dialect import SqlDialect


def packed_page(dialect: SqlDialect, hashes: Select[Any] | CompoundSelect[Any]) -> Select[Any, Any]:
    """Return a query of one row: the lowest `:limit` of the hashes in a column, packed, and the highest of these."""
    (column,) = hashes.selected_columns
    (found,) = hashes.order_by(column).limit(bindparam("limit")).subquery().c
    return select(func.aggregate_strings(dialect.hex(found), ""), func.max(found))
