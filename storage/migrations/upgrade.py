"""Runs Alembic on a SQLite file: all missing revisions in one transaction."""

import sqlite3

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from storage.schema import Schema

# Files from before Alembic: `PRAGMA user_version`, and the revision that it stands for.
_BEFORE_ALEMBIC = {0: None, 1: "0001"}


class UnknownRevision(Exception):
    """A file has a revision that is not known."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


def upgrade_database(connection: sqlite3.Connection, schema: Schema) -> None:
    """Run every missing revision on a file, over a connection that begins no transactions by itself.

    UnknownRevision: the file is of a later program. sqlite3.DatabaseError: it cannot be read or changed. Both
    leave it as it is.
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    # Two processes that open the same old file take turns, and the second has nothing left to do.
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    scripts = ScriptDirectory(str(schema.revisions.parent), version_locations=[str(schema.revisions)])
    try:
        with engine.begin() as begun:
            _run_missing(begun, scripts, schema.head)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError):
            raise error.orig from error
        raise


def _run_missing(begun: Connection, scripts: ScriptDirectory, head: str) -> None:
    context = MigrationContext.configure(begun)
    missing = reversed(list(scripts.iterate_revisions(head, _current_revision(context, begun, scripts))))
    with Operations.context(context):
        for script in missing:
            script.module.upgrade()
            context.stamp(scripts, script.revision)


def _current_revision(context: MigrationContext, begun: Connection, scripts: ScriptDirectory) -> str | None:
    """Return the revision of the file, None for a new one; a file from before Alembic is stamped."""
    version = context.get_current_revision()
    if version is None:
        number = int(begun.exec_driver_sql("PRAGMA user_version").scalar_one())
        if number not in _BEFORE_ALEMBIC:
            raise UnknownRevision(str(number))
        if (version := _BEFORE_ALEMBIC[number]) is not None:
            context.stamp(scripts, version)
    elif version not in {script.revision for script in scripts.walk_revisions()}:
        raise UnknownRevision(version)
    return version
