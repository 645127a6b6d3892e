"""Hides what hangs on a torrent, group, comment or collage: reports, bookmarks, places that go or move with it."""

from collections.abc import Callable

from sqlalchemy import Table, Update, bindparam, delete, exists, select, update

from storage.database import Database
from storage.rows import Writer
from storage.tables import bookmark, collage, collected, comment, report, torrent, work

GONE = "It was removed."


class Hanging:
    """Drops and moves what no key of the database takes along. `clock` gives unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        compiled = database.compile
        self._clock = clock
        self._comments = compiled(select(comment.c.id).where(comment.c.work_id == bindparam("target")))
        self._close = compiled(
            update(report)
            .where(
                report.c.subject == bindparam("subject"),
                report.c.target == bindparam("target"),
                report.c.resolved.is_(None),
            )
            .values(resolved=bindparam("now"), resolution=GONE)
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
        self._moves = [compiled(_of_work(table)) for table in (torrent, comment)]
        self._moves += [compiled(_collected()), compiled(_bookmarked())]

    async def drop_torrent(self, writer: Writer, number: int) -> None:
        """Drop a torrent."""
        await self._drop(writer, torrent, "torrent", number)

    async def drop_group(self, writer: Writer, number: int) -> None:
        """Drop a group and its comments."""
        for (each,) in await writer.rows(self._comments, {"target": number}):
            await self._run_close(writer, "comment", each)
        await self._drop(writer, work, "group", number)

    async def drop_comment(self, writer: Writer, number: int) -> None:
        """Drop a comment."""
        await self._drop(writer, comment, "comment", number)

    async def drop_collage(self, writer: Writer, number: int) -> None:
        """Drop a collage."""
        await self._drop(writer, collage, "collage", number)

    async def move(self, writer: Writer, group: int, into: int) -> None:
        """Move torrents, comments, bookmarks and places in collages to another group."""
        for statement in self._moves:
            await writer.run(statement, {"old": group, "new": into})

    async def _drop(self, writer: Writer, table: Table, subject: str, number: int) -> None:
        await self._run_close(writer, subject, number)
        await writer.run(self._unbookmark, {"subject": subject, "target": number})
        await writer.run(self._delete[table], {"target": number})

    async def _run_close(self, writer: Writer, subject: str, number: int) -> None:
        closing = {"subject": subject, "target": number, "now": int(self._clock())}
        await writer.run(self._close, closing)


def _of_work(table: Table) -> Update:
    return update(table).where(table.c.work_id == bindparam("old")).values(work_id=bindparam("new"))


def _collected() -> Update:
    other = collected.alias("other")
    there = select(other.c.work_id).where(
        other.c.collage_id == collected.c.collage_id, other.c.work_id == bindparam("new")
    )
    old = collected.c.work_id == bindparam("old")
    return update(collected).where(old, ~exists(there)).values(work_id=bindparam("new"))


def _bookmarked() -> Update:
    other = bookmark.alias("other")
    there = select(other.c.target).where(
        other.c.account_id == bookmark.c.account_id,
        other.c.kind == "group",
        other.c.target == bindparam("new"),
    )
    old = bookmark.c.target == bindparam("old")
    return (
        update(bookmark)
        .where(bookmark.c.kind == "group", old, ~exists(there))
        .values(target=bindparam("new"))
    )
