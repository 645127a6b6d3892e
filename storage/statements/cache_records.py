"""The statements of the cache's records."""

from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, select, update

from storage.dialect import SqlDialect
from storage.statements.hash_pages import packed_page
from storage.tables.cache import record as table
from storage.tables.catalogue import torrent

_COLUMNS = ("infohash", "v1", "v2", "name", "size", "stored", "digest", "added", "packed")


class CacheRecordStatements:
    """The statements of `SqlCacheRecords`."""

    def __init__(self, dialect: SqlDialect) -> None:
        self.columns = _COLUMNS
        infohash: BindParameter[Any] = bindparam("infohash")
        found = select(*(table.c[name] for name in _COLUMNS))
        self.add = dialect.compile(dialect.upsert(table, *_COLUMNS[1:], "alias"))
        described = select(
            *(table.c[name] for name in _COLUMNS), torrent.c.private, torrent.c.hidden, torrent.c.uploader_id
        ).select_from(table.outerjoin(torrent, torrent.c.infohash == table.c.infohash))
        self.get = dialect.compile(described.where(table.c.infohash == infohash))
        self.get_alias = dialect.compile(described.where(table.c.alias == infohash).limit(1))
        self.get_all = dialect.compile(described.where(dialect.in_hashes(table.c.infohash, "hashes")))
        self.remove = dialect.compile(delete(table).where(table.c.infohash == infohash))
        self.note_asked = dialect.compile(
            update(table)
            .where(dialect.in_hashes(table.c.infohash, "hashes"), table.c.asked < bindparam("day"))
            .values(asked=bindparam("day"))
        )
        self.totals = dialect.compile(select(func.count(), func.coalesce(func.sum(table.c.stored), 0)))
        page = found.where(table.c.infohash > infohash).order_by(table.c.infohash)
        self.page = dialect.compile(page.limit(bindparam("limit")))
        names = select(table.c.infohash, table.c.alias)
        above = select(table.c.infohash).where(table.c.infohash > bindparam("after"))
        self.hashes = dialect.compile(packed_page(dialect, above))
        public = above.join(torrent, torrent.c.infohash == table.c.infohash).where(torrent.c.private == 0)
        self.public_hashes = dialect.compile(packed_page(dialect, public))
        hybrids = names.where(table.c.alias > bindparam("after")).order_by(table.c.alias)
        self.hybrids = dialect.compile(hybrids.limit(bindparam("limit")))
        self.named = dialect.compile(names.where(dialect.in_hashes(table.c.infohash, "hashes")))
        self.named_alias = dialect.compile(names.where(dialect.in_hashes(table.c.alias, "hashes")))
