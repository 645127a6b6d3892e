"""The statements of the tags and authors of groups."""

from sqlalchemy import and_, bindparam, delete, exists, func, insert, select, update

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.catalogue import author, authorship, tag, tagging, torrent
from storage.tables.collages import bookmark


class TagUseStatements:
    """The statements of `TagUseCounter`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        visible = exists(
            select(torrent.c.id).where(torrent.c.work_id == tagging.c.work_id, torrent.c.hidden == 0)
        )
        self.count_uses = compiled(
            select(tagging.c.tag_id, func.count())
            .where(dialect.in_list(tagging.c.work_id, "ids"), visible)
            .group_by(tagging.c.tag_id)
        )
        self.add_uses = compiled(
            update(tag).where(tag.c.id == bindparam("tag")).values(uses=tag.c.uses + bindparam("more"))
        )


class TaggingStatements:
    """The statements of `GroupTagging`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.insert_tag = compiled(dialect.insert_or_ignore(tag).values(**new_row(tag)))
        self.resolve_aliases = compiled(
            select(tag.c.name, func.coalesce(tag.c.alias_of, tag.c.id)).where(
                dialect.in_list(tag.c.name, "names")
            )
        )
        self.delete_tags = compiled(delete(tagging).where(tagging.c.work_id == bindparam("work")))
        self.insert_tagging = compiled(dialect.insert_or_ignore(tagging))
        self.insert_author = compiled(dialect.insert_or_ignore(author).values(**new_row(author)))
        self.author_ids = compiled(
            select(author.c.folded, author.c.id).where(dialect.in_list(author.c.folded, "names"))
        )
        self.authors_of_groups = compiled(
            select(authorship.c.author_id).where(dialect.in_list(authorship.c.work_id, "ids")).distinct()
        )
        self.delete_authors = compiled(delete(authorship).where(authorship.c.work_id == bindparam("work")))
        self.insert_authorship = compiled(insert(authorship))
        orphan = and_(
            dialect.in_list(author.c.id, "ids"),
            ~exists(select(authorship.c.work_id).where(authorship.c.author_id == author.c.id)),
            author.c.description == "",
            author.c.picture == "",
        )
        self.delete_orphan_bookmarks = compiled(
            delete(bookmark).where(
                bookmark.c.kind == "author", bookmark.c.target.in_(select(author.c.id).where(orphan))
            )
        )
        self.delete_orphans = compiled(delete(author).where(orphan))
