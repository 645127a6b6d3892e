"""The statements of comments and news."""

from sqlalchemy import Integer, and_, bindparam, func, or_, select

from storage.dialect import SqlDialect
from storage.statements.torrent_queries import has_visible_torrent
from storage.tables.accounts import account
from storage.tables.discussion import comment, news

_COMMENT_VISIBLE = and_(
    or_(
        and_(comment.c.hidden == 0, comment.c.held == 0),
        bindparam("moderates", type_=Integer) == 1,
        comment.c.account_id == bindparam("viewer", type_=Integer),
    ),
    has_visible_torrent(comment.c.work_id),
)


class CommentStatements:
    """The statements of `SqlComments`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        editor = account.alias("editor")
        read = (
            select(comment, account.c.name, account.c.enabled, editor.c.name)
            .join_from(comment, account, account.c.id == comment.c.account_id)
            .outerjoin(editor, editor.c.id == comment.c.editor_id)
            .where(_COMMENT_VISIBLE)
        )
        page = read.where(comment.c.work_id == bindparam("work")).limit(bindparam("limit"))
        page = page.offset(bindparam("offset"))
        self.oldest = compiled(page.order_by(comment.c.id))
        self.newest = compiled(page.order_by(comment.c.id.desc()))
        self.one = compiled(read.where(comment.c.id == bindparam("row")))
        self.count = compiled(
            select(func.count())
            .select_from(comment)
            .where(comment.c.work_id == bindparam("work"), _COMMENT_VISIBLE)
        )
        held = read.where(comment.c.held == 1).order_by(comment.c.id)
        self.held = compiled(held.limit(bindparam("limit")).offset(bindparam("offset")))
        self.count_held = compiled(
            select(func.count()).select_from(comment).where(comment.c.held == 1, _COMMENT_VISIBLE)
        )
        shown = func.count().filter(comment.c.hidden == 0, comment.c.held == 0)
        self.of_author = compiled(
            select(shown, func.count().filter(comment.c.held == 1)).where(
                comment.c.account_id == bindparam("author")
            )
        )
        read_news = select(
            news.c.id, news.c.title, news.c.body, account.c.id, account.c.name, news.c.added
        ).join_from(news, account, account.c.id == news.c.account_id)
        self.one_news = compiled(read_news.where(news.c.id == bindparam("row")))
        page_of_news = read_news.order_by(news.c.id.desc()).limit(bindparam("limit"))
        self.news = compiled(page_of_news.offset(bindparam("offset")))
        self.count_news = compiled(select(func.count()).select_from(news))
