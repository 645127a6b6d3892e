"""Categories, tags and share limits of download jobs, and the categories and tags that an account keeps."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER, TEXT

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("job", sa.Column("category", TEXT, nullable=False, server_default=""))
    op.add_column("job", sa.Column("tags", TEXT, nullable=False, server_default=""))
    op.add_column("job", sa.Column("ratio", INTEGER))
    op.add_column("job", sa.Column("seed_time", INTEGER))
    op.create_table(
        "job_label",
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("name", TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
