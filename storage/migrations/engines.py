"""What a revision does on one engine alone."""

from alembic import op


def on_sqlite() -> bool:
    """Return whether the revision runs on SQLite."""
    return _runs_on("sqlite")


def on_postgresql() -> bool:
    """Return whether the revision runs on PostgreSQL."""
    return _runs_on("postgresql")


def _runs_on(engine: str) -> bool:
    # The context knows its dialect where there is no connection, too: PostgreSQL's statements are written out first.
    return op.get_context().dialect.name == engine


def set_user_version(number: int) -> None:
    """Set the number by which program version 0.1.0 recognizes a SQLite file."""
    if on_sqlite():
        op.execute(f"PRAGMA user_version = {number:d}")
