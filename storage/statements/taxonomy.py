"""The statements of categories, tags and authors."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, func, insert, select, update

from storage.dialect import SqlDialect
from storage.statements.torrent_queries import has_visible_torrent
from storage.tables.catalogue import author, authorship, category, tag, tagging, torrent, work

_AUTHOR = (author.c.id, author.c.name, author.c.picture, author.c.description)


class CategoryStatements:
    """The statements of `SqlCategories`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.all = compiled(
            select(category.c.id, category.c.name, category.c.parent_id).order_by(category.c.id)
        )
        self.insert = compiled(insert(category))
        self.next = compiled(select(func.max(category.c.id)))
        self.others = compiled(
            select(category.c.id).where(
                category.c.folded == bindparam("folded"), category.c.id != bindparam("row")
            )
        )
        self.group_batch = compiled(
            select(work.c.id).where(work.c.category_id == bindparam("row")).limit(bindparam("limit"))
        )
        self.move = compiled(
            update(work).where(dialect.in_list(work.c.id, "ids")).values(category_id=bindparam("parent"))
        )


class TagStatements:
    """The statements of `SqlTags`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        used = (tag.c.uses > 0, tag.c.name >= bindparam("low"), tag.c.name < bindparam("high"))
        self.count = compiled(select(func.count()).select_from(tag).where(*used))
        self.page = compiled(
            select(tag.c.id, tag.c.name, tag.c.uses)
            .where(*used)
            .order_by(tag.c.uses.desc(), tag.c.name)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.by_id = compiled(_resolved(tag.c.id == bindparam("key")))
        self.by_name = compiled(_resolved(tag.c.name == bindparam("key")))
        self.named = compiled(select(tag.c.id).where(tag.c.name == bindparam("name")))
        self.aliases = compiled(
            select(tag.c.alias_of, tag.c.name)
            .where(dialect.in_list(tag.c.alias_of, "ids"))
            .order_by(tag.c.name)
        )
        self.repoint = compiled(
            update(tag).where(tag.c.alias_of == bindparam("old")).values(alias_of=bindparam("new"))
        )
        self.group_batch = compiled(
            select(tagging.c.work_id).where(tagging.c.tag_id == bindparam("row")).limit(bindparam("limit"))
        )
        self.insert_tagging = compiled(dialect.insert_or_ignore(tagging))
        self.delete_tagging = compiled(
            delete(tagging).where(
                tagging.c.tag_id == bindparam("row"), dialect.in_list(tagging.c.work_id, "ids")
            )
        )


class AuthorStatements:
    """The statements of `SqlAuthors`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        shown = exists(
            select(authorship.c.work_id)
            .join_from(authorship, torrent, torrent.c.work_id == authorship.c.work_id)
            .where(authorship.c.author_id == author.c.id, torrent.c.hidden == 0)
        )
        conditions = (author.c.folded >= bindparam("low"), author.c.folded < bindparam("high"), shown)
        self.count = compiled(select(func.count()).select_from(author).where(*conditions))
        self.page = compiled(
            select(*_AUTHOR)
            .where(*conditions)
            .order_by(author.c.folded)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.by_id = compiled(select(*_AUTHOR).where(author.c.id == bindparam("key")))
        self.by_name = compiled(select(*_AUTHOR).where(author.c.folded == bindparam("key")))
        self.group_batch = compiled(
            select(authorship.c.work_id)
            .where(authorship.c.author_id == bindparam("row"), authorship.c.work_id > bindparam("after"))
            .order_by(authorship.c.work_id)
            .limit(bindparam("limit"))
        )
        groups = (
            select(work.c.id)
            .join_from(authorship, work, work.c.id == authorship.c.work_id)
            .where(authorship.c.author_id == bindparam("row"), has_visible_torrent(work.c.id))
            .order_by(work.c.created.desc(), work.c.id.desc())
        )
        self.groups = compiled(groups)
        self.groups_first = compiled(groups.where(authorship.c.position == 0))


def _resolved(where: ColumnElement[bool]) -> Select[Any]:
    resolved = tag.alias("resolved")
    joined = tag.join(resolved, resolved.c.id == func.coalesce(tag.c.alias_of, tag.c.id))
    return select(resolved.c.id, resolved.c.name, resolved.c.uses).select_from(joined).where(where)
