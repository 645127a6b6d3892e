"""Runs the missing Alembic revisions on a database, whatever its engine."""

from collections.abc import Callable

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from storage.schema import Schema


class UnknownRevision(Exception):
    """A database has a revision that is not known."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


def upgrade(
    connection: Connection, schema: Schema, before_alembic: Callable[[Connection], str | None]
) -> None:
    """Run every missing revision inside the transaction of a connection.

    `before_alembic` returns the revision that a database without Alembic's table stands at, None for an empty
    one. UnknownRevision: the database is of a later program.
    """
    scripts = ScriptDirectory(str(schema.revisions.parent), version_locations=[str(schema.revisions)])
    context = MigrationContext.configure(connection)
    version = context.get_current_revision()
    if version is None:
        if (version := before_alembic(connection)) is not None:
            context.stamp(scripts, version)
    elif version not in {script.revision for script in scripts.walk_revisions()}:
        raise UnknownRevision(version)
    missing = reversed(list(scripts.iterate_revisions(schema.head, version)))
    with Operations.context(context):
        for script in missing:
            script.module.upgrade()
            context.stamp(scripts, script.revision)
