"""Downloads: content, and the accounts' jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create both tables."""
    _content()
    _jobs()


def _content() -> None:
    op.create_table(
        "content",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("infohash", sa.LargeBinary, nullable=False),
        sa.Column("v2", sa.LargeBinary),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id")),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("files", sa.LargeBinary, nullable=False),
        sa.Column("torrent", sa.LargeBinary),
        sa.Column("known", sa.Integer, nullable=False),
        sa.Column("private", sa.Integer, nullable=False),
        sa.Column("begun", sa.Integer, nullable=False),
        sa.Column("complete", sa.Integer, nullable=False),
        sa.Column("rested", sa.Integer, nullable=False),
        sa.Column("downloaded", sa.Integer, nullable=False),
        sa.Column("uploaded", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("finished", sa.Integer),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.Index("content_shared", "infohash", unique=True, sqlite_where=sa.text("account_id IS NULL")),
        sa.Index(
            "content_own",
            "infohash",
            "account_id",
            unique=True,
            sqlite_where=sa.text("account_id IS NOT NULL"),
        ),
        sqlite_autoincrement=True,
    )


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("content_id", sa.Integer, sa.ForeignKey("content.id"), nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("magnet", sa.Text, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("allow_zip", sa.Integer, nullable=False),
        sa.Column("queued", sa.Integer, nullable=False),
        sa.Column("paused", sa.Integer, nullable=False),
        sa.Column("cached", sa.Integer, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.UniqueConstraint("account_id", "content_id"),
        sqlite_autoincrement=True,
    )
