import errno
import sqlite3

import pytest

from bittorrent.refusal import Refusal
from storage.database import DatabaseError
from storage.schema import SWARMS
from storage.set_aside import set_aside
from storage.sqlite.database import SqliteDatabase
from storage.unavailable import RETRY_SECONDS, StorageUnavailable, disk_errors_refused, until_available


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EIO, "busy"), (errno.EROFS, "busy")],
)
def test_a_disk_that_is_full_or_fails_is_a_refusal(number, code):
    with pytest.raises(Refusal) as caught, disk_errors_refused():
        raise OSError(number, "why")
    assert (caught.value.code, isinstance(caught.value, DatabaseError)) == (code, True)


def test_any_other_error_passes():
    with pytest.raises(PermissionError), disk_errors_refused():
        raise PermissionError(errno.EACCES, "why")


async def test_a_lock_of_another_process_is_a_refusal_and_no_health(tmp_path):
    database = await SqliteDatabase.open(tmp_path / "a.db", SWARMS, "FULL", busy_seconds=0.01)
    assert await database.healthy()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="try again"):
        async with database.transaction():
            raise AssertionError("it began")
    assert not await database.healthy()
    other.close()
    assert await database.healthy()
    async with database.transaction():
        assert await database.healthy()
    await database.close()


async def test_a_damaged_database_starts_over_beside_what_was_set_aside(tmp_path):
    database = await SqliteDatabase.open(tmp_path / "a.db", SWARMS, "NORMAL")
    async with database.transaction() as transaction:
        await transaction.run("INSERT INTO swarm VALUES (x'01', 0, x'02')")
    aside = await database.start_over(0)
    assert aside.name == "a.db.damaged-19700101T000000Z"
    assert await database.rows("SELECT * FROM swarm") == []
    async with database.transaction() as transaction:
        await transaction.run("INSERT INTO swarm VALUES (x'03', 0, x'04')")
    await database.close()


def test_one_is_set_aside_at_most(tmp_path):
    for now in (1, 2):
        (tmp_path / "a.db").write_text(str(now))
        (tmp_path / "a.db-wal").write_text(str(now))
        aside = set_aside(tmp_path / "a.db", now)
    assert aside.read_text() == "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == [aside.name, aside.name + "-wal"]


async def test_what_must_be_done_waits_for_storage_and_any_other_error_passes():
    outcomes: list[Exception | None] = [StorageUnavailable("busy"), StorageUnavailable("disk-full"), None]
    pauses: list[float] = []

    async def step() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    await until_available(step, pause)
    assert (outcomes, pauses) == ([], [RETRY_SECONDS] * 2)
    outcomes.append(DatabaseError("damaged"))
    with pytest.raises(DatabaseError, match="damaged"):
        await until_available(step, pause)
