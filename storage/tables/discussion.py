"""What people write under groups, and the site's news."""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.column_types import INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

comment = Table(
    "comment",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("work_id", INTEGER, ForeignKey("work.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("body", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("edited", INTEGER),
    Column("editor_id", INTEGER, ForeignKey("account.id", ondelete="SET NULL")),
    Column("hidden", INTEGER, nullable=False),
    Column("held", INTEGER, nullable=False, server_default="0"),  # until a moderator has looked at it
    Index("comment_work", "work_id", "id"),
    Index("comment_held", "id", **where("held = 1")),
    sqlite_autoincrement=True,
)
news = Table(
    "news",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("title", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("added", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)
