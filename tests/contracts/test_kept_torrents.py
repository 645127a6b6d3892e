"""Contract of reads that keep what they read: they show what the last commit left, whatever it changed."""

import re

import pytest
from sqlalchemy import delete

from catalogue.fields import AuthorChange, CategoryChange, GroupChange, TorrentChange
from catalogue.model import Subject, SwarmStats, Viewer
from catalogue.store import UNRESTRICTED_VIEWER, GroupWrite, TorrentWrite
from storage.catalogue.kept_torrents import SHOWN, KeptTorrents
from storage.catalogue.torrent_queries import CatalogueReader
from storage.table_versions import TableChange
from storage.tables.accounts import account
from tests.contracts.test_catalogue_store import NOW, Stores, hash_of, written

VIEWERS = (Viewer(), Viewer(1), Viewer(2), UNRESTRICTED_VIEWER)


@pytest.fixture
async def stores(database):
    made = Stores(database)
    made.database = database
    await made.add("one", tags=["a", "b"], authors=["Ann"])
    await made.add("two", tags=["b"], uploader=2)
    await made.add("three", group=1)
    return made


async def shown(reader, ids, groups):
    """Return what every viewer is shown, by whatever reads it."""
    return [
        (
            await reader.torrents(ids, viewer),
            await reader.torrents_of(groups, viewer),
            await reader.groups(groups, viewer),
        )
        for viewer in VIEWERS
    ]


async def _change(stores, number, **values):
    change = values.pop("change", TorrentChange())
    await stores.all.torrents.change(number, None, lambda _known, _group: TorrentWrite(change, **values))


async def _delete_account(stores):
    gone = stores.database.dialect.compile(delete(account).where(account.c.id == 2))
    async with stores.database.transaction() as transaction:
        await transaction.run(gone)


async def _resolve(stores):
    reports = stores.all.moderation
    number = await reports.add_report(Subject.TORRENT, 1, 1, "why", now=NOW, most=9)
    await reports.resolve(number, 1, "done", NOW)


CHANGES = {
    "a new torrent": lambda stores: stores.add("four", group=1),
    "its title": lambda stores: _change(stores, 1, change=TorrentChange(title="new")),
    "hidden": lambda stores: _change(stores, 1, hidden=True),
    "the last of its group hidden": lambda stores: _change(stores, 2, hidden=True),
    "no file": lambda stores: stores.all.torrents.mark_not_held([hash_of("one")]),
    "its group's name": lambda stores: stores.all.groups.change_group(
        1, GroupWrite(GroupChange(name="renamed", tags=("c",), authors=("Bob",)))
    ),
    "groups merged": lambda stores: stores.all.groups.merge(2, 1),
    "removed": lambda stores: stores.all.torrents.remove([1]),
    "uploaded again": lambda stores: stores.all.torrents.upsert(
        [hash_of("two")], None, written("two", title="again")
    ),
    "its swarm's numbers": lambda stores: stores.all.statistics.update_swarm_stats(
        {hash_of("one"): SwarmStats(5, 6, 7)}
    ),
    "a category renamed": lambda stores: stores.all.categories.change(9, CategoryChange(name="Else")),
    "a tag is another's alias": lambda stores: stores.all.tags.alias("b", "a"),
    "a tag removed": lambda stores: stores.all.tags.remove(1),
    "an author renamed": lambda stores: stores.all.authors.change(1, AuthorChange(name="Anne")),
    "reported": lambda stores: stores.all.moderation.add_report(
        Subject.TORRENT, 1, 1, "why", now=NOW, most=9
    ),
    "a report resolved": _resolve,
    "its uploader's account deleted": _delete_account,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_is_shown_at_once(stores, change):
    ids, groups = [3, 1, 2, 4, 99], [2, 1, 99]
    await shown(stores.all.torrents, ids, groups)  # keeps everything
    await change(stores)
    kept = await shown(stores.all.torrents, ids, groups)
    fresh = [
        await shown(KeptTorrents(stores.database, CatalogueReader(stores.database)), ids, groups)
        for _ in range(2)
    ]
    assert kept == fresh[0] == fresh[1]
    assert await shown(stores.all.torrents, ids, groups) == kept


async def test_each_viewer_is_shown_what_is_visible_to_them(stores):
    await _change(stores, 2, hidden=True)
    assert [
        [each.id for each in (await stores.all.torrents.torrents([2], viewer))] for viewer in VIEWERS
    ] == [[], [], [2], [2]]
    assert [len(await stores.all.groups.groups([2], viewer)) for viewer in VIEWERS] == [0, 0, 1, 1]


async def test_what_is_kept_is_not_read_again(stores, monkeypatch):
    kept = KeptTorrents(stores.database, CatalogueReader(stores.database))
    first = await shown(kept, [1, 2, 3], [1, 2])

    async def fail(*_arguments, **_options):
        raise AssertionError("it was read again")

    monkeypatch.setattr(stores.database, "rows", fail)
    assert await shown(kept, [1, 2, 3], [1, 2]) == first


@pytest.mark.parametrize("most", [0, 3_000, 5_000, 20_000])
async def test_more_than_may_be_kept_is_read_each_time(stores, most):
    small = KeptTorrents(stores.database, CatalogueReader(stores.database), most)
    expected = await shown(stores.all.torrents, [1, 2, 3], [1, 2])
    assert await shown(small, [1, 2, 3], [1, 2]) == expected
    assert await shown(small, [3, 1], [2]) == await shown(stores.all.torrents, [3, 1], [2])
    assert small.size <= most


async def test_what_was_read_before_a_change_is_not_kept_after_it(stores, monkeypatch):
    reader = CatalogueReader(stores.database)
    kept, read = KeptTorrents(stores.database, reader), reader.torrents

    async def read_and_change(*arguments):
        found = await read(*arguments)
        await _change(stores, 1, change=TorrentChange(title="later"))
        return found

    monkeypatch.setattr(reader, "torrents", read_and_change)
    assert [each.title for each in await kept.torrents([1], Viewer())] == ["one"]
    monkeypatch.setattr(reader, "torrents", read)
    assert [each.title for each in await kept.torrents([1], Viewer())] == ["later"]


def test_every_table_that_a_record_is_read_from_is_watched(stores):
    reader = CatalogueReader(stores.database)
    statements = [str(each) for each in vars(reader._sql).values() if type(each).__name__ == "Statement"]
    assert len(statements) > 5
    named = {
        name.strip('"')
        for sql in statements
        for name in re.findall(r"(?:FROM|JOIN) (\"?\w+\"?)", sql)
        if name not in {"json_each", "piece"}
    }
    watched = {change.table for change in SHOWN}
    assert named == watched
    assert {table for table in watched if TableChange("update", table) not in SHOWN} == {"account"}
