"""From how many addresses each account announces: hashes of the open day, and counts of days that are over."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "seen_address",
        sa.Column("account_id", INTEGER, primary_key=True),
        sa.Column("day", INTEGER, primary_key=True),
        sa.Column("tag", BYTES, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "address_count",
        sa.Column("account_id", INTEGER, primary_key=True),
        sa.Column("day", INTEGER, primary_key=True),
        sa.Column("addresses", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("address_count_day", "address_count", ["day"])
