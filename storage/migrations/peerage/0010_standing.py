"""How accounts stand: class, ratio watch, invites and who let them in; and the invitations that were sent."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "standing",
        sa.Column("account_id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        *(sa.Column(name, INTEGER, nullable=False) for name in ("watched", "barred", "invites", "reached")),
        sa.Column("inviter", INTEGER),
        sqlite_with_rowid=False,
    )
    op.create_index("standing_inviter", "standing", ["inviter"], **where("inviter IS NOT NULL"))
    op.create_index("standing_barred", "standing", ["account_id"], **where("barred > 0"))
    op.create_table(
        "invitation",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("digest", BYTES, nullable=False, unique=True),
        sa.Column("inviter", INTEGER, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("expires", INTEGER, nullable=False),
        sa.Column("claimed", INTEGER, nullable=False),
        sa.Column("account_id", INTEGER),
        sqlite_autoincrement=True,
    )
    op.create_index("invitation_inviter", "invitation", ["inviter", "id"])
