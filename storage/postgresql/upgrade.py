"""Migrates a PostgreSQL database: Alembic writes the missing revisions out as SQL, which runs in one transaction.

Alembic itself runs over a synchronous driver, or over a layer that needs a third package. The revisions hold nothing
that a connection has to answer, so that their text is enough, and asyncpg stays the only driver.
"""

from io import StringIO
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from storage.migrations.upgrade import UnknownRevision
from storage.schema import Schema

_VERSION = """
    CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY);
    DELETE FROM alembic_version;
    INSERT INTO alembic_version VALUES ('{head}');
"""

__all__ = ["UnknownRevision", "migration_script"]


@compiles(CreateIndex, "postgresql")
def _create_index(element: CreateIndex, compiler: PGDDLCompiler, **options: Any) -> str:  # noqa: ANN401
    """Write an index over a part of its table as on SQLite: naming another engine's option would load that engine."""
    index = element.element
    index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return str(compiler.visit_create_index(element, **options))  # type: ignore[no-untyped-call]


def migration_script(schema: Schema, version: str | None) -> str:
    """Return the statements that take a database from a revision, None for an empty one, to the newest.

    UnknownRevision: the database is of a later program.
    """
    scripts = ScriptDirectory(str(schema.revisions.parent), version_locations=[str(schema.revisions)])
    if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
        raise UnknownRevision(version)
    written = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written}
    )
    with Operations.context(context):
        for script in reversed(list(scripts.iterate_revisions(schema.head, version))):
            script.module.upgrade()
    written.write(_VERSION.format(head=schema.head))
    return written.getvalue()
