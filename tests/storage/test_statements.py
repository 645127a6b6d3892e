"""Every statement of every store, compiled: the service compiles one only when it is first run."""

from collections import defaultdict
from contextlib import AsyncExitStack
from functools import cached_property

from peerage.wiring.application import Application
from peerage.wiring.environment import Environment
from peerage.wiring.stores import open_stores
from storage.dialect import make_statements
from storage.sqlite.dialect import SqliteDialect
from tests.support.application import settings_in
from tests.support.databases import open_database
from tests.support.downloads import FakeEngine


class RecordingDialect(SqliteDialect):
    """Keeps what it compiles, and compiles what was compiled before as well."""

    def __init__(self):
        self.made = []

    def statements(self, name, table=""):
        return make_statements(self, name, table)

    def compile(self, expression):
        self.made.append(super().compile(expression))
        return self.made[-1]


async def test_every_statement_of_the_service_fits_its_database(tmp_path):
    databases = []

    async def open_recording(*arguments):
        databases.append(await open_database(*arguments))
        databases[-1].dialect = RecordingDialect()
        return databases[-1]

    async with AsyncExitStack() as stack:
        stores = await open_stores(settings_in(tmp_path), stack, open_recording)
        application = Application(settings_in(tmp_path), stores, stack, Environment(engine=FakeEngine()))
        for group, made in vars(Application).items():
            if isinstance(made, cached_property):
                getattr(application, group)
        for database in databases:
            async with database.transaction() as transaction:
                for statement in database.dialect.made:
                    assert await transaction.rows(f"EXPLAIN {statement}", defaultdict(lambda: None))
    records, swarms = (len(database.dialect.made) for database in databases)
    assert records > 250
    assert swarms > 10
