"""The swarms' rows."""

from sqlalchemy import Column, Table

from storage.column_types import BYTES, INTEGER
from storage.tables.databases import SWARMS

swarm = Table(
    "swarm",
    SWARMS,
    Column("infohash", BYTES, primary_key=True),
    Column("part", INTEGER, primary_key=True),
    Column("payload", BYTES, nullable=False),
    sqlite_with_rowid=False,
)
