import asyncio
import sqlite3

import pytest

from storage.database import DatabaseError
from storage.schema import SWARMS
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.short_reads import LONGEST, SHORT, ShortReads, connect
from tests.support.clock import Clock
from tests.support.tasks import turn

COUNT = "SELECT count(*) FROM numbers"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE numbers (i INTEGER)")
    writer.execute("INSERT INTO numbers VALUES (1), (2)")
    yield path
    writer.close()


@pytest.fixture
def open_reads(path):
    opened = []

    def open_one(clock):
        opened.append(ShortReads(lambda: connect(path, ()), clock, clock))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


async def test_what_is_short_is_answered_with_what_is_committed(open_reads, path):
    reads = open_reads(Clock(100.0))
    assert await reads.rows(COUNT, ()) == [(2,)]
    with sqlite3.connect(path) as writer:
        writer.execute("INSERT INTO numbers VALUES (3)")
    writer.close()
    assert await reads.rows(COUNT, ()) == [(3,)]
    assert await reads.rows("SELECT i FROM numbers WHERE i > :least", {"least": 1}) == [(2,), (3,)]


async def test_a_query_that_takes_long_is_interrupted_and_for_threads_for_a_while(open_reads):
    clock = Clock(100.0, SHORT / 4)
    reads = open_reads(clock)
    assert await reads.rows(ENDLESS, ()) is None
    clock.step = 0
    ended = clock.now
    assert await reads.rows(ENDLESS, ()) is None
    assert clock.now == ended  # it was not tried
    assert await reads.rows(COUNT, ()) == [(2,)]
    clock.now += 0.11
    clock.step = SHORT / 4
    assert await reads.rows(ENDLESS, ()) is None
    clock.step = 0
    clock.now += 0.11
    clock.step = SHORT / 4
    before = clock.now
    assert await reads.rows(ENDLESS, ()) is None
    assert clock.now - before <= SHORT  # the second pause is twice as long


async def test_a_query_that_waits_for_the_processor_alone_goes_on(open_reads):
    clock = Clock(100.0, SHORT)
    reads = ShortReads(open_reads(clock)._connect, clock, Clock(100.0))
    assert await reads.rows(COUNT, ()) == [(2,)]
    clock.step = 0
    assert await reads.rows(COUNT, ()) == [(2,)]
    clock.step = LONGEST
    assert await reads.rows(ENDLESS, ()) is None
    reads.close()


async def test_a_query_that_was_short_after_all_is_short_again(open_reads):
    clock = Clock(100.0, 2 * SHORT)
    reads = open_reads(clock)
    assert await reads.rows(COUNT, ()) == [(2,)]  # it took long, and is answered nevertheless
    clock.step = 0
    assert await reads.rows(COUNT, ()) is None
    clock.now += 0.11
    assert await reads.rows(COUNT, ()) == [(2,)]
    assert await reads.rows(COUNT, ()) == [(2,)]


async def test_who_reads_in_a_loop_lets_others_go_first(open_reads):
    clock = Clock(100.0)
    reads = open_reads(clock)
    turns = []

    async def others():
        while len(turns) < 3:
            turns.append(clock.now)
            await turn()

    other = asyncio.create_task(others())
    for _ in range(20):
        await reads.rows(COUNT, ())
        clock.now += 0.001
    assert len(turns) == 3
    await other


async def test_what_is_closed_while_a_query_gives_way_stays_closed(path):
    opened, clock = [], Clock(100.0)

    def connect_once():
        opened.append(connect(path, ()))
        return opened[-1]

    reads = ShortReads(connect_once, clock)
    assert await reads.rows(COUNT, ()) == [(2,)]
    clock.now += 1
    asyncio.get_running_loop().call_soon(reads.close)
    assert [await reads.rows(COUNT, ()) for _ in range(2)] == [None, None]
    assert len(opened) == 1


async def test_nothing_is_written_and_mistakes_are_told(open_reads):
    reads = open_reads(Clock(100.0))
    undecodable = "SELECT CAST(x'ff' AS TEXT)"
    for statement in ("INSERT INTO numbers VALUES (4)", "SELECT wrong FROM numbers", undecodable):
        with pytest.raises(sqlite3.OperationalError):
            await reads.rows(statement, ())


async def test_a_locked_file_is_for_a_thread_that_waits(tmp_path):
    writer = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    writer.execute("CREATE TABLE numbers (i INTEGER)")
    reads = ShortReads(lambda: connect(tmp_path / "b.db", ()), Clock(100.0))
    assert await reads.rows(COUNT, ()) == [(0,)]
    writer.execute("BEGIN EXCLUSIVE")
    assert await reads.rows(COUNT, ()) is None
    reads.close()
    writer.close()


async def test_a_database_answers_alike_on_the_loop_and_in_threads(tmp_path):
    database = await SqliteDatabase.open(tmp_path / "s.db", SWARMS, "NORMAL")
    sql = "SELECT name FROM sqlite_schema ORDER BY name"
    short, in_thread = await database.rows(sql), await database.rows(sql, seconds=5)
    assert short == in_thread
    assert [row for row in short if row == ("alembic_version",)] == [("alembic_version",)]
    await database.close()
    with pytest.raises(DatabaseError, match="closed"):
        await database.rows(sql)
