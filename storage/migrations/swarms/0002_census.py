"""The census: tallies of the open day, counts of closed days."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of the census."""
    op.create_table(
        "census_day",
        sa.Column("day", INTEGER, primary_key=True),
        sa.Column("looked", INTEGER, nullable=False),
        sa.Column("closed", INTEGER, nullable=False),
    )
    op.create_table(
        "census_tally",
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("country", TEXT, primary_key=True),
        sa.Column("payload", BYTES, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "census_count",
        sa.Column("infohash", BYTES, primary_key=True),
        sa.Column("day", INTEGER, primary_key=True),
        sa.Column("country", TEXT, primary_key=True),
        sa.Column("peers", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("census_count_day", "census_count", ["day"])
