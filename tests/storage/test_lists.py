"""The entries of the lists in a database that lost rows."""

from bittorrent.infohash import InfoHash
from lists.infohashes import ListEntry, ListKind
from storage.lists import SqlListEntries
from storage.schema import PEERAGE
from tests.support.databases import open_database

BLOCKED = InfoHash(b"b" * 20)


async def test_an_entry_that_lost_its_names_is_still_read(tmp_path):
    database = await open_database(tmp_path / "peerage.db", PEERAGE)
    entries = SqlListEntries(database)
    await entries.set(ListEntry(BLOCKED, ListKind.DENY, "why", "who", 9))
    async with database.transaction() as transaction:
        await transaction.run("DELETE FROM spelling")
    assert [entry.infohash for entry in await entries.page(None, None, 10)] == [BLOCKED]
    await database.close()
