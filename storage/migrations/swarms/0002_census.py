"""The census: tallies of the open day, counts of closed days."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of the census."""
    op.create_table(
        "census_day",
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("looked", sa.Integer, nullable=False),
        sa.Column("closed", sa.Integer, nullable=False),
    )
    op.create_table(
        "census_tally",
        sa.Column("infohash", sa.LargeBinary, primary_key=True),
        sa.Column("country", sa.Text, primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "census_count",
        sa.Column("infohash", sa.LargeBinary, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("country", sa.Text, primary_key=True),
        sa.Column("peers", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("census_count_day", "census_count", ["day"])
