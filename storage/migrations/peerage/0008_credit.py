"""Credit: rules of what counts, tokens and balances of accounts, and what is credited beside what was moved."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add tables and columns; all that was moved before is credited whole."""
    op.create_table(
        "credit_rule",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("account_id", INTEGER),
        sa.Column("infohash", BYTES),
        sa.Column("upload", INTEGER),
        sa.Column("download", INTEGER),
        sa.Column("since", INTEGER, nullable=False),
        sa.Column("until", INTEGER),
        sa.Column("author", INTEGER),
        sa.Column("reason", TEXT, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sqlite_autoincrement=True,
    )
    op.create_index("credit_rule_torrent", "credit_rule", ["infohash", "account_id"])
    op.create_index("credit_rule_account", "credit_rule", ["account_id"], **where("account_id IS NOT NULL"))
    op.create_table(
        "account_balance",
        sa.Column("account_id", INTEGER, primary_key=True),
        *(sa.Column(name, INTEGER, nullable=False) for name in ("tokens", "uploaded", "downloaded")),
        sqlite_with_rowid=False,
    )
    for name in ("credited_up", "credited_down"):
        op.add_column("traffic", sa.Column(name, INTEGER, nullable=False, server_default="0"))
    op.execute("UPDATE traffic SET credited_up = uploaded, credited_down = downloaded")
