"""Bonus points: the seeding of each row that gave points, and the points of each account."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, where

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; what was seeded before gives no points."""
    op.add_column("traffic", sa.Column("rewarded", INTEGER, nullable=False, server_default="0"))
    op.execute("UPDATE traffic SET rewarded = seeded")
    op.create_index("traffic_unrewarded", "traffic", ["account_id", "infohash"], **where("seeded > rewarded"))
    op.add_column("account_balance", sa.Column("points", INTEGER, nullable=False, server_default="0"))
