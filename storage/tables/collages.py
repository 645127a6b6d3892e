"""Collages of groups, and bookmarks."""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.column_types import INTEGER, TEXT
from storage.tables.databases import PEERAGE

collage = Table(
    "collage",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("description", TEXT, nullable=False),
    Column("kind", INTEGER, nullable=False),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("locked", INTEGER, nullable=False),
    Column("hidden", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)
collected = Table(
    "collected",
    PEERAGE,
    Column("collage_id", INTEGER, ForeignKey("collage.id", ondelete="CASCADE"), primary_key=True),
    Column("work_id", INTEGER, ForeignKey("work.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", INTEGER, nullable=False),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="SET NULL")),
    sqlite_with_rowid=False,
)
bookmark = Table(
    "bookmark",
    PEERAGE,
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("target", INTEGER, primary_key=True),
    Column("added", INTEGER, nullable=False),
    Index("bookmark_target", "kind", "target"),
    sqlite_with_rowid=False,
)
