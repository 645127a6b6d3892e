import asyncio
import re
import sqlite3
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from bittorrent.infohash import InfoHash
from lists.infohashes import ListKind
from storage.cache_records import SqlCacheRecords
from storage.database import DatabaseError, SchemaTooNew
from storage.journal import SqlJournal
from storage.lists import SqlListEntries
from storage.schema import PEERAGE, SWARMS, Schema
from storage.sqlite.database import SqliteDatabase
from tests.support.tables import PEERAGE as PEERAGE_TABLES
from tests.support.tables import SWARMS as SWARM_TABLES
from tracker.flusher import JournalRow

# What version 0.1.0 wrote, word for word.
PEERAGE_OF_0_1_0 = """
    CREATE TABLE torrent (
        infohash BLOB PRIMARY KEY CHECK (length(infohash) = 20),
        v1 BLOB CHECK (length(v1) = 20),
        v2 BLOB CHECK (length(v2) = 32),
        alias BLOB CHECK (length(alias) = 20),
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        stored INTEGER NOT NULL,
        digest BLOB NOT NULL CHECK (length(digest) = 20),
        added INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX torrent_alias ON torrent (alias) WHERE alias IS NOT NULL;
    CREATE TABLE entry (
        infohash BLOB NOT NULL CHECK (length(infohash) IN (20, 32)),
        verdict TEXT NOT NULL CHECK (verdict IN ('allow', 'deny')),
        reason TEXT NOT NULL,
        author TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (infohash, verdict)
    ) WITHOUT ROWID;
    CREATE TABLE spelling (
        hash BLOB NOT NULL CHECK (length(hash) IN (20, 32)),
        verdict TEXT NOT NULL,
        infohash BLOB NOT NULL,
        PRIMARY KEY (hash, verdict, infohash),
        FOREIGN KEY (infohash, verdict) REFERENCES entry (infohash, verdict) ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX spelling_entry ON spelling (infohash, verdict);
    CREATE VIEW named_entry (infohash, verdict, reason, author, since, names) AS
    SELECT infohash, verdict, reason, author, since,
           (SELECT group_concat(hex(hash), ' ') FROM spelling
            WHERE spelling.infohash = entry.infohash AND spelling.verdict = entry.verdict)
    FROM entry;
    INSERT INTO torrent VALUES (
        x'0101010101010101010101010101010101010101', NULL,
        x'0202020202020202020202020202020202020202020202020202020202020202',
        x'0202020202020202020202020202020202020202',
        'kept', 5, 3, x'0303030303030303030303030303030303030303', 7);
    INSERT INTO entry VALUES (x'0404040404040404040404040404040404040404', 'deny', 'why', 'who', 9);
    INSERT INTO spelling VALUES (
        x'0404040404040404040404040404040404040404', 'deny', x'0404040404040404040404040404040404040404');
    PRAGMA user_version = 1;
"""
SWARMS_OF_0_1_0 = """
    CREATE TABLE swarm (
        infohash BLOB NOT NULL,
        part INTEGER NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (infohash, part)
    ) WITHOUT ROWID;
    INSERT INTO swarm VALUES (x'0101010101010101010101010101010101010101', 0, x'ff');
    PRAGMA user_version = 1;
"""


def write_old(path, script):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(script)


async def migrate(path, schema):
    """Take a file to the newest version."""
    await (await SqliteDatabase.open(path, schema, "FULL")).close()


def shape(path):
    """Everything that matters of every table, in a form in which two ways to write it are the same."""
    engine = create_engine(f"sqlite:///{path}")
    found = {}
    with closing(sqlite3.connect(path)) as plain:
        look = inspect(engine)
        for name in look.get_table_names():
            if name == "alembic_version" or name.startswith("sqlite_"):
                continue
            ((flat, _strict),) = plain.execute(
                "SELECT wr, strict FROM pragma_table_list WHERE name = ?", (name,)
            ).fetchall()
            ((sql,),) = plain.execute(
                "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)
            ).fetchall()
            found[name] = {
                "columns": plain.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                "references": sorted(row[2:] for row in plain.execute(f"PRAGMA foreign_key_list({name})")),
                "indexes": sorted(
                    (row[1:], plain.execute(f"PRAGMA index_xinfo({row[1]})").fetchall())
                    for row in plain.execute(f"PRAGMA index_list({name})")
                    if not row[1].startswith("sqlite_")
                ),
                "unique": sorted(str(each["column_names"]) for each in look.get_unique_constraints(name)),
                "checks": sorted(re.findall(r"CHECK (\(.*?\))(?=,|\)|\n|$)", sql)),
                "flat": flat,
                "counted": "AUTOINCREMENT" in sql,
            }
    engine.dispose()
    return found


SCHEMAS = [(PEERAGE, PEERAGE_TABLES), (SWARMS, SWARM_TABLES)]


@pytest.mark.parametrize(("schema", "tables"), SCHEMAS)
async def test_the_migrations_create_the_tables_that_statements_are_built_from(tmp_path, schema, tables):
    await migrate(tmp_path / "walked.db", schema)
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    tables.create_all(made)
    made.dispose()
    walked_shape, made_shape = shape(tmp_path / "walked.db"), shape(tmp_path / "made.db")
    for name, expected in made_shape.items():
        assert walked_shape.get(name) == expected, name
    engine = create_engine(f"sqlite:///{tmp_path / 'walked.db'}")
    with engine.connect() as connection:
        options = {"include_object": lambda _object, name, kind, *_: kind != "table" or name in tables.tables}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), tables) == []
    engine.dispose()


@pytest.mark.parametrize(("schema", "script"), [(PEERAGE, PEERAGE_OF_0_1_0), (SWARMS, SWARMS_OF_0_1_0)])
async def test_a_file_of_0_1_0_becomes_what_a_new_one_is(tmp_path, schema, script):
    write_old(tmp_path / "old.db", script)
    await migrate(tmp_path / "old.db", schema)
    await migrate(tmp_path / "new.db", schema)
    assert shape(tmp_path / "old.db") == shape(tmp_path / "new.db")


async def test_the_baseline_is_the_schema_of_0_1_0(tmp_path):
    write_old(tmp_path / "old.db", PEERAGE_OF_0_1_0)
    await migrate(tmp_path / "new.db", Schema(PEERAGE.revisions, "0001"))
    assert shape(tmp_path / "old.db") == shape(tmp_path / "new.db")


async def test_the_rows_of_a_file_of_0_1_0_are_kept(tmp_path):
    write_old(tmp_path / "peerage.db", PEERAGE_OF_0_1_0)
    write_old(tmp_path / "swarms.db", SWARMS_OF_0_1_0)

    database = await SqliteDatabase.open(tmp_path / "peerage.db", PEERAGE, "FULL")
    record = await SqlCacheRecords(database).get(InfoHash(b"\2" * 20))
    assert record is not None
    assert (record.infohash, record.name, record.added) == (InfoHash(b"\1" * 20), "kept", 7)
    (entry,) = await SqlListEntries(database).find(InfoHash(b"\4" * 20), ListKind.DENY)
    assert (entry.reason, entry.by, entry.since) == ("why", "who", 9)
    assert await SqlListEntries(database).unset(InfoHash(b"\4" * 20), ListKind.DENY)
    assert await database.rows("SELECT * FROM spelling") == []
    await database.close()
    journal = SqlJournal(await SqliteDatabase.open(tmp_path / "swarms.db", SWARMS, "NORMAL"))
    assert [page async for page in journal.read(9)] == [[JournalRow(InfoHash(b"\1" * 20), 0, b"\xff")]]
    await journal.close()


async def test_a_failed_migration_leaves_a_file_of_0_1_0_unchanged(tmp_path):
    write_old(tmp_path / "a.db", PEERAGE_OF_0_1_0 + "CREATE TABLE news (a);")
    with pytest.raises(DatabaseError, match="news"):
        await migrate(tmp_path / "a.db", PEERAGE)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT name FROM torrent").fetchall() == [("kept",)]
        assert connection.execute("SELECT count(*) FROM named_entry").fetchall() == [(1,)]
        assert connection.execute("PRAGMA user_version").fetchall() == [(1,)]
        kept = "SELECT name FROM sqlite_schema WHERE name IN ('record', 'account', 'alembic_version')"
        assert connection.execute(kept).fetchall() == []


async def test_0_1_0_refuses_the_new_peerage_db(tmp_path):
    await migrate(tmp_path / "peerage.db", PEERAGE)
    await migrate(tmp_path / "swarms.db", SWARMS)
    for name, version in (("peerage.db", 2), ("swarms.db", 1)):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (version,)


@pytest.mark.parametrize(
    "script",
    [
        "PRAGMA user_version = 7",
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('9999')",
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('00')",
    ],
)
async def test_a_version_that_is_not_known_is_refused(tmp_path, script):
    write_old(tmp_path / "a.db", script)
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(SchemaTooNew, match="use a newer program"):
        await migrate(tmp_path / "a.db", PEERAGE)
    assert (tmp_path / "a.db").read_bytes() == before


@pytest.mark.parametrize("schema", [PEERAGE, SWARMS])
def test_the_newest_version_is_the_last_revision(schema):
    scripts = ScriptDirectory(str(schema.revisions.parent), version_locations=[str(schema.revisions)])
    assert scripts.get_current_head() == schema.head


async def test_the_nine_categories_are_there(tmp_path):
    await migrate(tmp_path / "a.db", PEERAGE)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        rows = connection.execute("SELECT id, name, folded, parent_id FROM category ORDER BY id").fetchall()
    names = ["Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted"]
    assert rows == [(at, name, name.lower(), None) for at, name in enumerate(names, start=1)]


async def test_an_up_to_date_file_is_opened_without_alembic(tmp_path):
    await migrate(tmp_path / "a.db", SWARMS)
    code = (
        "import asyncio, sys, pathlib\n"
        "from storage.schema import SWARMS\n"
        "from storage.sqlite.database import SqliteDatabase\n"
        "async def run():\n"
        "    await (await SqliteDatabase.open(pathlib.Path(sys.argv[1]), SWARMS, 'NORMAL')).close()\n"
        "asyncio.run(run())\n"
        "sys.exit('alembic' in sys.modules)\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, tmp_path / "a.db")
    assert await process.wait() == 0


async def test_two_that_find_the_same_old_file_take_turns(tmp_path):
    write_old(tmp_path / "a.db", PEERAGE_OF_0_1_0)

    found = await asyncio.gather(*(SqliteDatabase.open(tmp_path / "a.db", PEERAGE, "FULL") for _ in range(4)))
    for database in found:
        assert await database.rows("SELECT name FROM record") == [("kept",)]
        await database.close()
