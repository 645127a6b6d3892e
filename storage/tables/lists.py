"""The entries of the lists, and the hashes that name each."""

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT
from storage.tables.databases import PEERAGE

entry = Table(
    "entry",
    PEERAGE,
    Column("infohash", BYTES, primary_key=True),
    Column("verdict", TEXT, primary_key=True),
    Column("reason", TEXT, nullable=False),
    Column("author", TEXT, nullable=False),
    Column("since", INTEGER, nullable=False),
    CheckConstraint("length(infohash) IN (20, 32)"),
    CheckConstraint("verdict IN ('allow', 'deny')"),
    sqlite_with_rowid=False,
)
spelling = Table(
    "spelling",
    PEERAGE,
    Column("hash", BYTES, primary_key=True),
    Column("verdict", TEXT, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    CheckConstraint("length(hash) IN (20, 32)"),
    ForeignKeyConstraint(["infohash", "verdict"], ["entry.infohash", "entry.verdict"], ondelete="CASCADE"),
    Index("spelling_entry", "infohash", "verdict"),
    sqlite_with_rowid=False,
)
