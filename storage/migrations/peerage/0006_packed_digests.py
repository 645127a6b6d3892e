"""The digest of each stored file; None of those that an older version stored."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column."""
    op.add_column("record", sa.Column("packed", BYTES))
