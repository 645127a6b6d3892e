"""WebAuthn credentials of accounts."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "webauthn_credential",
        sa.Column("id", BYTES, primary_key=True),
        sa.Column(
            "account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("data", BYTES, nullable=False),
        sa.Column("count", INTEGER, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.Column("used", INTEGER),
        sqlite_with_rowid=False,
    )
