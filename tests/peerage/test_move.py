import asyncio
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from catalogue.query import SearchQuery, SortOrder
from catalogue.search import Search
from catalogue.syntax import parse
from peerage.move_cli import move_records
from peerage.wiring.stores import SqliteDatabase
from storage.data_folder import DataFolder
from storage.moving import _tables
from storage.postgresql.database import PostgresqlDatabase
from storage.postgresql.search.index import PostgresqlSearchIndex
from storage.schema import PEERAGE
from storage.sqlite.search.index import SqliteSearchIndex
from tests.contracts.test_search import ENTRIES
from tests.support.postgresql import PASSWORD, shared_server
from tests.support.search_catalogue import Catalogue

pytestmark = pytest.mark.clients


@pytest.fixture
async def url():
    return await shared_server().migrated(PEERAGE)


@pytest.fixture
async def data(tmp_path, monkeypatch):
    """A data folder with a few torrents, an alias that is older than what it stands for, and an id that is gone."""
    monkeypatch.chdir(tmp_path)
    with DataFolder(tmp_path / "data") as folder:
        database = await SqliteDatabase.open(folder.records, PEERAGE, "FULL")
        catalogue = Catalogue(database, SqliteSearchIndex(database, 1000, 10.0))
        await catalogue.add(*ENTRIES)
        add = "INSERT INTO tag (name, alias_of, uses) VALUES (:name, NULL, 0)"
        await catalogue.run(add, name="a\0b")
        await catalogue.run(add, name="top")
        await catalogue.run(
            "UPDATE tag SET alias_of = (SELECT max(id) FROM tag) WHERE name = :name", name="a\0b"
        )
        await catalogue.run(
            "INSERT INTO author (name, folded, picture, description) VALUES ('x', 'x', '', '')"
        )
        await catalogue.run("DELETE FROM author WHERE folded = 'x'")
        await database.close()
    return tmp_path / "data"


async def run(*arguments, **settings):
    """Run the command, in a thread: it has an event loop of its own."""
    runner = CliRunner(env={f"PEERAGE_{name.upper()}": value for name, value in settings.items()})
    return await asyncio.to_thread(runner.invoke, move_records, arguments)


async def everything(database):
    found = {}
    for table in _tables():
        rows = await database.rows(
            database.dialect.compile(select(table).order_by(*table.primary_key.columns))
        )
        found[table.name] = rows
    return found


async def answers(index):
    search = Search(index)
    texts = ("", "ubuntu", "cafe", '"manual pdf"', "tag:linux", "東京", "size:>1GB")
    asked = [SearchQuery(parse(text), order) for text in texts for order in SortOrder]
    return [(await search.torrents(each)).ids for each in asked]


async def of_file(path):
    database = await SqliteDatabase.open(path, PEERAGE, "FULL")
    found = await everything(database), await answers(SqliteSearchIndex(database, 1000, 10.0))
    ((next_author,),) = await database.rows("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'author'")
    await database.close()
    return *found, next_author


async def of_server(url):
    database = await PostgresqlDatabase.open(url, PEERAGE, 2)
    found = await everything(database), await answers(PostgresqlSearchIndex(database, 1000, 10.0))
    ((next_author,),) = await database.rows("SELECT nextval(pg_get_serial_sequence('author', 'id'))")
    await database.close()
    return *found, next_author


async def test_all_records_are_moved_there_and_back(data, url):
    before = await of_file(data / "peerage.db")
    done = await run("--to", url, "--data", str(data))
    assert done.exit_code == 0, done.output
    assert "torrent                       8" in done.output
    assert PASSWORD not in done.output
    assert await of_server(url) == before

    again = await run("--to", url, "--data", str(data))
    assert again.exit_code == 1
    assert "is not empty" in again.output
    there = await run("--to", "sqlite", "--data", str(data), database=url)
    assert "move it away" in there.output
    (data / "peerage.db").rename(data / "before.db")
    back = await run("--to", "sqlite", "--data", str(data), "--json", database=url)
    assert back.exit_code == 0, back.output
    assert {"table": "torrent", "rows": 8} in map(json.loads, back.stdout.splitlines())
    rows, found, _ = await of_file(data / "peerage.db")
    assert (rows, found) == before[:2]


async def test_what_cannot_be_moved_is_told_and_leaves_nothing(data, url):
    assert "not set" in (await run("--to", "sqlite", "--data", str(data))).output
    assert "postgresql://" in (await run("--to", "mysql://host/name", "--data", str(data))).output
    nobody = await run("--to", url.replace(PASSWORD, "wrong-secret"), "--data", str(data))
    assert nobody.exit_code == 1
    assert "wrong-secret" not in nobody.output
    (data / "peerage.db").rename(data / "before.db")
    await fill_one(url)
    lost = await run("--to", "sqlite", "--data", str(data), database=url.replace(PASSWORD, "wrong-secret"))
    assert lost.exit_code == 1
    assert not (data / "peerage.db").exists()


async def fill_one(url):
    database = await PostgresqlDatabase.open(url, PEERAGE, 1)
    await Catalogue(database, PostgresqlSearchIndex(database, 10, 1.0)).add(ENTRIES[0])
    await database.close()
