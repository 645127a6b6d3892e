"""Comments and news in `peerage.db`."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Integer, and_, bindparam, func, or_, select

from catalogue.model import Comment, News, Page, Person, Viewer
from catalogue.store import CommentWrite
from storage.catalogue.cascades import Cascades
from storage.catalogue.columns import BLANK_COMMENT, change_columns
from storage.catalogue.torrent_queries import has_visible_torrent, viewer_parameters
from storage.database import Database
from storage.parameters import bounded_id, page_parameters
from storage.rows import TableRows
from storage.tables.accounts import account
from storage.tables.catalogue import work
from storage.tables.discussion import comment, news

_COMMENT_VISIBLE = and_(
    or_(
        comment.c.hidden == 0,
        bindparam("moderates", type_=Integer) == 1,
        comment.c.account_id == bindparam("viewer", type_=Integer),
    ),
    has_visible_torrent(comment.c.work_id),
)


class SqlComments:
    """Comments and news in a SQL database."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        dialect = database.dialect
        compiled = dialect.compile
        self._database = database
        self._works = TableRows(database, work)
        self._comments = TableRows(database, comment)
        self._cascades = Cascades(database, clock)
        self._news_rows = TableRows(database, news)
        editor = account.alias("editor")
        read = (
            select(comment, account.c.name, account.c.enabled, editor.c.name)
            .join_from(comment, account, account.c.id == comment.c.account_id)
            .outerjoin(editor, editor.c.id == comment.c.editor_id)
            .where(_COMMENT_VISIBLE)
        )
        page = read.where(comment.c.work_id == bindparam("work")).limit(bindparam("limit"))
        page = page.offset(bindparam("offset"))
        self._oldest = compiled(page.order_by(comment.c.id))
        self._newest = compiled(page.order_by(comment.c.id.desc()))
        self._one = compiled(read.where(comment.c.id == bindparam("row")))
        self._count = compiled(
            select(func.count())
            .select_from(comment)
            .where(comment.c.work_id == bindparam("work"), _COMMENT_VISIBLE)
        )
        read_news = select(
            news.c.id, news.c.title, news.c.body, account.c.id, account.c.name, news.c.added
        ).join_from(news, account, account.c.id == news.c.account_id)
        self._one_news = compiled(read_news.where(news.c.id == bindparam("row")))
        page_of_news = read_news.order_by(news.c.id.desc()).limit(bindparam("limit"))
        self._news = compiled(page_of_news.offset(bindparam("offset")))
        self._count_news = compiled(select(func.count()).select_from(news))

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool = False
    ) -> Page[Comment]:
        """Return the comments on a group."""
        conditions = {"work": bounded_id(group), **viewer_parameters(viewer)}
        ((total,),) = await self._database.rows(self._count, conditions)
        statement = self._newest if newest_first else self._oldest
        parameters = {**conditions, **page_parameters(offset, limit)}
        rows = await self._database.rows(statement, parameters)
        return Page(tuple(map(_comment, rows)), total)

    async def comment(self, number: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        rows = await self._database.rows(self._one, {"row": bounded_id(number), **viewer_parameters(viewer)})
        return _comment(rows[0]) if rows else None

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
        ((total,),) = await self._database.rows(self._count_news)
        rows = await self._database.rows(self._news, page_parameters(offset, limit))
        return Page(tuple(map(_news, rows)), total)

    async def news_item(self, number: int) -> News | None:
        """Find a news item."""
        rows = await self._database.rows(self._one_news, {"row": bounded_id(number)})
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
    number, group, author, body, added, edited, editor, hidden, name, enabled, editor_name = row
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
    )


def _news(row: tuple[Any, ...]) -> News:
    number, title, body, author, name, added = row
    return News(number, title, body, Person(author, name), added)
