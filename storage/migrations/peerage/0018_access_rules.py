"""Rules on clients and addresses, and which list's file holds an entry."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, TEXT

revision = "0018"
down_revision = "0016"


def upgrade() -> None:
    """Add the table, and the column of entries."""
    op.create_table(
        "access_rule",
        sa.Column("id", INTEGER, primary_key=True),
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("subject", "pattern", "source", "verdict", "reason", "author")
        ),
        sa.Column("since", INTEGER, nullable=False),
        sa.CheckConstraint("subject IN ('client', 'address')"),
        sa.CheckConstraint("verdict IN ('allow', 'deny')"),
        sa.UniqueConstraint("subject", "pattern", "source"),
    )
    op.add_column("entry", sa.Column("source", TEXT, nullable=False, server_default=""))
