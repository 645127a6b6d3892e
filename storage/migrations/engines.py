"""What a revision does on one engine alone."""

from alembic import op


def on_sqlite() -> bool:
    """Return whether the revision runs on SQLite."""
    return op.get_bind().dialect.name == "sqlite"


def set_user_version(number: int) -> None:
    """Set the number by which program version 0.1.0 recognizes a SQLite file."""
    if on_sqlite():
        op.execute(f"PRAGMA user_version = {number:d}")
