"""Migrates a SQLite file: all missing revisions in one transaction."""

import sqlite3

from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from storage.database import DatabaseDamaged
from storage.migrations.upgrade import UnknownRevision, upgrade
from storage.schema import Schema

# Files from before Alembic: `PRAGMA user_version`, and the revision that it stands for.
_BEFORE_ALEMBIC = {0: None, 1: "0001"}

__all__ = ["UnknownRevision", "upgrade_file"]


def upgrade_file(connection: sqlite3.Connection, schema: Schema) -> None:
    """Run every missing revision on a file, over a connection that begins no transactions by itself.

    UnknownRevision: the file is of a later program. sqlite3.DatabaseError: it cannot be read or changed.
    DatabaseDamaged: its revision is not the one that was read. All leave it as it is.
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    # Two processes that open the same old file take turns, and the second has nothing left to do.
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as begun:
            upgrade(begun, schema, _before_alembic)
    except CommandError as error:
        raise DatabaseDamaged(
            f"the revision of {schema.revisions.name} cannot be changed: {error}"
        ) from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError):
            raise error.orig from error
        raise


def _before_alembic(connection: Connection) -> str | None:
    number = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if number not in _BEFORE_ALEMBIC:
        raise UnknownRevision(str(number))
    return _BEFORE_ALEMBIC[number]
