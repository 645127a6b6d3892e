"""Figures of the service over time, and seeders and leechers of torrents by day."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "figure_sample",
        sa.Column("step", INTEGER, primary_key=True),
        sa.Column("slot", INTEGER, primary_key=True),
        *(
            sa.Column(name, INTEGER, nullable=False)
            for name in ("time", "torrents", "size", "peers", "seeders", "swarms")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "swarm_day",
        sa.Column("torrent_id", INTEGER, sa.ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("slot", INTEGER, primary_key=True),
        *(sa.Column(name, INTEGER, nullable=False) for name in ("day", "seeders", "leechers")),
        sqlite_with_rowid=False,
    )
