"""Erasures of accounts that are under way."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, TEXT

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "erasure",
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("writings", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
