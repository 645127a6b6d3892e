"""The statements of the swarm journal."""

from sqlalchemy import BindParameter, bindparam, delete, select, tuple_

from storage.dialect import SqlDialect
from storage.tables.swarms import swarm


class JournalStatements:
    """The statements of `SqlJournal`."""

    def __init__(self, dialect: SqlDialect) -> None:
        infohash: BindParameter[bytes] = bindparam("infohash")
        part: BindParameter[int] = bindparam("part")
        self.upsert = dialect.compile(dialect.upsert(swarm, "payload"))
        self.delete = dialect.compile(delete(swarm).where(swarm.c.infohash == infohash, swarm.c.part == part))
        self.page = dialect.compile(
            select(swarm.c.infohash, swarm.c.part, swarm.c.payload)
            .where(tuple_(swarm.c.infohash, swarm.c.part) > tuple_(infohash, part))
            .order_by(swarm.c.infohash, swarm.c.part)
            .limit(bindparam("limit"))
        )
