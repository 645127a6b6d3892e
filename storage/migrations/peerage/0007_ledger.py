"""The ledger of a private tracker: traffic by account and torrent, snatches, clients' last totals, batches applied."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "traffic",
        sa.Column("account_id", INTEGER, primary_key=True),
        sa.Column("infohash", BYTES, primary_key=True),
        *(
            sa.Column(name, INTEGER, nullable=False)
            for name in ("uploaded", "downloaded", "seeded", "snatched", "capped", "begun", "seen")
        ),
        *(sa.Column(name, INTEGER, nullable=False) for name in ("counted_from", "run_start", "run_end")),
        sa.CheckConstraint("length(infohash) = 20"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "client_session",
        sa.Column("account_id", INTEGER, primary_key=True),
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("peer_id", BYTES, primary_key=True),
        *(
            sa.Column(name, INTEGER, nullable=False)
            for name in ("uploaded", "downloaded", "seen", "seeding", "completed")
        ),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.CheckConstraint("length(peer_id) = 20"),
        sqlite_with_rowid=False,
    )
    op.create_index("client_session_seen", "client_session", ["seen"])
    op.create_table(
        "snatch",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("account_id", INTEGER, nullable=False),
        sa.Column("infohash", BYTES, nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sqlite_autoincrement=True,
    )
    op.create_index("snatch_account", "snatch", ["account_id", "id"])
    op.create_table(
        "ledger_mark",
        sa.Column("node", INTEGER, primary_key=True),
        sa.Column("epoch", INTEGER, nullable=False),
        sa.Column("sequence", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
