"""Writes the Alembic revisions of a test schema."""

from pathlib import Path

from storage.schema import Schema

REVISION = '''"""A revision of a test."""

from alembic import op

revision = "{number:04}"
down_revision = {before!r}


def upgrade() -> None:
    for statement in {statements!r}:
        op.execute(statement)
'''


def write_revisions(folder: Path, *steps: tuple[str, ...]) -> Schema:
    """Write a schema whose revisions each run some statements."""
    folder.mkdir()
    for number, statements in enumerate(steps, start=1):
        before = f"{number - 1:04}" if number > 1 else None
        text = REVISION.format(number=number, before=before, statements=statements)
        (folder / f"{number:04}.py").write_text(text)
    return Schema(folder, f"{len(steps):04}")
