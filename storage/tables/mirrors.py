"""What is mirrored here: up to where each other service was read, and what was taken from it.

`round` grows when everything is taken anew; what an ended round did not see is no longer there.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table

from storage.column_types import BYTES, INTEGER, TEXT
from storage.tables.databases import PEERAGE

mirror = Table(
    "mirror",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("url", TEXT, nullable=False, unique=True),
    Column("cursor", TEXT, nullable=False),
    Column("round", INTEGER, nullable=False),
    Column("whole", INTEGER, nullable=False),
    Column("position", INTEGER, nullable=False),
    Column("newest", INTEGER, nullable=False),
    Column("asked", INTEGER),
    Column("problem", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
mirrored = Table(
    "mirrored",
    PEERAGE,
    Column("mirror_id", INTEGER, ForeignKey("mirror.id", ondelete="CASCADE"), primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("round", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    sqlite_with_rowid=False,
)
