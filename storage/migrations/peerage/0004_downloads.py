"""Downloads: content, and the accounts' jobs."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create both tables."""
    _content()
    _jobs()


def _content() -> None:
    op.create_table(
        "content",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("infohash", BYTES, nullable=False),
        sa.Column("v2", BYTES),
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id")),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("size", INTEGER, nullable=False),
        sa.Column("files", BYTES, nullable=False),
        sa.Column("torrent", BYTES),
        sa.Column("known", INTEGER, nullable=False),
        sa.Column("private", INTEGER, nullable=False),
        sa.Column("begun", INTEGER, nullable=False),
        sa.Column("complete", INTEGER, nullable=False),
        sa.Column("rested", INTEGER, nullable=False),
        sa.Column("downloaded", INTEGER, nullable=False),
        sa.Column("uploaded", INTEGER, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.Column("finished", INTEGER),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.Index("content_shared", "infohash", unique=True, **where("account_id IS NULL")),
        sa.Index(
            "content_own",
            "infohash",
            "account_id",
            unique=True,
            **where("account_id IS NOT NULL"),
        ),
        sqlite_autoincrement=True,
    )


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("content_id", INTEGER, sa.ForeignKey("content.id"), nullable=False, index=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("magnet", TEXT, nullable=False),
        sa.Column("seed", INTEGER, nullable=False),
        sa.Column("allow_zip", INTEGER, nullable=False),
        sa.Column("queued", INTEGER, nullable=False),
        sa.Column("paused", INTEGER, nullable=False),
        sa.Column("cached", INTEGER, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("updated", INTEGER, nullable=False),
        sa.UniqueConstraint("account_id", "content_id"),
        sqlite_autoincrement=True,
    )
