"""Second factors of accounts, and their recovery codes."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "second_factor",
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sealed", TEXT, nullable=False),
        sa.Column("confirmed", INTEGER),
        sa.Column("step", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recovery_code",
        sa.Column("digest", BYTES, primary_key=True),
        sa.Column(
            "account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sqlite_with_rowid=False,
    )
