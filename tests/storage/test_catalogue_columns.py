from dataclasses import fields

import pytest

from catalogue.fields import AuthorChange, CategoryChange, CollageChange, GroupChange, TorrentChange
from catalogue.store import CommentWrite, GroupWrite, TorrentWrite
from storage.catalogue.columns import (
    BLANK_COLLAGE,
    BLANK_COMMENT,
    BLANK_GROUP,
    BLANK_TORRENT,
    change_columns,
    group_columns,
    torrent_columns,
)
from storage.tables.catalogue import author, category, torrent, work
from storage.tables.collages import collage
from storage.tables.discussion import comment


def full(kind, **more):
    """Return a change or write with every field set."""
    return kind(**{each.name: 1 for each in fields(kind) if each.name not in more}, **more)


def names(table):
    return {column.name for column in table.columns}


def test_a_torrents_columns_are_those_of_its_table():
    written = set(torrent_columns(full(TorrentWrite, change=full(TorrentChange))))
    assert written | {"id", "work_id", "seeders", "leechers", "snatched"} == names(torrent)
    required = {"infohash", "name", "root", "size", "file_count", "private", "title", "added", "updated"}
    assert set(BLANK_TORRENT) == names(torrent) - required - {"id", "work_id"}


def test_a_groups_columns_are_those_of_its_table():
    written = set(group_columns(full(GroupWrite, change=full(GroupChange))))
    assert written | {"id"} == names(work)
    assert set(BLANK_GROUP) == names(work) - {"id", "name", "category_id", "created"}


@pytest.mark.parametrize(
    ("kind", "table", "others"),
    [
        (CategoryChange, category, {"id", "folded"}),
        (AuthorChange, author, {"id", "folded"}),
        (CollageChange, collage, {"id", "account_id", "created"}),
        (CommentWrite, comment, {"id", "work_id", "account_id", "added"}),
    ],
)
def test_a_changes_columns_are_those_of_its_table(kind, table, others):
    assert set(change_columns(full(kind))) | others == names(table)


def test_what_is_unset_is_no_column():
    assert torrent_columns(TorrentWrite()) == {}
    assert group_columns(GroupWrite(GroupChange(year=None))) == {"year": None}
    assert change_columns(CommentWrite(hidden=False)) == {"hidden": False}


def test_blank_records_have_every_column_that_is_not_required():
    assert set(BLANK_COLLAGE) == names(collage) - {"id", "name", "account_id", "created"}
    assert set(BLANK_COMMENT) == names(comment) - {"id", "work_id", "account_id", "body", "added"}
