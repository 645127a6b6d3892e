"""The statements of cascades that foreign keys cannot do."""

from sqlalchemy import Table, Update, bindparam, delete, exists, select, update

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent, work
from storage.tables.collages import bookmark, collage, collected
from storage.tables.discussion import comment
from storage.tables.moderation import report


class CascadeStatements:
    """The statements of `Cascades`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.comments = compiled(select(comment.c.id).where(comment.c.work_id == bindparam("target")))
        self.close = compiled(
            update(report)
            .where(
                report.c.subject == bindparam("subject"),
                report.c.target == bindparam("target"),
                report.c.resolved.is_(None),
            )
            .values(resolved=bindparam("now"), resolution=bindparam("said"))
        )
        self.unbookmark = compiled(
            delete(bookmark).where(
                bookmark.c.kind == bindparam("subject"), bookmark.c.target == bindparam("target")
            )
        )
        self.delete = {
            table.name: compiled(delete(table).where(table.c.id == bindparam("target")))
            for table in (torrent, work, comment, collage)
        }
        self.moves = [compiled(_move_rows(table)) for table in (torrent, comment)]
        self.moves += [compiled(_move_collage_entries()), compiled(_move_bookmarks())]


def _move_rows(table: Table) -> Update:
    return update(table).where(table.c.work_id == bindparam("old")).values(work_id=bindparam("new"))


def _move_collage_entries() -> Update:
    other = collected.alias("other")
    present = select(other.c.work_id).where(
        other.c.collage_id == collected.c.collage_id, other.c.work_id == bindparam("new")
    )
    old = collected.c.work_id == bindparam("old")
    return update(collected).where(old, ~exists(present)).values(work_id=bindparam("new"))


def _move_bookmarks() -> Update:
    other = bookmark.alias("other")
    present = select(other.c.target).where(
        other.c.account_id == bookmark.c.account_id,
        other.c.kind == "group",
        other.c.target == bindparam("new"),
    )
    old = bookmark.c.target == bindparam("old")
    return (
        update(bookmark)
        .where(bookmark.c.kind == "group", old, ~exists(present))
        .values(target=bindparam("new"))
    )
