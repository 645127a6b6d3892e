"""The moderators' log by the name that it has everywhere else."""

from alembic import op

revision = "0026"
down_revision = "0024"


def upgrade() -> None:
    """Rename the table and its index."""
    op.drop_index("deed_about", "deed")
    op.rename_table("deed", "log_entry")
    op.create_index("log_entry_about", "log_entry", ["subject", "target"])
