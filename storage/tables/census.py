"""The census: the open day's tallies of hashed addresses, and the counts of closed days."""

from sqlalchemy import Column, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT
from storage.tables.databases import SWARMS

census_day = Table(
    "census_day",
    SWARMS,
    Column("day", INTEGER, primary_key=True),  # days since 1970
    Column("looked", INTEGER, nullable=False),
    Column("closed", INTEGER, nullable=False),
)
census_tally = Table(
    "census_tally",
    SWARMS,
    Column("infohash", BYTES, primary_key=True),
    Column("country", TEXT, primary_key=True),
    Column("payload", BYTES, nullable=False),
    sqlite_with_rowid=False,
)
census_count = Table(
    "census_count",
    SWARMS,
    Column("infohash", BYTES, primary_key=True),
    Column("day", INTEGER, primary_key=True),
    Column("country", TEXT, primary_key=True),
    Column("peers", INTEGER, nullable=False),
    Index("census_count_day", "day"),
    sqlite_with_rowid=False,
)
