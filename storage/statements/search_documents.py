"""The query for what is indexed of torrents and their groups, which the statements of each engine's index have."""

from typing import Any

from sqlalchemy import Select, select

from storage.dialect import SqlDialect
from storage.tables.catalogue import author, authorship, contents, tag, tagging, torrent, work

_TORRENT_COLUMNS = (
    *("id", "infohash", "alias", "title", "name", "size", "uploader_id", "anonymous", "description"),
    *("hidden", "freeleech", "platform", "format", "license", "scope", "archive"),
)
_GROUP_COLUMNS = ("category_id", "year", "imdb", "organism", "strain", "accession", "lab", "location")


def select_documents(dialect: SqlDialect) -> Select[Any]:
    """Select everything that is indexed of torrents and their groups."""
    authors = (
        select(dialect.json_list(author.c.name))
        .select_from(authorship.join(author, author.c.id == authorship.c.author_id))
        .where(authorship.c.work_id == work.c.id)
    )
    tags = (
        select(dialect.json_list(tag.c.id, tag.c.name))
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
