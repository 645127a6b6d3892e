"""Cascades that foreign keys cannot do: reports, bookmarks and collage entries of what is deleted or merged."""

from collections.abc import Callable

from sqlalchemy import Table, Update, bindparam, delete, exists, select, update

from storage.database import Database, Transaction
from storage.tables.catalogue import torrent, work
from storage.tables.collages import bookmark, collage, collected
from storage.tables.discussion import comment
from storage.tables.moderation import report

REMOVED_RESOLUTION = "It was removed."


class Cascades:
    """Deletes or moves rows together with those that refer to them without a foreign key. `clock`: unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        dialect = database.dialect
        compiled = dialect.compile
        self._clock = clock
        self._comments = compiled(select(comment.c.id).where(comment.c.work_id == bindparam("target")))
        self._close = compiled(
            update(report)
            .where(
                report.c.subject == bindparam("subject"),
                report.c.target == bindparam("target"),
                report.c.resolved.is_(None),
            )
            .values(resolved=bindparam("now"), resolution=REMOVED_RESOLUTION)
        )
        self._unbookmark = compiled(
            delete(bookmark).where(
                bookmark.c.kind == bindparam("subject"), bookmark.c.target == bindparam("target")
            )
        )
        self._delete = {
            table: compiled(delete(table).where(table.c.id == bindparam("target")))
            for table in (torrent, work, comment, collage)
        }
        self._moves = [compiled(_move_rows(table)) for table in (torrent, comment)]
        self._moves += [compiled(_move_collage_entries()), compiled(_move_bookmarks())]

    async def drop_torrent(self, transaction: Transaction, number: int) -> None:
        """Delete a torrent."""
        await self._drop(transaction, torrent, "torrent", number)

    async def drop_group(self, transaction: Transaction, number: int) -> None:
        """Delete a group and its comments."""
        for (each,) in await transaction.rows(self._comments, {"target": number}):
            await self._close_reports(transaction, "comment", each)
        await self._drop(transaction, work, "group", number)

    async def drop_comment(self, transaction: Transaction, number: int) -> None:
        """Delete a comment."""
        await self._drop(transaction, comment, "comment", number)

    async def drop_collage(self, transaction: Transaction, number: int) -> None:
        """Delete a collage."""
        await self._drop(transaction, collage, "collage", number)

    async def move(self, transaction: Transaction, group: int, into: int) -> None:
        """Move torrents, comments, bookmarks and collage entries to another group."""
        for statement in self._moves:
            await transaction.run(statement, {"old": group, "new": into})

    async def _drop(self, transaction: Transaction, table: Table, subject: str, number: int) -> None:
        await self._close_reports(transaction, subject, number)
        await transaction.run(self._unbookmark, {"subject": subject, "target": number})
        await transaction.run(self._delete[table], {"target": number})

    async def _close_reports(self, transaction: Transaction, subject: str, number: int) -> None:
        closing = {"subject": subject, "target": number, "now": int(self._clock())}
        await transaction.run(self._close, closing)


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
