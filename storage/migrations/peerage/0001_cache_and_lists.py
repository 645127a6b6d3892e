"""The tables of version 0.1.0: cache records and infohash lists."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of version 0.1.0."""
    _cache()
    _lists()
    op.execute("PRAGMA user_version = 1")


def _cache() -> None:
    op.create_table(
        "torrent",
        sa.Column("infohash", sa.LargeBinary, primary_key=True),
        sa.Column("v1", sa.LargeBinary),
        sa.Column("v2", sa.LargeBinary),
        sa.Column("alias", sa.LargeBinary),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("stored", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.CheckConstraint("length(v1) = 20"),
        sa.CheckConstraint("length(v2) = 32"),
        sa.CheckConstraint("length(alias) = 20"),
        sa.CheckConstraint("length(digest) = 20"),
        sqlite_with_rowid=False,
    )
    op.create_index("torrent_alias", "torrent", ["alias"], sqlite_where=sa.text("alias IS NOT NULL"))


def _lists() -> None:
    op.create_table(
        "entry",
        sa.Column("infohash", sa.LargeBinary, primary_key=True),
        sa.Column("verdict", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("since", sa.Integer, nullable=False),
        sa.CheckConstraint("length(infohash) IN (20, 32)"),
        sa.CheckConstraint("verdict IN ('allow', 'deny')"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spelling",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("verdict", sa.Text, primary_key=True),
        sa.Column("infohash", sa.LargeBinary, primary_key=True),
        sa.CheckConstraint("length(hash) IN (20, 32)"),
        sa.ForeignKeyConstraint(
            ["infohash", "verdict"], ["entry.infohash", "entry.verdict"], ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("spelling_entry", "spelling", ["infohash", "verdict"])
    op.execute(
        "CREATE VIEW named_entry (infohash, verdict, reason, author, since, names) AS "
        "SELECT infohash, verdict, reason, author, since, "
        "(SELECT group_concat(hex(hash), ' ') FROM spelling "
        "WHERE spelling.infohash = entry.infohash AND spelling.verdict = entry.verdict) FROM entry"
    )
