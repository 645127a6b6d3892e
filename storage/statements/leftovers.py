"""The statements of what is still stored of blocked torrents."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, intersect, select, union

from bittorrent.infohash import V1_LENGTH
from lists.infohashes import ListKind
from storage.dialect import SqlDialect
from storage.statements.hash_pages import packed_page
from storage.tables.cache import record
from storage.tables.catalogue import torrent
from storage.tables.jobs import content
from storage.tables.lists import entry, spelling


class LeftoverStatements:
    """The statements of `SqlLeftovers`."""

    def __init__(self, dialect: SqlDialect) -> None:
        # Two sorted lists are walked once beside each other, whichever is longer.
        stored = union(*(_above(column) for column in _STORED)).subquery()
        named, entries = (
            dialect.compile(packed_page(dialect, intersect(_denied(*columns), select(stored.c.hash))))
            for columns in _LISTED
        )
        self.named, self.entries = named, entries


_LISTED = ((spelling.c.hash, spelling.c.verdict), (entry.c.infohash, entry.c.verdict))
_STORED: tuple[ColumnElement[Any], ...] = (
    record.c.infohash,
    record.c.alias,
    torrent.c.infohash,
    torrent.c.alias,
    content.c.infohash,
    func.substr(content.c.v2, 1, V1_LENGTH),
)


def _above(hashed: ColumnElement[Any]) -> Select[Any]:
    return select(hashed.label("hash")).where(hashed > bindparam("after", type_=record.c.infohash.type))


def _denied(hashed: ColumnElement[Any], verdict: ColumnElement[Any]) -> Select[Any]:
    return _above(hashed).where(verdict == ListKind.DENY.value, func.length(hashed) == V1_LENGTH)
