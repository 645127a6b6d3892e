"""The swarm journal of version 0.1.0."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER
from storage.migrations.engines import set_user_version

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table of the journal."""
    op.create_table(
        "swarm",
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("part", INTEGER, primary_key=True),
        sa.Column("payload", BYTES, nullable=False),
        sqlite_with_rowid=False,
    )
    # Version 0.1.0 still reads and writes this file.
    set_user_version(1)
