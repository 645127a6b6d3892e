import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from peerage.cli import main
from storage.data_folder import DataFolder
from storage.database import DatabaseError
from storage.schema import PEERAGE, SWARMS, Schema
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.snapshot import read_revision
from storage.sqlite.upkeep import NoRoom, go_back, keep_before, kept_before, try_upgrade, vacuum

BEFORE = Schema(PEERAGE.revisions, "0012")
NOW = 1_800_000_000


async def make(path, schema):
    await (await SqliteDatabase.open(path, schema, "FULL", 1)).close()


@pytest.fixture
async def old(tmp_path):
    """A database of a version before."""
    data = tmp_path / "data"
    data.mkdir(0o700)
    await make(data / "peerage.db", BEFORE)
    return data / "peerage.db"


async def test_a_migration_is_tried_on_a_copy(old):
    before = old.read_bytes()
    trial = try_upgrade(old, PEERAGE)
    assert (trial.name, trial.before, trial.after) == ("peerage.db", "0012", PEERAGE.head)
    assert trial.bytes_after > 0
    assert old.read_bytes() == before
    assert [path.name for path in old.parent.iterdir() if not path.name.startswith("peerage.db")] == []
    await make(old, PEERAGE)
    assert try_upgrade(old, PEERAGE) is None


async def test_a_trial_that_fails_says_so_and_leaves_nothing(old):
    with closing(sqlite3.connect(old)) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()
    with pytest.raises(DatabaseError, match="9999"):
        try_upgrade(old, PEERAGE)
    assert [path.name for path in old.parent.iterdir() if path.name.startswith(".")] == []


async def test_a_start_keeps_a_copy_that_the_way_back_leads_to(old):
    await make(old, PEERAGE)
    (kept,) = kept_before(old)
    assert kept.name == "peerage.db.before-0012"
    assert kept.stat().st_mode & 0o077 == 0
    assert read_revision(old) == PEERAGE.head
    aside = go_back(old, NOW)
    assert read_revision(old) == "0012"
    assert read_revision(aside) == PEERAGE.head
    assert kept_before(old) == []
    assert go_back(old, NOW) is None


async def test_one_copy_is_kept_and_none_of_a_new_or_a_later_file(old):
    keep_before(old, "0011")
    keep_before(old, "0012")
    assert [path.name for path in kept_before(old)] == ["peerage.db.before-0012"]
    other = old.with_name("swarms.db")
    await make(other, SWARMS)
    with closing(sqlite3.connect(other)) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()
    with pytest.raises(DatabaseError):
        await make(other, SWARMS)
    assert kept_before(other) == []


async def test_without_room_nothing_is_begun(old, monkeypatch):
    monkeypatch.setattr("storage.sqlite.upkeep.shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    for act in (lambda: try_upgrade(old, PEERAGE), lambda: vacuum(old)):
        with pytest.raises(NoRoom, match="100 bytes free"):
            act()
    await make(old, PEERAGE)
    assert kept_before(old) == []


async def test_vacuum_gives_back_what_is_free(old):
    with closing(sqlite3.connect(old)) as file:
        file.execute("CREATE TABLE filler (a)")
        file.executemany("INSERT INTO filler VALUES (?)", [(b"x" * 4000,)] * 500)
        file.commit()
        file.execute("DROP TABLE filler")
    before, after = vacuum(old)
    assert before > 2_000_000 > after


@pytest.fixture
def run(old, monkeypatch):
    monkeypatch.chdir(old.parent.parent)
    return lambda *words, **given: CliRunner().invoke(main, words, **given)


async def test_the_commands_of_an_upgrade(run, old):
    tried = run("upgrade", "--check")
    assert (tried.exit_code, "from revision 0012" in tried.stdout) == (0, True)
    record = json.loads(run("upgrade", "--check", "--json").stdout)
    assert (record["database"], record["before"], record["after"]) == ("peerage.db", "0012", PEERAGE.head)
    assert record["bytes"] > 0
    assert run("upgrade").exit_code == 2
    assert "no copy from before" in run("upgrade", "--back", "--yes").stderr
    await make(old, PEERAGE)
    assert "of this version" in run("upgrade", "--check").stdout
    same = json.loads(run("upgrade", "--check", "--json").stdout)
    assert (same["before"], same["after"], same["bytes"]) == (PEERAGE.head, PEERAGE.head, 0)
    assert run("upgrade", "--back", input="n\n").exit_code == 1
    assert read_revision(old) == PEERAGE.head
    back = run("upgrade", "--back", input="y\n")
    assert (back.exit_code, read_revision(old)) == (0, "0012")
    sizes = json.loads(run("vacuum", "--json").stdout)
    assert sizes["bytes_before"] >= sizes["bytes_after"] > 0
    await make(old, PEERAGE)
    (aside,) = map(json.loads, run("upgrade", "--back", "--yes", "--json").stdout.splitlines())
    assert (aside["database"], aside["set_aside"] != "") == ("peerage.db", True)
    entries = [json.loads(line) for line in run("maintenance", "--json").stdout.splitlines()]
    assert [each["what"] for each in entries] == ["upgrade --back", "vacuum", "upgrade --back"]
    assert "vacuum" in run("maintenance").stdout


async def test_a_folder_that_is_in_use_is_left_alone(run):
    with DataFolder(Path("data")):
        for words in (["vacuum"], ["upgrade", "--back", "--yes"]):
            refused = run(*words)
            assert (refused.exit_code, "is in use" in refused.stderr) == (1, True)
    assert run("vacuum", "--data", "none").exit_code == 1
