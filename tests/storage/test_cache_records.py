"""The cache's records beside the contract that all its stores keep: what a flipped bit does."""

import sqlite3

import pytest

from bittorrent.infohash import InfoHash
from storage.cache_records import SqlCacheRecords
from storage.database import DatabaseDamaged
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase
from tests.contracts.test_records import record


async def test_an_index_that_names_no_record_is_damage(tmp_path):
    path = tmp_path / "peerage.db"
    database = await SqliteDatabase.open(path, PEERAGE, "FULL")
    await SqlCacheRecords(database).add(record(1, v2=b"\xaa" * 32))
    await database.close()
    alias, infohash = b"\xaa" * 20, record(1).infohash
    # The types of both columns stand before them: two blobs of 20 bytes (52 each); the second becomes null.
    flip(path, b"\x03\x34\x34" + alias + infohash, b"\x03\x34\x00" + alias + infohash)

    database = await SqliteDatabase.open(path, PEERAGE, "FULL")
    with pytest.raises(DatabaseDamaged, match="damaged"):
        await SqlCacheRecords(database).hybrids(b"", 9)
    assert await SqlCacheRecords(database).get(InfoHash(infohash)) is not None
    await database.close()


def flip(path, before, after):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = path.read_bytes()
    assert data.count(before) == 1
    path.write_bytes(data.replace(before, after))
