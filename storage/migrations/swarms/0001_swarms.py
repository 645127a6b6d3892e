"""The swarm journal of version 0.1.0."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table of the journal."""
    op.create_table(
        "swarm",
        sa.Column("infohash", sa.LargeBinary, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    # Version 0.1.0 still reads and writes this file.
    op.execute("PRAGMA user_version = 1")
