"""The history of torrents and blocks, what is mirrored from other services, and webhooks."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where

revision = "0012"
down_revision = "0011"

_TORRENTS = """
    INSERT INTO history (node, subject, infohash, number, first, gone, seen, time)
    SELECT 0, 'torrent', infohash, id, id, 0, 1 - hidden, updated FROM torrent
"""
_BLOCKS = """
    INSERT INTO history (node, subject, infohash, number, first, gone, seen, time)
    SELECT 0, 'block', infohash, number, number, 0, 0, since FROM (
        SELECT infohash, since,
               row_number() OVER (ORDER BY infohash)
               + (SELECT coalesce(max(number), 0) FROM history) AS number
        FROM entry WHERE verdict = 'deny' AND length(infohash) = 20
    ) AS blocked
"""


def upgrade() -> None:
    """Add the tables; every torrent and every block that is there is an entry."""
    op.create_table(
        "history",
        sa.Column("node", INTEGER, primary_key=True),
        sa.Column("subject", TEXT, primary_key=True),
        sa.Column("infohash", BYTES, primary_key=True),
        *(sa.Column(name, INTEGER, nullable=False) for name in ("number", "first", "gone", "seen", "time")),
        sa.CheckConstraint("length(infohash) = 20"),
        sqlite_with_rowid=False,
    )
    op.create_index("history_number", "history", ["node", "number"], unique=True)
    op.create_index("history_gone", "history", ["time"], **where("gone = 1"))
    op.create_table(
        "history_thinned",
        sa.Column("node", INTEGER, primary_key=True),
        sa.Column("number", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
    _add_mirrors()
    _add_webhooks()
    op.execute(_TORRENTS)
    op.execute(_BLOCKS)


def _add_mirrors() -> None:
    op.create_table(
        "mirror",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("url", TEXT, nullable=False, unique=True),
        sa.Column("cursor", TEXT, nullable=False),
        *(sa.Column(name, INTEGER, nullable=False) for name in ("round", "whole", "position", "newest")),
        sa.Column("asked", INTEGER),
        sa.Column("problem", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mirrored",
        sa.Column("mirror_id", INTEGER, sa.ForeignKey("mirror.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("round", INTEGER, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sqlite_with_rowid=False,
    )


def _add_webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("events", TEXT, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("webhook_id", INTEGER, sa.ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("due", INTEGER, nullable=False),
        sa.Column("answer", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("webhook_delivery_due", "webhook_delivery", ["webhook_id", "state", "due"])
