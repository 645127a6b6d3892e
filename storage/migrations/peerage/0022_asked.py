"""The day on which each stored torrent was last asked for, and the moderators' log by what its entries are about."""

import time

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER

revision = "0022"
down_revision = "0021"

_DAY = 86_400


def upgrade() -> None:
    """Add the column and the indexes; of what is stored nobody knows when it was asked for, so it counts from today."""
    op.add_column("record", sa.Column("asked", INTEGER, nullable=False, server_default="0"))
    record = sa.table("record", sa.column("asked", INTEGER))
    op.execute(record.update().values(asked=op.inline_literal(int(time.time()) // _DAY)))
    op.create_index("record_asked", "record", ["asked"])
    op.create_index("deed_about", "deed", ["subject", "target"])
