"""Content by its key (`account_id` for private torrents alone), and the accounts' jobs.

A job's `queued` is its position in the queue, 0 for none.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

content = Table(
    "content",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("infohash", BYTES, nullable=False),
    Column("v2", BYTES),
    Column("account_id", INTEGER, ForeignKey("account.id")),
    Column("name", TEXT, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("files", BYTES, nullable=False),
    Column("torrent", BYTES),
    Column("known", INTEGER, nullable=False),
    Column("private", INTEGER, nullable=False),
    Column("begun", INTEGER, nullable=False),
    Column("complete", INTEGER, nullable=False),
    Column("rested", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("uploaded", INTEGER, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("finished", INTEGER),
    CheckConstraint("length(infohash) = 20"),
    Index("content_shared", "infohash", unique=True, **where("account_id IS NULL")),
    Index("content_own", "infohash", "account_id", unique=True, **where("account_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
job = Table(
    "job",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER, ForeignKey("account.id"), nullable=False),
    Column("content_id", INTEGER, ForeignKey("content.id"), nullable=False, index=True),
    Column("name", TEXT, nullable=False),
    Column("magnet", TEXT, nullable=False),
    Column("seed", INTEGER, nullable=False),
    Column("allow_zip", INTEGER, nullable=False),
    Column("queued", INTEGER, nullable=False),
    Column("paused", INTEGER, nullable=False),
    Column("cached", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    Column("updated", INTEGER, nullable=False),
    Column("category", TEXT, nullable=False, server_default=""),
    Column("tags", TEXT, nullable=False, server_default=""),
    Column("ratio", INTEGER),
    Column("seed_time", INTEGER),
    UniqueConstraint("account_id", "content_id"),
    sqlite_autoincrement=True,
)
job_label = Table(  # the categories and tags that an account keeps for its jobs
    "job_label",
    PEERAGE,
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    sqlite_with_rowid=False,
)
