import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from storage.sqlite.dialect import SqliteDialect

DIALECT = SqliteDialect()
THING = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", Text),
    Column("hash", LargeBinary),
)


def thing():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, hash BLOB)")
    return connection


def compiled(expression):
    return str(DIALECT.compile(expression))


def test_parameters_keep_their_names_and_constants_are_text():
    statement = select(THING.c.id).where(
        THING.c.name == bindparam("name"), THING.c.id > 3, THING.c.hash.is_(None)
    )
    text = " ".join(compiled(statement.limit(5)).split())
    assert "thing.name = :name AND thing.id > 3 AND thing.hash IS NULL LIMIT 5" in text


@pytest.mark.parametrize("value", ["it's", "\0", "caf\u00e9", b"bytes", "x" * 101, "two\nlines"])
def test_input_is_never_written_into_a_statement(value):
    with pytest.raises(ValueError, match="make it a parameter"):
        compiled(select(THING).where(or_(THING.c.name == value, THING.c.hash == value)))


def test_upsert_replaces_a_row_and_insert_missing_does_not():
    connection = thing()
    keep = compiled(DIALECT.upsert(THING, "name"))
    for name in ("first", "second"):
        connection.execute(keep, {"id": 1, "name": name, "hash": name.encode()})
    connection.execute(compiled(DIALECT.insert_or_ignore(THING)), {"id": 1, "name": "third", "hash": b""})
    assert connection.execute("SELECT * FROM thing").fetchall() == [(1, "second", b"first")]
    connection.close()


def test_an_update_takes_its_values_by_name():
    connection = thing()
    connection.execute(compiled(insert(THING)), {"id": 1, "name": "a", "hash": b"\xab"})
    change = update(THING).where(THING.c.id == bindparam("id")).values(name=bindparam("name"))
    connection.execute(compiled(change), {"id": 1, "name": "b"})
    found = connection.execute(compiled(select(THING.c.name, DIALECT.hex(THING.c.hash)))).fetchall()
    assert found == [("b", "AB")]
    connection.close()


@given(st.lists(st.integers(1, 2**63 - 1)), st.lists(st.integers(-(2**64), 2**64)))
def test_numbers_are_found_in_a_list_of_any_length(kept, wanted):
    connection = thing()
    connection.executemany("INSERT OR IGNORE INTO thing (id) VALUES (?)", [(number,) for number in kept])
    query = compiled(select(THING.c.id).where(DIALECT.in_list(THING.c.id, "ids")))
    wanted = [*wanted, *kept[::2]]
    found = {number for (number,) in connection.execute(query, {"ids": DIALECT.ids(wanted)})}
    assert found == set(kept) & set(wanted)
    connection.close()


@given(st.lists(st.binary(min_size=20, max_size=20)), st.lists(st.binary(min_size=20, max_size=20)))
def test_hashes_are_found_in_a_list_of_any_length(kept, wanted):
    connection = thing()
    wanted = [*wanted, *kept[::2]]
    connection.executemany("INSERT INTO thing (hash) VALUES (?)", [(each,) for each in kept])
    query = compiled(select(THING.c.hash).where(DIALECT.in_hashes(THING.c.hash, "hashes")))
    found = {each for (each,) in connection.execute(query, {"hashes": DIALECT.hashes(wanted)})}
    assert found == set(kept) & set(wanted)
    connection.close()
