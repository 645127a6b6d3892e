"""The newest torrents of groups are found by the groups, however many torrents there are beside them."""

from storage.catalogue.torrent_queries import CatalogueReader
from storage.schema import PEERAGE
from tests.support.databases import open_database


async def test_no_torrent_of_another_group_is_looked_at(tmp_path):
    database = await open_database(tmp_path / "peerage.db", PEERAGE)
    try:
        statement = str(CatalogueReader(database)._sql.newest_of_groups)
        parameters = {"ids": database.dialect.ids([1, 2]), "moderates": 0, "viewer": None, "limit": 9}
        plan = [row[3] for row in await database.rows(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    finally:
        await database.close()
    assert any("ix_torrent_work_id" in step for step in plan)
    assert not [step for step in plan if step.startswith(("SCAN torrent", "SCAN member"))]
