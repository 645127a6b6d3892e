"""Databases for the contract suites, one of each engine."""

import pytest
from sqlalchemy import insert

from storage.schema import PEERAGE, SWARMS
from storage.statements.rows import new_row
from storage.tables.accounts import account
from tests.support.backends import BACKENDS, parameters
from tests.support.event_loops import pytest_asyncio_loop_factories  # noqa: F401 - a hook


@pytest.fixture(params=parameters())
def backend(request):
    return BACKENDS[request.param]


@pytest.fixture
async def database(backend, tmp_path):
    """The database of accounts, catalogue and downloads, with accounts 1 to 3: user1, user2, user3."""
    opened = await backend.open(tmp_path, PEERAGE)
    try:
        async with opened.transaction() as transaction:
            added = opened.dialect.compile(insert(account).values(**new_row(account)))
            blank = {"password": None, "role": "user", "enabled": 1, "joined": 1, "seen": None}
            rows = [{"name": f"User{n}", "folded": f"user{n}", **blank} for n in (1, 2, 3)]
            await transaction.run_many(added, rows)
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def swarms(backend, tmp_path):
    """The database of the swarm journal and the census."""
    opened = await backend.open(tmp_path, SWARMS)
    try:
        yield opened
    finally:
        await opened.close()
