import asyncio
from contextlib import asynccontextmanager

import pytest

from storage.database import DatabaseError, QueryTimeout
from storage.sqlite.database import SqliteDatabase
from tests.storage.revisions import write_revisions
from tests.support.tasks import begun, begun_for

ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i > :least"
)
SHORT = "SELECT name FROM thing"


@asynccontextmanager
async def opened(folder, readers=2):
    schema = write_revisions(
        folder / "steps", ("CREATE TABLE thing (name TEXT)", "INSERT INTO thing VALUES ('made')")
    )
    database = await SqliteDatabase.open(folder / "a.db", schema, "NORMAL", readers)
    try:
        yield database
    finally:
        await database.close()


async def test_a_query_that_takes_too_long_is_stopped_and_its_reader_serves_again(tmp_path):
    async with opened(tmp_path, readers=1) as database:
        for _ in range(3):
            with pytest.raises(QueryTimeout, match=r"a\.db took more than 0\.05 s"):
                await database.rows(ENDLESS, {"least": 0}, seconds=0.05)
            assert await database.rows(SHORT, seconds=5) == [("made",)]


async def test_a_query_with_a_zero_timeout_is_stopped_before_it_begins(tmp_path):
    async with opened(tmp_path, readers=1) as database:
        for _ in range(20):
            with pytest.raises(QueryTimeout):
                await database.rows(ENDLESS, {"least": 0}, seconds=0)
        assert await database.rows(SHORT) == [("made",)]


async def test_a_cancelled_query_is_stopped(tmp_path):
    async with opened(tmp_path, readers=1) as database:
        for turns in range(30):
            task = await begun_for(database.rows(ENDLESS, {"least": 0}), turns)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await database.rows(SHORT) == [("made",)]


async def test_stopping_one_query_never_stops_another(tmp_path):
    async with opened(tmp_path, readers=2) as database:

        async def slow():
            with pytest.raises(QueryTimeout):
                await database.rows(ENDLESS, {"least": 0}, seconds=0.002)

        async def quick():
            limit = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT count(*) FROM n"
            assert await database.rows(limit) == [(20000,)]

        await asyncio.gather(*(work() for _ in range(60) for work in (slow, quick)))


async def test_waiting_for_a_reader_counts(tmp_path):
    async with opened(tmp_path, readers=1) as database:
        busy = await begun(database.rows(ENDLESS, {"least": 0}))
        with pytest.raises(QueryTimeout):
            await database.rows(SHORT, seconds=0.05)
        assert not busy.done()
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)


async def test_queries_run_side_by_side(tmp_path):
    async with opened(tmp_path, readers=2) as database:
        busy = await begun(database.rows(ENDLESS, {"least": 0}))
        assert await database.rows(SHORT, seconds=5) == [("made",)]
        assert not busy.done()
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)


async def test_a_query_that_fails_gives_its_reader_back(tmp_path):
    async with opened(tmp_path, readers=1) as database:
        for _ in range(3):
            with pytest.raises(DatabaseError, match="no such table"):
                await database.rows("SELECT * FROM absent")
        assert await database.rows(SHORT) == [("made",)]


async def test_waiting_for_a_reader_ends_when_the_database_closes(tmp_path):
    async with opened(tmp_path, readers=1) as database:
        busy = await begun(database.rows(ENDLESS, {"least": 0}))
        waiting = [await begun(database.rows(SHORT)) for _ in range(5)]
        closing = await begun(database.close())
        busy.cancel()
        await closing
        late = [asyncio.create_task(database.rows(SHORT)) for _ in range(5)]
        for outcome in await asyncio.gather(*waiting, *late, return_exceptions=True):
            assert outcome == [("made",)] or isinstance(outcome, DatabaseError)
        with pytest.raises(DatabaseError, match="is closed"):
            await database.rows(SHORT)
