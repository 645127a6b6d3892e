"""The history: a row for each torrent that is or was there, and for each block, under the last number of its node."""

from sqlalchemy import CheckConstraint, Column, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

history = Table(
    "history",
    PEERAGE,
    Column("node", INTEGER, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("number", INTEGER, nullable=False),
    Column("first", INTEGER, nullable=False),
    Column("gone", INTEGER, nullable=False),
    Column("seen", INTEGER, nullable=False),
    Column("time", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    Index("history_number", "node", "number", unique=True),
    Index("history_gone", "time", **where("gone = 1")),
    sqlite_with_rowid=False,
)
history_thinned = Table(
    "history_thinned",
    PEERAGE,
    Column("node", INTEGER, primary_key=True),
    Column("number", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
