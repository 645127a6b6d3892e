"""The statements of the service's figures."""

from sqlalchemy import bindparam, select

from storage.dialect import SqlDialect
from storage.figures import FIGURES
from storage.tables.catalogue import torrent
from storage.tables.figures import figure_sample, swarm_day, working_sample


class FigureStatements:
    """The statements of `SqlFigures`."""

    def __init__(self, dialect: SqlDialect) -> None:
        ring, days = figure_sample.c, swarm_day.c
        self.put = dialect.compile(dialect.upsert(figure_sample, "time", *FIGURES))
        self.samples = dialect.compile(
            select(ring.time, *(ring[name] for name in FIGURES))
            .where(ring.step == bindparam("step"), ring.time >= bindparam("since"))
            .order_by(ring.time)
        )
        working = working_sample.c
        self.put_working = dialect.compile(dialect.upsert(working_sample, "time", "number"))
        self.workings = dialect.compile(
            select(working.time, working.name, working.number)
            .where(working.step == bindparam("step"), working.time >= bindparam("since"))
            .order_by(working.time)
        )
        self.put_day = dialect.compile(dialect.upsert(swarm_day, "day", "seeders", "leechers"))
        self.seeded = dialect.compile(
            select(torrent.c.id, torrent.c.seeders, torrent.c.leechers)
            .where(torrent.c.seeders > 0)
            .order_by(torrent.c.seeders.desc(), torrent.c.id.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.days = dialect.compile(
            select(days.day, days.seeders, days.leechers)
            .where(days.torrent_id == bindparam("torrent"), days.day >= bindparam("since"))
            .order_by(days.day)
        )
