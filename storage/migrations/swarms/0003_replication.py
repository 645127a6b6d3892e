"""How far a node has read the stream of changes."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of the position in the stream."""
    op.create_table(
        "stream_position",
        sa.Column("shard", INTEGER, primary_key=True),
        sa.Column("entry", TEXT, nullable=False),
        sa.Column("sent", INTEGER, nullable=False),
    )
    op.create_table(
        "stream_sender",
        sa.Column("shard", INTEGER, primary_key=True),
        sa.Column("node", INTEGER, primary_key=True),
        sa.Column("run", INTEGER, primary_key=True),
        sa.Column("sequence", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
