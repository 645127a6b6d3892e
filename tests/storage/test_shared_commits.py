import asyncio

import pytest

from storage.change_outcome import LONGEST
from storage.database import ConstraintViolated, DatabaseError
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.shared_commits import SharedCommits
from storage.unavailable import StorageUnavailable
from tasks.fair_turns import FairSlots
from tests.storage.revisions import write_revisions
from tests.support.clock import Clock

TABLES = (
    "CREATE TABLE thing (name TEXT PRIMARY KEY)",
    "CREATE TABLE part (thing TEXT NOT NULL REFERENCES thing (name))",
)


@pytest.fixture
async def database(tmp_path):
    opened = await SqliteDatabase.open(tmp_path / "a.db", write_revisions(tmp_path / "made", TABLES), "FULL")
    yield opened
    await opened.close()


async def names(database):
    return [name for (name,) in await database.rows("SELECT name FROM thing ORDER BY name")]


def adding(*found):
    async def add(transaction):
        for name in found:
            await transaction.run("INSERT INTO thing VALUES (:name)", {"name": name})

    return add


async def filled(database, room):
    """Let the file grow by so many pages and no more."""
    async with database.transaction() as transaction:
        ((pages,),) = await transaction.rows("PRAGMA page_count")
    await database.on_writer(lambda writer: writer.execute(f"PRAGMA max_page_count = {pages + room}"))


async def test_changes_under_way_together_are_few_commits(database):
    statements = []
    await database.on_writer(lambda writer: writer.set_trace_callback(statements.append))
    await asyncio.gather(*(database.change(adding(f"{number:03}")) for number in range(200)))
    await database.on_writer(lambda writer: writer.set_trace_callback(None))
    assert len(await names(database)) == 200
    assert 1 <= statements.count("COMMIT") <= 3


async def test_what_a_long_transaction_leaves_is_made_in_the_next(database):
    commits = SharedCommits(database, FairSlots(1).slot, Clock(step=2 * LONGEST))
    statements = []
    await database.on_writer(lambda writer: writer.set_trace_callback(statements.append))
    await asyncio.gather(*(commits.run(adding(name)) for name in "abcde"))
    await database.on_writer(lambda writer: writer.set_trace_callback(None))
    assert await names(database) == list("abcde")
    assert statements.count("COMMIT") == 5


async def test_what_was_undone_with_another_is_made_again_before_it_is_told(database):
    timer = Clock()
    commits = SharedCommits(database, FairSlots(1).slot, timer)

    async def fail(transaction):
        await transaction.run("INSERT INTO thing VALUES ('half')")
        timer.step = 2 * LONGEST  # the second time there is time for one change alone
        raise KeyError

    changes = (adding("a"), adding("b"), adding("c"), fail, adding("d"))
    running = [asyncio.create_task(commits.run(each)) for each in changes]
    await asyncio.wait(running[1:3], return_when=asyncio.FIRST_COMPLETED)
    done = [name for name, task in zip("abc", running, strict=False) if task.done()]
    assert set(done) <= set(await names(database))
    found = await asyncio.gather(*running, return_exceptions=True)
    assert [type(each) for each in found] == [type(None)] * 3 + [KeyError, type(None)]
    assert await names(database) == list("abcd")


async def test_a_full_disk_fails_who_met_it_or_all_and_leaves_nothing_half_done(database):
    await filled(database, 4)
    changes = [adding(f"{number} {'x' * 900}", f"{number} again {'x' * 900}") for number in range(12)]
    found = await asyncio.gather(*map(database.change, changes), return_exceptions=True)
    failed = [each for each in found if each is not None]
    assert failed
    assert {(type(each), each.code) for each in failed} == {(StorageUnavailable, "disk-full")}
    there = {name.rstrip("x").strip() for name in await names(database)}
    for number, outcome in enumerate(found):
        assert {f"{number}", f"{number} again"} & there == (
            set() if outcome is not None else {f"{number}", f"{number} again"}
        )
    await filled(database, 1000)
    await database.change(adding("fits"))
    assert "fits" in await names(database)


@pytest.mark.parametrize("swallows", [False, True])
async def test_when_sqlite_undoes_the_transaction_all_fail_and_nothing_is_made(database, swallows):
    async def undone(transaction):
        await transaction.run("INSERT INTO thing VALUES ('half')")
        try:
            await transaction.run("INSERT OR ROLLBACK INTO thing VALUES ('half')")
        except DatabaseError:
            if not swallows:
                raise
            # Outside of a transaction this would be committed at once.
            with pytest.raises(DatabaseError, match="undone"):
                await transaction.run("INSERT INTO thing VALUES ('outside')")

    changes = (adding("before"), undone, adding("after"))
    found = await asyncio.gather(*map(database.change, changes), return_exceptions=True)
    assert all(isinstance(each, DatabaseError) for each in found)
    assert await names(database) == []
    await database.change(adding("later"))
    assert await names(database) == ["later"]


async def test_a_commit_that_fails_is_told_to_all(database):
    async def dangling(transaction):
        await transaction.rows("PRAGMA defer_foreign_keys = ON")
        await transaction.run("INSERT INTO part VALUES ('nothing')")

    found = await asyncio.gather(
        database.change(adding("a")), database.change(dangling), return_exceptions=True
    )
    assert [type(each) for each in found] == [ConstraintViolated] * 2
    assert await names(database) == []
    await database.change(adding("b"))
    assert await names(database) == ["b"]


async def test_a_change_waits_for_a_transaction_that_is_under_way(database):
    async with database.transaction() as transaction:
        changing = asyncio.create_task(database.change(adding("second")))
        await transaction.run("INSERT INTO thing VALUES ('first')")
        assert not changing.done()
    await changing
    assert await names(database) == ["first", "second"]


async def test_a_change_that_comes_while_the_database_closes_is_refused_or_made(database):
    closing = asyncio.create_task(database.close())
    found = await asyncio.gather(database.change(adding("a")), return_exceptions=True)
    await closing
    assert found == [None] or isinstance(found[0], DatabaseError)
    with pytest.raises(DatabaseError, match="closed"):
        await database.change(adding("b"))
