"""Comments and news in `peerage.db`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from catalogue.model import Comment, News, Page, Person, Viewer
from catalogue.store import CommentCounts, CommentWrite
from storage.catalogue.cascades import Cascades
from storage.catalogue.columns import BLANK_COMMENT, change_columns
from storage.catalogue.torrent_queries import viewer_parameters
from storage.database import Database
from storage.parameters import bounded_id, page_parameters
from storage.rows import TableRows

if TYPE_CHECKING:
    from storage.statements.comments import CommentStatements


class SqlComments:
    """Comments and news in a SQL database."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._works = TableRows(database, "catalogue.work")
        self._comments = TableRows(database, "discussion.comment")
        self._cascades = Cascades(database, clock)
        self._news_rows = TableRows(database, "discussion.news")
        self._sql: CommentStatements = database.dialect.statements(
            "storage.statements.comments.CommentStatements"
        )

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool = False
    ) -> Page[Comment]:
        """Return the comments on a group."""
        conditions = {"work": bounded_id(group), **viewer_parameters(viewer)}
        ((total,),) = await self._database.rows(self._sql.count, conditions)
        statement = self._sql.newest if newest_first else self._sql.oldest
        parameters = {**conditions, **page_parameters(offset, limit)}
        rows = await self._database.rows(statement, parameters)
        return Page(tuple(map(_comment, rows)), total)

    async def comment(self, number: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        rows = await self._database.rows(
            self._sql.one, {"row": bounded_id(number), **viewer_parameters(viewer)}
        )
        return _comment(rows[0]) if rows else None

    async def held(self, offset: int, limit: int, viewer: Viewer) -> Page[Comment]:
        """Return the comments that wait for a moderator, oldest first."""
        conditions = viewer_parameters(viewer)
        ((total,),) = await self._database.rows(self._sql.count_held, conditions)
        rows = await self._database.rows(self._sql.held, {**conditions, **page_parameters(offset, limit)})
        return Page(tuple(map(_comment, rows)), total)

    async def counts_of(self, author: int) -> CommentCounts:
        """Count the comments of an author."""
        (counts,) = await self._database.rows(self._sql.of_author, {"author": bounded_id(author)})
        return CommentCounts(*map(int, counts))

    async def add_comment(self, group: int, author: int, added: int, writing: CommentWrite) -> int:
        """Add a comment, and return its id."""
        row = {"work_id": group, "account_id": author, "added": added}
        async with self._database.transaction() as transaction:
            await self._works.require(transaction, group)
            return await self._comments.insert(
                transaction, {**BLANK_COMMENT, **change_columns(writing), **row}
            )

    async def change_comment(self, number: int, writing: CommentWrite) -> None:
        """Change a comment."""
        async with self._database.transaction() as transaction:
            await self._comments.update(transaction, number, change_columns(writing))

    async def remove_comment(self, number: int) -> None:
        """Delete a comment."""
        async with self._database.transaction() as transaction:
            await self._comments.require(transaction, number)
            await self._cascades.drop_comment(transaction, number)

    async def news(self, offset: int, limit: int) -> Page[News]:
        """Return news, newest first."""
        ((total,),) = await self._database.rows(self._sql.count_news)
        rows = await self._database.rows(self._sql.news, page_parameters(offset, limit))
        return Page(tuple(map(_news, rows)), total)

    async def news_item(self, number: int) -> News | None:
        """Find a news item."""
        rows = await self._database.rows(self._sql.one_news, {"row": bounded_id(number)})
        return _news(rows[0]) if rows else None

    async def add_news(self, title: str, body: str, author: int, added: int) -> int:
        """Add a news item, and return its id."""
        values = {"title": title, "body": body, "account_id": author, "added": added}
        async with self._database.transaction() as transaction:
            return await self._news_rows.insert(transaction, values)

    async def remove_news(self, number: int) -> None:
        """Delete a news item."""
        async with self._database.transaction() as transaction:
            await self._news_rows.delete(transaction, number)


def _comment(row: tuple[Any, ...]) -> Comment:
    number, group, author, body, added, edited, editor, hidden, held, name, enabled, editor_name = row
    return Comment(
        id=number,
        group_id=group,
        author=Person(author, name),
        author_enabled=bool(enabled),
        body=body,
        added=added,
        edited=edited,
        editor=Person(editor, editor_name) if editor_name is not None else None,
        hidden=bool(hidden),
        held=bool(held),
    )


def _news(row: tuple[Any, ...]) -> News:
    number, title, body, author, name, added = row
    return News(number, title, body, Person(author, name), added)
