"""Takedown notices."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, TEXT

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "notice",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("about", INTEGER),
        *(sa.Column(name, TEXT, nullable=False) for name in ("claimant", "contact", "work", "statement")),
        sa.Column("torrents", TEXT, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("decided", INTEGER),
        sa.Column("decider_id", INTEGER, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("answer", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("notice_state", "notice", ["state", "id"])
