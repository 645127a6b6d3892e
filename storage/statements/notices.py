"""The statements of takedown notices."""

from sqlalchemy import ColumnElement, bindparam, func, insert, select, true, update

from catalogue.notices import NoticeState
from storage.dialect import SqlDialect, Statement
from storage.statements.rows import new_row
from storage.tables.accounts import account
from storage.tables.moderation import notice

_ROW = (
    *(notice.c[name] for name in ("id", "kind", "about", "claimant", "contact", "work", "statement")),
    *(notice.c[name] for name in ("torrents", "added", "state", "decided", "answer")),
    account.c.id,
    account.c.name,
)


class NoticeStatements:
    """The statements of `SqlNotices`; of pages and counts there are those of open, of decided and of all notices."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled, rows = dialect.compile, notice.c
        read = select(*_ROW).select_from(notice.outerjoin(account, account.c.id == rows.decider_id))
        is_open = rows.state == NoticeState.OPEN.value

        def page(which: ColumnElement[bool], order: ColumnElement[int]) -> Statement:
            limited = read.where(which).order_by(order).limit(bindparam("limit"))
            return compiled(limited.offset(bindparam("offset")))

        def count(which: ColumnElement[bool]) -> Statement:
            return compiled(select(func.count()).select_from(notice).where(which))

        self.add = compiled(insert(notice).values(**new_row(notice)).returning(rows.id))
        self.one = compiled(read.where(rows.id == bindparam("key")))
        self.open_page, self.open_count = page(is_open, rows.id.asc()), count(is_open)
        self.decided_page, self.decided_count = page(~is_open, rows.id.desc()), count(~is_open)
        self.page, self.count = page(true(), rows.id.desc()), count(true())
        self.decide = compiled(
            update(notice)
            .where(rows.id == bindparam("key"), is_open)
            .values(
                state=bindparam("new"),
                decided=bindparam("now"),
                decider_id=bindparam("by"),
                answer=bindparam("said"),
            )
            .returning(rows.id)
        )
        self.figures = compiled(
            select(rows.added, rows.kind, rows.state, rows.torrents)
            .order_by(rows.id.desc())
            .limit(bindparam("limit"))
        )
