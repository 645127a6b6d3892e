"""Columns of the catalogue's rows: what a typed change or write sets, by column name."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from catalogue.fields import UNSET, Change
from catalogue.model import CollageKind
from catalogue.normalization import fold_name
from catalogue.store import GroupWrite, TorrentWrite
from storage.rows import ColumnValues

BLANK_TORRENT: Mapping[str, object] = MappingProxyType(
    {
        **dict.fromkeys(("description", "platform", "format", "license", "scope", "archive"), ""),
        **dict.fromkeys(("anonymous", "annotated", "hidden", "locked", "freeleech", "held"), 0),
        **dict.fromkeys(("seeders", "leechers", "snatched"), 0),
        **dict.fromkeys(("alias", "uploader_id")),
    }
)
BLANK_GROUP: Mapping[str, object] = MappingProxyType(
    {
        **dict.fromkeys(("description", "picture", "organism", "strain", "accession", "lab", "location"), ""),
        **dict.fromkeys(("year", "season", "imdb")),
        "locked": 0,
    }
)
BLANK_COLLAGE: Mapping[str, object] = MappingProxyType(
    {"description": "", "kind": CollageKind.PERSONAL, "locked": 0, "hidden": 0}
)
BLANK_COMMENT: Mapping[str, object] = MappingProxyType(
    {"edited": None, "editor_id": None, "hidden": 0, "held": 0}
)

_NO_COLUMNS = frozenset({"change", "group", "group_id", "contents", "work", "tags", "authors"})
_OTHER_NAMES = MappingProxyType({"uploader": "uploader_id", "editor": "editor_id"})


def torrent_columns(writing: TorrentWrite) -> ColumnValues:
    """Return the columns of a torrent, without its group."""
    return {**_columns(writing), **_columns(writing.change)}


def group_columns(writing: GroupWrite) -> ColumnValues:
    """Return the columns of a group; tags and authors have tables of their own."""
    return {**_columns(writing), **_columns(writing.change)}


def change_columns(change: Change) -> ColumnValues:
    """Return the columns of a category, author, collage or comment."""
    return _columns(change)


def with_folded(columns: ColumnValues) -> ColumnValues:
    """Return the columns with `folded`, the case-insensitive key, where there is a `name`."""
    return {**columns, "folded": fold_name(str(columns["name"]))} if "name" in columns else columns


def _columns(writing: TorrentWrite | GroupWrite | Change) -> ColumnValues:
    values = {each.name: getattr(writing, each.name) for each in fields(writing)}
    return {
        _OTHER_NAMES.get(name, name): value
        for name, value in values.items()
        if value is not UNSET and name not in _NO_COLUMNS
    }
