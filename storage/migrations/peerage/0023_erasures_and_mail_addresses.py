"""Erasures of accounts that are under way, and mail addresses."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "mail_address",
        _account(),
        *(sa.Column(name, TEXT, nullable=False) for name in ("address", "folded", "waiting")),
        sa.Column("digest", BYTES, unique=True),
        sa.Column("expires", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_address_folded", "mail_address", ["folded"])
    op.create_table(
        "erasure", _account(), sa.Column("writings", TEXT, nullable=False), sqlite_with_rowid=False
    )


def _account() -> "sa.Column[int]":
    owner = sa.ForeignKey("account.id", ondelete="CASCADE")
    return sa.Column("account_id", INTEGER, owner, primary_key=True)
