"""The tables of version 0.1.0: cache records and infohash lists."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.migrations.engines import on_sqlite, set_user_version

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of version 0.1.0."""
    _cache()
    _lists()
    set_user_version(1)


def _cache() -> None:
    op.create_table(
        "torrent",
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("v1", BYTES),
        sa.Column("v2", BYTES),
        sa.Column("alias", BYTES),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("size", INTEGER, nullable=False),
        sa.Column("stored", INTEGER, nullable=False),
        sa.Column("digest", BYTES, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.CheckConstraint("length(v1) = 20"),
        sa.CheckConstraint("length(v2) = 32"),
        sa.CheckConstraint("length(alias) = 20"),
        sa.CheckConstraint("length(digest) = 20"),
        sqlite_with_rowid=False,
    )
    op.create_index("torrent_alias", "torrent", ["alias"], **where("alias IS NOT NULL"))


def _lists() -> None:
    op.create_table(
        "entry",
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("verdict", TEXT, primary_key=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("author", TEXT, nullable=False),
        sa.Column("since", INTEGER, nullable=False),
        sa.CheckConstraint("length(infohash) IN (20, 32)"),
        sa.CheckConstraint("verdict IN ('allow', 'deny')"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spelling",
        sa.Column("hash", BYTES, primary_key=True),
        sa.Column("verdict", TEXT, primary_key=True),
        sa.Column("infohash", BYTES, primary_key=True),
        sa.CheckConstraint("length(hash) IN (20, 32)"),
        sa.ForeignKeyConstraint(
            ["infohash", "verdict"], ["entry.infohash", "entry.verdict"], ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("spelling_entry", "spelling", ["infohash", "verdict"])
    if on_sqlite():
        _view()


def _view() -> None:
    # Read by version 0.1.0; the next revision drops it.
    op.execute(
        "CREATE VIEW named_entry (infohash, verdict, reason, author, since, names) AS "
        "SELECT infohash, verdict, reason, author, since, "
        "(SELECT group_concat(hex(hash), ' ') FROM spelling "
        "WHERE spelling.infohash = entry.infohash AND spelling.verdict = entry.verdict) FROM entry"
    )
