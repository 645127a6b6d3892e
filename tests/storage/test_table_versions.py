"""Versions of tables: another number after each commit that may have changed them."""

import asyncio

import pytest
from sqlalchemy import bindparam, delete, insert, select, update

from storage.database import ConstraintViolated
from storage.dialect import changes_made
from storage.schema import PEERAGE
from storage.sqlite.dialect import SqliteDialect
from storage.statements.rows import new_row
from storage.table_versions import TableChange, TableVersions, changes_of
from storage.tables.accounts import account
from storage.tables.catalogue import tag
from tests.support.databases import open_database
from tests.support.tasks import begun_for

TAGS = changes_of(["tag"])
_compiled = SqliteDialect().compile
ADD = _compiled(insert(tag).values(**new_row(tag)).returning(tag.c.id))
COUNT = _compiled(select(tag.c.id))
VALUES = {"name": "a", "alias_of": None, "uses": 0}


@pytest.fixture
async def database(tmp_path):
    opened = await open_database(tmp_path / "peerage.db", PEERAGE, "FULL")
    yield opened
    await opened.close()


def test_a_change_counts_for_its_verb_and_table():
    versions = TableVersions()
    before = versions.version(TAGS)
    versions.count([TableChange("update", "account")])
    assert versions.version(TAGS) == before
    versions.count([TableChange("insert", "tag")])
    assert versions.version(TAGS) != before
    assert versions.version(frozenset({TableChange("delete", "tag")})) == before


def test_a_change_that_is_not_known_may_be_any():
    versions = TableVersions()
    before = versions.version(TAGS)
    versions.count([None])
    assert versions.version(TAGS) != before


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        (ADD, (TableChange("insert", "tag"),)),
        (_compiled(update(account).values(seen=bindparam("time"))), (TableChange("update", "account"),)),
        (_compiled(delete(tag)), (TableChange("delete", "tag"),)),
        (COUNT, ()),
        ("SELECT 1", ()),
        ("PRAGMA optimize", ()),
        (" \n INSERT INTO tag VALUES (1)", (None,)),
        ("WITH a AS (SELECT 1) DELETE FROM tag", (None,)),
    ],
)
def test_a_statement_tells_what_it_changes(sql, changes):
    assert changes_made(sql) == changes


async def test_the_version_is_another_when_a_transaction_is_answered(database):
    before = database.version(TAGS)
    async with database.transaction() as transaction:
        await transaction.rows(COUNT)
    assert database.version(TAGS) == before
    async with database.transaction() as transaction:
        await transaction.rows(ADD, VALUES)
        assert database.version(TAGS) == before
    assert database.version(TAGS) != before


async def test_the_version_is_another_when_a_shared_change_is_answered(database):
    before = database.version(TAGS)
    await database.change(lambda transaction: transaction.rows(COUNT))
    assert database.version(TAGS) == before
    added = (
        database.change(lambda transaction, name=name: transaction.rows(ADD, VALUES | {"name": name}))
        for name in "aab"
    )
    outcomes = await asyncio.gather(*added, return_exceptions=True)
    assert [isinstance(each, ConstraintViolated) for each in outcomes] == [False, True, False]
    assert database.version(TAGS) != before
    assert len(await database.rows(COUNT)) == 2


async def _add_twice(database):
    async with database.transaction() as transaction:
        await transaction.rows(ADD, VALUES)
        await transaction.rows(ADD, VALUES)


async def test_a_transaction_that_is_undone_changes_nothing(database):
    before = database.version(TAGS)
    with pytest.raises(ConstraintViolated):
        await _add_twice(database)
    assert database.version(TAGS) == before
    assert await database.rows(COUNT) == []


async def test_a_commit_that_nobody_waits_for_counts_no_earlier_than_it_is_seen(database):
    """Whatever a cancelled writer leaves, a query under the number that holds afterwards sees it."""
    for number in range(30):

        async def write(number=number):
            async with database.transaction() as transaction:
                await transaction.rows(ADD, VALUES | {"name": f"{number}"})

        writing = await begun_for(write(), number)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        version, seen = database.version(TAGS), await database.rows(COUNT)
        async with database.transaction():
            pass  # the writer's thread has done all that was left to it
        if database.version(TAGS) == version:
            assert await database.rows(COUNT) == seen


async def test_a_database_that_started_over_has_another_version(database):
    before = database.version(TAGS)
    await database.start_over(1_800_000_000)
    assert database.version(TAGS) != before
