"""When and from where sessions were used, and which keys are logins of programs."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; a REST key of the label `login` that expires was made by a login."""
    op.add_column("session", sa.Column("used", INTEGER))
    op.add_column("session", sa.Column("address", BYTES))
    op.add_column("credential", sa.Column("login", INTEGER, nullable=False, server_default="0"))
    op.execute(
        "UPDATE credential SET login = 1 WHERE scope = 'rest' AND label = 'login' AND expires IS NOT NULL"
    )
