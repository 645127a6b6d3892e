"""How the service works, in numbers beside the samples of its figures."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, TEXT

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "working_sample",
        sa.Column("step", INTEGER, primary_key=True),
        sa.Column("slot", INTEGER, primary_key=True),
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("number", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
