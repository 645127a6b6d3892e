"""The cache's records; `asked` is the day, counted from 1970, on which somebody last asked for the file."""

from sqlalchemy import CheckConstraint, Column, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

record = Table(
    "record",
    PEERAGE,
    Column("infohash", BYTES, primary_key=True),
    Column("v1", BYTES),
    Column("v2", BYTES),
    Column("alias", BYTES),
    Column("name", TEXT, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("stored", INTEGER, nullable=False),
    Column("digest", BYTES, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("packed", BYTES),
    Column("asked", INTEGER, nullable=False, server_default="0"),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(v1) = 20"),
    CheckConstraint("length(v2) = 32"),
    CheckConstraint("length(alias) = 20"),
    CheckConstraint("length(digest) = 20"),
    Index("record_alias", "alias", **where("alias IS NOT NULL")),
    Index("record_asked", "asked"),
    sqlite_with_rowid=False,
)
