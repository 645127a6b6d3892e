"""The statements of the census."""

from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, or_, select, tuple_, union, update

from storage.dialect import SqlDialect
from storage.tables.census import census_count, census_day, census_tally


class CensusStatements:
    """The statements of `SqlCensus`."""

    def __init__(self, dialect: SqlDialect) -> None:
        day, tally, count = census_day.c, census_tally.c, census_count.c
        compiled = dialect.compile
        the_day: BindParameter[Any] = bindparam("the_day")
        self.open_day = compiled(select(day.day, day.looked).where(day.closed == 0))
        self.begin = compiled(dialect.insert_or_ignore(census_day))
        self.looked = compiled(
            update(census_day).where(day.day == the_day).values(looked=bindparam("second"))
        )
        self.write = compiled(dialect.upsert(census_tally, "payload"))
        columns = select(tally.infohash, tally.country, tally.payload)
        self.read = compiled(
            columns.where(
                dialect.in_hashes(tally.infohash, "hashes"), dialect.in_list(tally.country, "countries")
            )
        )
        after = tuple_(tally.infohash, tally.country) > tuple_(bindparam("hash"), bindparam("code"))
        self.page = compiled(
            columns.where(after).order_by(tally.infohash, tally.country).limit(bindparam("most"))
        )
        self._compile_days(dialect)
        self.size = compiled(select(func.count()).select_from(census_tally))
        self.last_closed = compiled(
            select(func.max(day.day)).where(day.closed == 1, day.day <= bindparam("until"))
        )
        self.counts = compiled(
            select(count.country, count.peers)
            .join(census_day, day.day == count.day)
            .where(count.infohash == bindparam("hash"), count.day == the_day, day.closed == 1)
            .order_by(count.peers.desc(), count.country)
        )
        peers = func.sum(count.peers)
        self.countries = compiled(
            select(count.country, peers)
            .where(count.day == the_day)
            .group_by(count.country)
            .order_by(peers.desc(), count.country)
        )
        counted = select(count.infohash).where(
            dialect.in_hashes(count.infohash, "hashes"),
            count.day >= bindparam("since"),
            count.day <= bindparam("until"),
        )
        tallied = select(tally.infohash).where(dialect.in_hashes(tally.infohash, "hashes"))
        self.seen = compiled(union(counted, tallied))
        self.delete_torrents = [
            compiled(delete(census_count).where(dialect.in_hashes(count.infohash, "hashes"))),
            compiled(delete(census_tally).where(dialect.in_hashes(tally.infohash, "hashes"))),
        ]

    def _compile_days(self, dialect: SqlDialect) -> None:
        day, count = census_day.c, census_count.c
        compiled = dialect.compile
        the_day: BindParameter[Any] = bindparam("the_day")
        self.settle = compiled(dialect.upsert(census_count, "peers"))
        self.close = compiled(update(census_day).where(day.day <= the_day).values(closed=1))
        self.delete_tallies = compiled(delete(census_tally))
        first: BindParameter[int] = bindparam("first")
        last: BindParameter[int] = bindparam("last")
        self.delete_old = [
            compiled(delete(census_count).where(or_(count.day < first, count.day > last))),
            compiled(delete(census_day).where(or_(day.day < first, day.day > last))),
        ]
        self.delete_day = [
            compiled(delete(census_count).where(count.day == the_day)),
            compiled(delete(census_day).where(day.day == the_day)),
        ]
