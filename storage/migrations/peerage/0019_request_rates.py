"""Requests to the tracker a minute, in the samples of the service's figures."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import INTEGER

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the columns; what was sampled before has none."""
    for name in ("http", "udp", "websocket"):
        op.add_column("figure_sample", sa.Column(name, INTEGER, nullable=False, server_default="0"))
