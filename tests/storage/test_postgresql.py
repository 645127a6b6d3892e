"""What PostgreSQL has to itself: its server goes away and comes back, others write beside it, and it may refuse."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import bindparam, func, insert, select, text

from bittorrent.refusal import Refusal
from storage.database import DatabaseError, QueryTimeout, SchemaTooNew
from storage.postgresql.database import PostgresqlDatabase
from storage.postgresql.dialect import PostgresqlDialect
from storage.postgresql.errors import translate
from storage.postgresql.heard_changes import heard, told
from storage.postgresql.parameters import by_position, read_rows
from storage.postgresql.upgrade import migration_script
from storage.schema import PEERAGE, SWARMS, Schema
from storage.statements.rows import new_row
from storage.table_versions import TableChange, changes_of
from storage.tables.catalogue import tag
from storage.unavailable import StorageUnavailable
from tests.support.postgresql import PASSWORD, PostgresqlServer, shared_server
from tests.support.processes import wait_until
from tests.support.tasks import until

DIALECT = PostgresqlDialect()
ADD = DIALECT.compile(insert(tag).values(**new_row(tag)))
NAMES = DIALECT.compile(select(tag.c.name).order_by(tag.c.name))


def named(name):
    return {"name": name, "alias_of": None, "uses": 0}


async def add(database, name):
    async with database.transaction() as transaction:
        await transaction.run(ADD, named(name))


@pytest.fixture
async def url():
    return await shared_server().migrated(PEERAGE)


@pytest.fixture
async def two(url):
    """The database as two nodes have it open."""
    first, second = [await PostgresqlDatabase.open(url, PEERAGE, 2) for _ in range(2)]
    yield first, second
    await first.close()
    await second.close()


@pytest.fixture
def server():
    """A server that a test may end."""
    server = PostgresqlServer().start()
    yield server
    server.remove()


def test_a_parameter_has_one_number_and_the_type_that_it_has_anywhere():
    sql = "SELECT :a < 1, CAST(:a AS bigint), ':a', x::text, :b FROM t WHERE c = ANY (CAST(:c AS text[]))"
    numbered, values = by_position(sql, {"a": 1, "b": 2, "c": ["x"], "d": 4})
    assert numbered == (
        "SELECT CAST($1 AS bigint) < 1, CAST($1 AS bigint), ':a', x::text, $2 FROM t WHERE c = ANY (CAST($3 AS text[]))"
    )
    assert values == [1, 2, ["x"]]


@pytest.mark.parametrize("value", ["", "a\0b", "\0", "\U0010fffe", "\U0010fffe0\0\U0010fffe1", "caf\u00e9"])
def test_texts_come_back_as_they_went_in(value):
    _, (stored, (listed,)) = by_position(":a :b", {"a": value, "b": [value]})
    assert "\0" not in stored
    assert read_rows([(stored, listed, b"\0", None)]) == [(value, value, b"\0", None)]


def test_changes_are_told_and_heard():
    changes = changes_of(["torrent", "work"])
    assert set(heard(told(changes))) == changes
    assert heard(told([None, *changes])) == [None]
    assert heard(told([])) == []
    assert heard("truncate:torrent insert:torrent") == [None, TableChange("insert", "torrent")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.DiskFullError("no room"), "disk-full"),
        (asyncpg.TooManyConnectionsError("many"), "busy"),
        (asyncpg.CannotConnectNowError("starting"), "busy"),
        (asyncpg.SerializationError("again"), "busy"),
        (asyncpg.DeadlockDetectedError("again"), "busy"),
        (asyncpg.LockNotAvailableError("waited"), "busy"),
        (asyncpg.ReadOnlySQLTransactionError("a standby"), "busy"),
        (asyncpg.ConnectionDoesNotExistError("gone"), "busy"),
        (asyncpg.InterfaceError("connection is closed"), "busy"),
        (ConnectionRefusedError("nobody"), "busy"),
        (TimeoutError(), "busy"),
    ],
)
def test_what_may_succeed_later_is_refused_as_busy_or_full(error, code):
    found = translate("postgresql://host/name", error)
    assert isinstance(found, StorageUnavailable)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_every_revision_is_written_out_as_text():
    script = migration_script(PEERAGE, None)
    assert "CREATE TABLE torrent (" in script
    assert script.count('COLLATE "C"') > 50
    assert "ON torrent (id) WHERE hidden = 1;" in script
    assert "search_text" not in script
    assert migration_script(PEERAGE, PEERAGE.head).count("CREATE") == 1
    assert "census_tally" in migration_script(SWARMS, "0001")


def test_integers_and_sums_are_of_64_bits_and_backslashes_stay():
    statement = select(func.sum(tag.c.uses)).where(
        tag.c.name.like(bindparam("p"), escape="\\"), text("1 < :n")
    )
    assert " ".join(str(DIALECT.compile(statement)).split()) == (
        "SELECT CAST(sum(tag.uses) AS bigint) AS sum_1 FROM tag "
        "WHERE tag.name LIKE CAST(:p AS text) ESCAPE '\\' AND 1 < :n"
    )


@pytest.mark.clients
async def test_nodes_that_open_an_empty_database_at_once_make_one_schema():
    server = shared_server()
    url = server.url(await server.create())
    opened = await asyncio.gather(*(PostgresqlDatabase.open(url, PEERAGE, 1) for _ in range(4)))
    for database in opened:
        assert len(await database.rows("SELECT name FROM category")) == 9
        await database.close()


@pytest.mark.clients
async def test_a_database_of_a_later_program_is_left_as_it_is(url):
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999") as caught:
        await PostgresqlDatabase.open(url, PEERAGE, 1)
    assert PASSWORD not in str(caught.value)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    await connection.close()


@pytest.mark.clients
async def test_an_older_database_is_migrated():
    server = shared_server()
    url = server.url(await server.create())
    older = Schema(PEERAGE.revisions, "0012")
    await (await PostgresqlDatabase.open(url, older, 1)).close()
    database = await PostgresqlDatabase.open(url, PEERAGE, 1)
    assert await database.rows("SELECT count(*) FROM search_document") == [(0,)]
    await database.close()


@pytest.mark.clients
async def test_a_wrong_password_or_name_is_told_without_a_secret():
    server = shared_server()
    for wrong in (server.url("nowhere"), server.url("postgres").replace(PASSWORD, "another-secret")):
        with pytest.raises(DatabaseError) as caught:
            await PostgresqlDatabase.open(wrong, PEERAGE, 1)
        assert PASSWORD not in str(caught.value)
        assert "another-secret" not in str(caught.value)


@pytest.mark.clients
async def test_transactions_of_two_nodes_take_turns(two):
    read = DIALECT.compile(select(tag.c.uses).where(tag.c.name == "a"))
    write = DIALECT.compile(tag.update().where(tag.c.name == "a").values(uses=bindparam("new_uses")))
    await add(two[0], "a")

    async def add_one(database, *, shared):
        async def body(transaction):
            ((uses,),) = await transaction.rows(read)
            await transaction.run(write, {"new_uses": uses + 1})

        if shared:
            await database.change(body)
        else:
            async with database.transaction() as transaction:
                await body(transaction)

    await asyncio.gather(*(add_one(two[n % 2], shared=bool(n % 3)) for n in range(60)))
    assert await two[0].rows(read) == [(60,)]


@pytest.mark.clients
async def test_a_node_that_waits_too_long_for_another_is_busy(two, url):
    await two[1]._writers.close()
    two[1]._writers = type(two[1]._writers)(two[1]._readers._server, 1, lock_timeout="50ms")
    async with two[0].transaction() as transaction:
        await transaction.run(ADD, named("a"))
        with pytest.raises(StorageUnavailable) as caught:
            await add(two[1], "b")
    assert caught.value.code == "busy"
    await add(two[1], "b")
    assert await two[0].rows(NAMES) == [("a",), ("b",)]


@pytest.mark.clients
async def test_what_one_node_commits_the_other_keeps_no_longer(two):
    watched, others = changes_of(["tag"]), changes_of(["news"])
    before, unchanged = two[1].version(watched), two[1].version(others)
    await add(two[0], "a")
    await until(lambda: two[1].version(watched) != before)
    assert two[1].version(others) == unchanged


@pytest.mark.clients
async def test_a_query_that_takes_too_long_is_cancelled_and_the_connection_is_used_again(two):
    for _ in range(3):
        with pytest.raises(QueryTimeout):
            await two[0].rows("SELECT pg_sleep(60)", seconds=0.05)
    assert await two[0].rows("SELECT 1", seconds=10) == [(1,)]


@pytest.mark.clients
async def test_a_statement_that_is_cancelled_ends_its_transaction_alone(two):
    async def sleep():
        async with two[0].transaction() as transaction:
            await transaction.run(ADD, named("gone"))
            await transaction.rows("SELECT pg_sleep(60)")

    task = asyncio.create_task(sleep())
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'"

    async def is_running():
        return await two[1].rows(running) == [(1,)]

    await until(is_running)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await add(two[0], "kept")
    assert await two[1].rows(NAMES) == [("kept",)]


@pytest.mark.clients
async def test_a_server_that_was_away_is_used_again(server):
    database = await PostgresqlDatabase.open(await server.migrated(PEERAGE), PEERAGE, 2)
    await add(database, "before")
    version = database.version(changes_of(["tag"]))
    server.kill()
    for _ in range(2):
        for asked in (
            add(database, "lost"),
            database.rows(NAMES),
            database.change(lambda t: t.run(ADD, named("x"))),
        ):
            with pytest.raises(StorageUnavailable):
                await asked
    assert not await database.healthy()
    # What was read is kept no longer, since nothing is heard of others.
    assert len({database.version(changes_of(["news"])) for _ in range(5)}) == 5
    await asyncio.to_thread(server.start)
    assert await database.rows(NAMES) == [("before",)]
    await add(database, "after")
    assert await database.change(lambda transaction: transaction.rows(NAMES)) == [("after",), ("before",)]
    assert await database.healthy()
    assert database.version(changes_of(["tag"])) != version
    await until(lambda: database._heard.listening)
    await database.close()


@pytest.mark.clients
async def test_a_server_that_starts_again_between_is_not_noticed(server):
    database = await PostgresqlDatabase.open(await server.migrated(PEERAGE), PEERAGE, 2)
    await add(database, "before")
    assert await database.rows(NAMES) == [("before",)]
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await add(database, "after")
    assert await database.rows(NAMES) == [("after",), ("before",)]
    await database.close()


@pytest.mark.clients
def test_the_server_is_run_by_an_ordinary_user_and_ends():
    server = PostgresqlServer().start()
    owner = server._process.pid
    assert "Uid:\t0" not in Path(f"/proc/{owner}/status").read_text()
    server.remove()
    wait_until(lambda: server._process.poll() is not None, "the server ends")
    assert not server._folder.exists()
