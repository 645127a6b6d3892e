"""SQLAlchemy tables of downloads in `peerage.db`, beside those of `storage.tables`."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables import PEERAGE

# Content by its key (`account_id` for private torrents alone), and the accounts' jobs. A job's `queued` is its
# position in the queue, 0 for none.
content = Table(
    "content",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("infohash", LargeBinary, nullable=False),
    Column("v2", LargeBinary),
    Column("account_id", ForeignKey("account.id")),
    Column("name", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("files", LargeBinary, nullable=False),
    Column("torrent", LargeBinary),
    Column("known", Integer, nullable=False),
    Column("private", Integer, nullable=False),
    Column("begun", Integer, nullable=False),
    Column("complete", Integer, nullable=False),
    Column("rested", Integer, nullable=False),
    Column("downloaded", Integer, nullable=False),
    Column("uploaded", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("finished", Integer),
    CheckConstraint("length(infohash) = 20"),
    Index("content_shared", "infohash", unique=True, sqlite_where=text("account_id IS NULL")),
    Index("content_own", "infohash", "account_id", unique=True, sqlite_where=text("account_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
job = Table(
    "job",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("content_id", ForeignKey("content.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("magnet", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("allow_zip", Integer, nullable=False),
    Column("queued", Integer, nullable=False),
    Column("paused", Integer, nullable=False),
    Column("cached", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    UniqueConstraint("account_id", "content_id"),
    sqlite_autoincrement=True,
)
