"""Contract of every database, its transactions and its dialect."""

import asyncio

import pytest
from sqlalchemy import bindparam, delete, func, insert, select, update

from storage.database import ConstraintViolated, DatabaseError
from storage.statements.rows import new_row
from storage.tables.cache import record
from storage.tables.catalogue import tag
from storage.tables.collages import bookmark
from tests.support.tasks import begun, begun_for, turn

HASHES = [bytes([number]) * 20 for number in range(1, 9)]


class Tags:
    """Statements on a table with ids."""

    def __init__(self, dialect):
        self.add = dialect.compile(insert(tag).values(**new_row(tag)).returning(tag.c.id))
        self.ignore = dialect.compile(
            dialect.insert_or_ignore(tag).values(**new_row(tag)).returning(tag.c.id)
        )
        self.rename = dialect.compile(
            update(tag).where(tag.c.id == bindparam("row")).values(name=bindparam("new_name"))
        )
        self.remove = dialect.compile(delete(tag).where(tag.c.name == bindparam("gone")))
        self.names = dialect.compile(select(tag.c.name).order_by(tag.c.name))
        self.count = dialect.compile(select(func.count()).select_from(tag))


def named(name):
    return {"name": name, "alias_of": None, "uses": 0}


@pytest.fixture
def tags(database):
    return Tags(database.dialect)


async def names_in(source, tags):
    return [name for (name,) in await source.rows(tags.names)]


async def test_ids_are_made_by_the_database_and_never_twice(database, tags):
    async with database.transaction() as transaction:
        ((first,),) = await transaction.rows(tags.add, named("a"))
        assert await transaction.run(tags.remove, {"gone": "a"}) == 1
        ((second,),) = await transaction.rows(tags.add, named("a"))
    assert 0 < first < second


async def test_a_transaction_sees_what_it_wrote_and_others_see_it_at_its_end(database, tags):
    async with database.transaction() as transaction:
        await transaction.rows(tags.add, named("a"))
        assert await names_in(transaction, tags) == ["a"]
        assert await names_in(database, tags) == []
    assert await names_in(database, tags) == ["a"]


@pytest.mark.parametrize("error", [KeyError, asyncio.CancelledError])
async def test_any_exception_rolls_a_transaction_back(database, tags, error):
    async def fail():
        async with database.transaction() as transaction:
            await transaction.rows(tags.add, named("a"))
            raise error

    with pytest.raises(error):
        await fail()
    assert await names_in(database, tags) == []


async def test_transactions_at_once_lose_no_update(database, tags):
    read = database.dialect.compile(select(tag.c.uses).where(tag.c.name == bindparam("wanted")))
    write = database.dialect.compile(
        update(tag).where(tag.c.name == bindparam("wanted")).values(uses=bindparam("new_uses"))
    )
    async with database.transaction() as transaction:
        await transaction.rows(tags.add, named("a"))

    async def add_one():
        async with database.transaction() as transaction:
            ((uses,),) = await transaction.rows(read, {"wanted": "a"})
            await transaction.run(write, {"wanted": "a", "new_uses": uses + 1})

    await asyncio.gather(*(add_one() for _ in range(20)))
    assert await database.rows(read, {"wanted": "a"}) == [(20,)]


async def test_changed_rows_are_counted(database, tags):
    async with database.transaction() as transaction:
        for name in "abc":
            await transaction.rows(tags.add, named(name))
        rows = [{"gone": name} for name in "abx"]
        assert await transaction.run_many(tags.remove, rows) == 2
        assert await transaction.run_many(tags.remove, []) == 0
        assert await transaction.run(tags.remove, {"gone": "y", "a name that is not there": 1}) == 0


async def test_a_broken_constraint_is_an_error_of_its_own_and_undoes_its_statement_alone(database, tags):
    async with database.transaction() as transaction:
        await transaction.rows(tags.add, named("a"))
        with pytest.raises(ConstraintViolated):
            await transaction.rows(tags.add, named("a"))
        await transaction.rows(tags.add, named("b"))
    assert await names_in(database, tags) == ["a", "b"]


async def test_texts_are_sorted_by_code_point(database, tags):
    names = ["", "\U0001f600", "Z", "a", "\u00e4", "B", "b c", "b-c", "\uffff", "~"]
    async with database.transaction() as transaction:
        for name in names:
            await transaction.rows(tags.add, named(name))
    assert await names_in(database, tags) == sorted(names)


async def test_values_come_back_as_they_went_in(database):
    columns = (
        "infohash",
        "v1",
        "v2",
        "alias",
        "name",
        "size",
        "stored",
        "digest",
        "added",
        "packed",
        "asked",
    )
    row = dict(
        zip(
            columns,
            (HASHES[0], None, b"\xff" * 32, None, "'\u00e9\\%", 2**63 - 1, 0, HASHES[1], -1, None, 0),
            strict=True,
        )
    )
    dialect = database.dialect
    async with database.transaction() as transaction:
        await transaction.run(dialect.compile(insert(record)), row)
    (found,) = await database.rows(dialect.compile(select(*(record.c[name] for name in columns))))
    assert dict(zip(columns, found, strict=True)) == row
    hexed = dialect.compile(select(dialect.hex(record.c.infohash)))
    assert await database.rows(hexed) == [(HASHES[0].hex().upper(),)]


async def test_an_upsert_changes_the_named_columns_of_the_row_of_its_key(database):
    dialect = database.dialect
    put = dialect.compile(dialect.upsert(bookmark, "added"))
    key = {"account_id": 1, "kind": "group", "target": 7}
    async with database.transaction() as transaction:
        for added in (1, 2):
            await transaction.run(put, {**key, "added": added})
    found = dialect.compile(select(bookmark.c.target, bookmark.c.added))
    assert await database.rows(found) == [(7, 2)]


async def test_insert_or_ignore_leaves_a_row_that_is_there_and_returns_none(database, tags):
    async with database.transaction() as transaction:
        assert len(await transaction.rows(tags.ignore, named("a"))) == 1
        assert await transaction.rows(tags.ignore, named("a")) == []


@pytest.mark.parametrize("count", [0, 1, 2000])
async def test_lists_of_any_length_are_one_parameter(database, tags, count):
    dialect = database.dialect
    by_id = dialect.compile(select(tag.c.id).where(dialect.in_list(tag.c.id, "ids")))
    by_name = dialect.compile(select(tag.c.name).where(dialect.in_list(tag.c.name, "names")))
    async with database.transaction() as transaction:
        numbers = [(await transaction.rows(tags.add, named(f"t{n}")))[0][0] for n in range(3)]
    others = range(10**6, 10**6 + count)
    wanted = dialect.ids([*numbers[:2], *others, -1, 0, 2**63, 2**80])
    assert sorted(await database.rows(by_id, {"ids": wanted})) == [(number,) for number in numbers[:2]]
    wanted = dialect.texts(["t1", *map(str, others), "'\u00e9\""])
    assert await database.rows(by_name, {"names": wanted}) == [("t1",)]
    assert await database.rows(by_id, {"ids": dialect.ids([])}) == []


@pytest.mark.parametrize("count", [0, 2000])
async def test_lists_of_hashes_are_one_parameter(database, count):
    dialect = database.dialect
    blank = {
        "v1": None,
        "v2": None,
        "alias": None,
        "name": "",
        "size": 0,
        "stored": 0,
        "added": 0,
        "packed": None,
        "asked": 0,
    }
    rows = [{"infohash": each, "digest": HASHES[0], **blank} for each in HASHES]
    async with database.transaction() as transaction:
        await transaction.run_many(dialect.compile(insert(record)), rows)
    found = dialect.compile(select(record.c.infohash).where(dialect.in_hashes(record.c.infohash, "hashes")))
    others = [number.to_bytes(20, "big") for number in range(count)]
    wanted = dialect.hashes([*others, *HASHES[::2]])
    assert sorted(await database.rows(found, {"hashes": wanted})) == [(each,) for each in HASHES[::2]]
    assert await database.rows(found, {"hashes": dialect.hashes([])}) == []


@pytest.mark.parametrize("value", ["it's", "caf\u00e9", b"bytes", "x" * 101, "two\nlines"])
async def test_what_only_input_has_is_never_part_of_a_statement(database, value):
    column = tag.c.id if isinstance(value, bytes) else tag.c.name
    statement = database.dialect.compile(select(tag.c.id).where(column == value))
    with pytest.raises(ValueError, match="make it a parameter"):
        await database.rows(statement)


async def test_a_query_that_fails_is_a_database_error(database):
    with pytest.raises(DatabaseError):
        await database.rows("SELECT name FROM nowhere")
    assert await database.healthy()


async def test_a_closed_database_does_not_answer_and_closes_again(database, tags):
    assert await database.healthy()
    await database.close()
    assert not await database.healthy()
    with pytest.raises(DatabaseError):
        await database.rows(tags.count)
    await database.close()


async def test_what_was_deleted_is_purged_where_no_query_runs(swarms):
    await swarms.overwrite_deleted()
    assert await swarms.purge_deleted()


def adding(tags, *names, error=None):
    """A change that adds tags, and raises at its end."""

    async def add(transaction):
        for name in names:
            await transaction.rows(tags.add, named(name))
        if error is not None:
            raise error
        return len(names)

    return add


async def test_changes_under_way_together_are_durable_when_they_return(database, tags):
    assert await asyncio.gather(*(database.change(adding(tags, f"{n:02}")) for n in range(50))) == [1] * 50
    assert await names_in(database, tags) == [f"{n:02}" for n in range(50)]


async def test_a_change_that_fails_is_undone_alone(database, tags):
    changes = (
        adding(tags, "a"),
        adding(tags, "b", "c", error=KeyError("own")),
        adding(tags, "d", "a"),
        adding(tags, "e"),
    )
    found = await asyncio.gather(*map(database.change, changes), return_exceptions=True)
    assert [found[0], found[3]] == [1, 1]
    assert isinstance(found[1], KeyError)
    assert isinstance(found[2], ConstraintViolated)
    assert await names_in(database, tags) == ["a", "e"]


async def test_a_change_may_go_on_after_a_broken_constraint(database, tags):
    async def add(transaction):
        await transaction.rows(tags.add, named("a"))
        with pytest.raises(ConstraintViolated):
            await transaction.rows(tags.add, named("a"))
        await transaction.rows(tags.add, named("b"))

    await asyncio.gather(database.change(add), database.change(adding(tags, "c")))
    assert await names_in(database, tags) == ["a", "b", "c"]


async def test_a_change_sees_what_those_before_it_wrote_and_loses_no_update(database, tags):
    read = database.dialect.compile(select(tag.c.uses).where(tag.c.name == bindparam("wanted")))
    write = database.dialect.compile(
        update(tag).where(tag.c.name == bindparam("wanted")).values(uses=bindparam("new_uses"))
    )
    await database.change(adding(tags, "a"))

    async def add_one(transaction):
        ((uses,),) = await transaction.rows(read, {"wanted": "a"})
        await transaction.run_many(write, [])
        return await transaction.run(
            write, {"wanted": "a", "new_uses": await transaction.compute(lambda: uses + 1)}
        )

    async def add_one_alone():
        async with database.transaction() as transaction:
            await add_one(transaction)

    await asyncio.gather(*(each for _ in range(20) for each in (database.change(add_one), add_one_alone())))
    assert await database.rows(read, {"wanted": "a"}) == [(40,)]


async def test_changes_cancelled_at_any_moment_are_whole_and_disturb_no_other(database, tags):
    for turns in range(30):
        task = await begun_for(database.change(adding(tags, f"gone {turns}", f"gone {turns} too")), turns)
        other = asyncio.create_task(database.change(adding(tags, f"kept {turns}")))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await other == 1
    found = await names_in(database, tags)
    assert len([name for name in found if name.startswith("kept")]) == 30
    for turns in range(30):
        assert (f"gone {turns}" in found) == (f"gone {turns} too" in found)


async def test_a_change_that_waits_for_something_else_is_an_error_of_its_own(database, tags):
    async def wait(transaction):
        await transaction.rows(tags.add, named("waits"))
        await turn()

    found = await asyncio.gather(
        database.change(wait), database.change(adding(tags, "a")), return_exceptions=True
    )
    assert isinstance(found[0], RuntimeError)
    assert await names_in(database, tags) == ["a"]


async def test_a_database_that_is_closed_makes_no_change(database, tags):
    running = [await begun(database.change(adding(tags, name))) for name in "ab"]
    await database.close()
    assert await asyncio.gather(*running) == [1, 1]
    with pytest.raises(DatabaseError):
        await database.change(adding(tags, "c"))


async def test_what_is_left_for_the_end_is_done_before_it_and_fails_alone(database, tags):
    async def name(transaction, numbers):
        for number in numbers:
            if number == 3:
                raise KeyError(number)
            await transaction.rows(tags.add, named(f"{number}"))

    def leaving(number):
        async def leave(transaction):
            await transaction.rows(tags.add, named(f"own {number}"))
            await transaction.at_end(name, [number])

        return leave

    found = await asyncio.gather(*(database.change(leaving(n)) for n in range(6)), return_exceptions=True)
    assert [type(each) for each in found] == [type(None)] * 3 + [KeyError] + [type(None)] * 2
    async with database.transaction() as transaction:
        await leaving(6)(transaction)
    numbers = [0, 1, 2, 4, 5, 6]
    assert await names_in(database, tags) == [*map(str, numbers), *(f"own {number}" for number in numbers)]
