"""The statements of mirrors."""

from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from storage.dialect import SqlDialect
from storage.mirrors import SAVED
from storage.statements.rows import new_row
from storage.tables.mirrors import mirror, mirrored


class MirrorStatements:
    """The statements of `SqlMirrors`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.find = compiled(select(mirror).where(mirror.c.url == bindparam("url")))
        self.all = compiled(select(mirror).order_by(mirror.c.id))
        self.add = compiled(insert(mirror).values(**new_row(mirror)).returning(mirror.c.id))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in SAVED}
        self.save = compiled(update(mirror).where(mirror.c.id == bindparam("row")).values(values))
        self.take = compiled(dialect.upsert(mirrored, "round"))
        of_mirror = mirrored.c.mirror_id == bindparam("mirror")
        listed = dialect.in_hashes(mirrored.c.infohash, "hashes")
        self.drop = compiled(delete(mirrored).where(of_mirror, listed))
        self.taken = compiled(select(mirrored.c.infohash).where(of_mirror, listed))
        self.stale = compiled(
            select(mirrored.c.infohash)
            .where(of_mirror, mirrored.c.round < bindparam("turn"))
            .order_by(mirrored.c.infohash)
            .limit(bindparam("limit"))
        )
