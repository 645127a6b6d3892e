"""The statements of what records are called, by their ids."""

from sqlalchemy import ColumnElement, Table, select

from storage.dialect import SqlDialect, Statement
from storage.tables.accounts import account
from storage.tables.catalogue import author, category, tag, torrent, work
from storage.tables.collages import collage
from storage.tables.discussion import comment, news


class RecordTitleStatements:
    """The statements of `RecordTitles`."""

    def __init__(self, dialect: SqlDialect) -> None:
        def titles(table: Table, title: ColumnElement[str]) -> Statement:
            return dialect.compile(select(table.c.id, title).where(dialect.in_list(table.c.id, "ids")))

        self.torrent = titles(torrent, torrent.c.title)
        self.group = titles(work, work.c.name)
        self.comment = dialect.compile(
            select(comment.c.id, work.c.name)
            .join_from(comment, work, work.c.id == comment.c.work_id)
            .where(dialect.in_list(comment.c.id, "ids"))
        )
        self.collage = titles(collage, collage.c.name)
        self.user = titles(account, account.c.name)
        self.tag = titles(tag, tag.c.name)
        self.category = titles(category, category.c.name)
        self.author = titles(author, author.c.name)
        self.news = titles(news, news.c.title)
