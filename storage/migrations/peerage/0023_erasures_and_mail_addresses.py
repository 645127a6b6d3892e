"""Erasures of accounts that are under way, mail addresses, and comments that are held for a moderator."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the tables, and the column of comments."""
    op.add_column("comment", sa.Column("held", INTEGER, nullable=False, server_default="0"))
    op.create_index("comment_held", "comment", ["id"], **where("held = 1"))
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
