"""The statements of search documents."""

from typing import Any

from sqlalchemy import Select, delete, func, select

from storage.dialect import SqlDialect
from storage.sqlite.search.tables import search_entry, search_key
from storage.tables.catalogue import author, authorship, contents, tag, tagging, torrent, work

_TORRENT_COLUMNS = (
    *("id", "infohash", "alias", "title", "name", "size", "uploader_id", "anonymous", "description"),
    *("hidden", "freeleech", "platform", "format", "license", "scope", "archive"),
)
_GROUP_COLUMNS = ("category_id", "year", "imdb", "organism", "strain", "accession", "lab", "location")


class SearchDocumentStatements:
    """The statements of `SearchIndexUpdater`."""

    def __init__(self, dialect: SqlDialect) -> None:
        query = _select_rows(dialect)
        self.names = list(query.selected_columns.keys())
        self.read = dialect.compile(query)
        self.stored = dialect.compile(
            select(search_entry.c.id, search_entry.c.packed).where(dialect.in_list(search_entry.c.id, "ids"))
        )
        self.put_entry = dialect.compile(dialect.upsert(search_entry, "packed"))
        self.put_key = dialect.compile(dialect.upsert(search_key, "title", "year", "hidden"))
        self.delete_rows = [
            dialect.compile(delete(table).where(dialect.in_list(table.c.id, "ids")))
            for table in (search_entry, search_key)
        ]


def _select_rows(dialect: SqlDialect) -> Select[Any]:
    """Select everything that is indexed of torrents and their groups."""
    authors = (
        select(func.json_group_array(author.c.name))
        .select_from(authorship.join(author, author.c.id == authorship.c.author_id))
        .where(authorship.c.work_id == work.c.id)
    )
    tags = (
        select(func.json_group_array(func.json_array(tag.c.id, tag.c.name)))
        .select_from(tagging.join(tag, tag.c.id == tagging.c.tag_id))
        .where(tagging.c.work_id == work.c.id)
    )
    return (
        select(
            *(torrent.c[name] for name in _TORRENT_COLUMNS),
            *(work.c[name] for name in _GROUP_COLUMNS),
            work.c.name.label("group_name"),
            work.c.description.label("group_description"),
            authors.scalar_subquery().label("authors"),
            tags.scalar_subquery().label("tags"),
            contents.c.payload,
        )
        .select_from(torrent.join(work, work.c.id == torrent.c.work_id).outerjoin(contents))
        .where(dialect.in_list(torrent.c.id, "ids"))
        .order_by(torrent.c.id)
    )
