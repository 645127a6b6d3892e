import asyncio
import sqlite3

import aiosqlite
import pytest

from storage.database import DatabaseDamaged, DatabaseError, SchemaTooNew
from storage.schema import SWARMS, Schema
from storage.sqlite.database import SqliteDatabase
from tasks.recent_work import RecentWork, current
from tests.storage.revisions import write_revisions
from tests.support.tasks import begun_for

ONE = ("CREATE TABLE thing (name TEXT PRIMARY KEY)", "INSERT INTO thing VALUES ('made')")
TWO = ("ALTER TABLE thing ADD COLUMN size INTEGER",)
BROKEN = ("CREATE TABLE other (a)", "NO SQL")


@pytest.fixture
def first(tmp_path) -> Schema:
    return write_revisions(tmp_path / "first", ONE)


@pytest.fixture
def second(tmp_path) -> Schema:
    return write_revisions(tmp_path / "second", ONE, TWO)


async def names(database: SqliteDatabase) -> list[str]:
    return [name for (name,) in await database.rows("SELECT name FROM thing ORDER BY name")]


async def test_a_file_is_migrated_step_by_step_and_keeps_its_rows(tmp_path, first, second):
    await (await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")).close()
    database = await SqliteDatabase.open(tmp_path / "a.db", second, "FULL")
    assert await database.rows("SELECT name, size FROM thing") == [("made", None)]
    assert await database.rows("SELECT version_num FROM alembic_version") == [("0002",)]
    await database.close()


async def test_a_newer_file_is_refused_and_untouched(tmp_path, first, second):
    await (await SqliteDatabase.open(tmp_path / "a.db", second, "FULL")).close()
    with pytest.raises(SchemaTooNew, match="version 0002"):
        await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")
    await (await SqliteDatabase.open(tmp_path / "a.db", second, "FULL")).close()


@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 50, b"SQLite format 3\0" + b"\xff" * 5000]
)
async def test_a_damaged_file_is_an_error_and_left_unchanged(tmp_path, content, first):
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseDamaged, match=r"a\.db"):
        await SqliteDatabase.open(path, first, "FULL")
    assert path.read_bytes() == content


async def test_a_folder_in_place_of_the_file_is_a_clear_error(tmp_path, first):
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await SqliteDatabase.open(tmp_path, first, "FULL")


async def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path, first):
    await (await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")).close()
    before = (tmp_path / "a.db").read_bytes()
    broken = write_revisions(tmp_path / "broken", ONE, TWO, BROKEN)
    with pytest.raises(DatabaseError):
        await SqliteDatabase.open(tmp_path / "a.db", broken, "FULL")
    assert (tmp_path / "a.db").read_bytes() == before
    database = await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")
    assert await database.rows("SELECT * FROM thing") == [("made",)]
    await database.close()


@pytest.mark.parametrize(("level", "number"), [("NORMAL", 1), ("FULL", 2)])
async def test_files_are_opened_with_the_promised_settings(tmp_path, level, number, first):
    database = await SqliteDatabase.open(tmp_path / "a.db", first, level)
    async with database.transaction() as transaction:
        assert await transaction.rows("PRAGMA synchronous") == [(number,)]
        assert await transaction.rows("PRAGMA journal_mode") == [("wal",)]
        assert await transaction.rows("PRAGMA foreign_keys") == [(1,)]
        assert await transaction.rows("PRAGMA busy_timeout") == [(5000,)]
    await database.close()


async def test_a_transaction_that_fails_or_is_cancelled_leaves_nothing(tmp_path, first):
    database = await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")

    async def failing():
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO thing VALUES ('failed')")
            raise KeyError

    with pytest.raises(KeyError):
        await failing()
    inserted = asyncio.Event()

    async def cancelled():
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO thing VALUES ('cancelled')")
            inserted.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(cancelled())
    await inserted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as transaction:
        await transaction.run("INSERT INTO thing VALUES ('kept')")
    assert await names(database) == ["kept", "made"]
    await database.close()


async def test_cancelling_at_any_moment_never_blocks_the_writer(tmp_path, first):
    database = await SqliteDatabase.open(tmp_path / "a.db", first, "NORMAL")

    async def insert(name):
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO thing VALUES (?)", (name,))
            await transaction.run("INSERT INTO thing VALUES (?)", (f"{name} again",))

    for turns in range(40):
        task = await begun_for(insert(f"cancelled {turns}"), turns)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await insert("last")
    found = await names(database)
    assert "last again" in found
    assert len([name for name in found if not name.endswith("again")]) == len(found) // 2 + 1
    await database.close()


async def test_reads_go_on_beside_an_open_transaction_and_cannot_write(tmp_path, first):
    database = await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")
    async with database.transaction() as transaction:
        await transaction.run("INSERT INTO thing VALUES ('unseen')")
        assert await names(database) == ["made"]
    assert await names(database) == ["made", "unseen"]
    with pytest.raises(DatabaseError, match="readonly"):
        await database.rows("DELETE FROM thing")
    await database.close()


async def test_a_closed_database_does_not_answer_and_closes_again(tmp_path, first):
    database = await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")
    assert await database.healthy()
    await database.close()
    assert not await database.healthy()
    await database.close()


async def test_damage_that_only_a_query_finds_names_the_path(tmp_path, first):
    path = tmp_path / "a.db"

    database = await SqliteDatabase.open(path, first, "FULL")
    async with database.transaction() as transaction:
        await transaction.run_many("INSERT INTO thing VALUES (?)", [(f"{at:0500}",) for at in range(500)])
    await database.close()
    blank_all_but_the_head(path)
    database = await SqliteDatabase.open(path, first, "FULL")
    with pytest.raises(DatabaseDamaged, match=r"a\.db is damaged"):
        await database.rows("SELECT * FROM thing")
    with pytest.raises(DatabaseDamaged, match=r"a\.db is damaged"):
        await insert_one(database)
    await database.close()


async def test_a_database_whose_statistics_cannot_be_written_is_closed_all_the_same(
    tmp_path, first, monkeypatch
):
    database = await SqliteDatabase.open(tmp_path / "a.db", first, "FULL")
    execute = aiosqlite.Connection.execute

    async def fail(connection, sql, *rest):
        if sql == "PRAGMA optimize":
            raise sqlite3.OperationalError("database or disk is full")
        return await execute(connection, sql, *rest)

    monkeypatch.setattr(aiosqlite.Connection, "execute", fail)
    await database.close()
    assert not (tmp_path / "a.db-wal").exists()


async def insert_one(database):
    async with database.transaction() as transaction:
        await transaction.run("INSERT INTO thing VALUES ('one more')")


def blank_all_but_the_head(path):
    """Keep the first pages, which hold schema and version, and spoil the others."""
    data = bytearray(path.read_bytes())
    data[32768:] = b"\xa5" * (len(data) - 32768)
    path.write_bytes(data)


@pytest.mark.parametrize("readers", [1, 2, 4])
async def test_a_database_is_closed_in_the_name_of_a_client_that_cost_much(tmp_path, readers):
    work = RecentWork()
    work.add(60)
    current.set(work)
    database = await SqliteDatabase.open(tmp_path / "a.db", SWARMS, "NORMAL", readers)
    assert await database.rows("SELECT 1") == [(1,)]
    async with asyncio.timeout(20):
        await database.close()
