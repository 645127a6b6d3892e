"""The entries of the lists, the hashes that name each, and the rules on clients and addresses."""

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table, UniqueConstraint

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
    Column("source", TEXT, nullable=False, server_default=""),  # the list whose file holds it
    CheckConstraint("length(infohash) IN (20, 32)"),
    CheckConstraint("verdict IN ('allow', 'deny')"),
    sqlite_with_rowid=False,
)
access_rule = Table(  # who may announce at all, by client and by address
    "access_rule",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("subject", TEXT, nullable=False),
    Column("pattern", TEXT, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("verdict", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("author", TEXT, nullable=False),
    Column("since", INTEGER, nullable=False),
    CheckConstraint("subject IN ('client', 'address')"),
    CheckConstraint("verdict IN ('allow', 'deny')"),
    UniqueConstraint("subject", "pattern", "source"),
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
