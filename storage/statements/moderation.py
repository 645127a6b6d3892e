"""The statements of reports and the moderators' log."""

from sqlalchemy import BindParameter, ColumnElement, Text, bindparam, func, or_, select

from storage.dialect import SqlDialect
from storage.tables.accounts import account
from storage.tables.moderation import log_entry, report


class ModerationStatements:
    """The statements of `SqlModeration`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        resolver = account.alias("resolver")
        read = (
            select(report, account.c.name, resolver.c.name)
            .join_from(report, account, account.c.id == report.c.account_id)
            .outerjoin(resolver, resolver.c.id == report.c.resolver_id)
        )
        page = read.limit(bindparam("limit")).offset(bindparam("offset"))
        is_open, is_closed = report.c.resolved.is_(None), report.c.resolved.is_not(None)
        count = select(func.count()).select_from(report)
        self.one = compiled(read.where(report.c.id == bindparam("row")))
        self.open = compiled(page.where(is_open).order_by(report.c.id))
        self.closed = compiled(page.where(is_closed).order_by(report.c.resolved.desc(), report.c.id.desc()))
        self.count_open = compiled(count.where(is_open))
        self.count_closed = compiled(count.where(is_closed))
        of_reporter = (is_open, report.c.account_id == bindparam("user"))
        self.count_own = compiled(count.where(*of_reporter))
        self.own = compiled(
            select(report.c.id).where(
                *of_reporter, report.c.subject == bindparam("of"), report.c.target == bindparam("row")
            )
        )
        with_actor = log_entry.outerjoin(account, account.c.id == log_entry.c.account_id)
        wanted = (
            _any_or(log_entry.c.verb, "verb"),
            _any_or(log_entry.c.subject, "of"),
            _any_or(func.coalesce(account.c.folded, ""), "actor"),
        )
        self.log_page = compiled(
            select(log_entry, account.c.name)
            .select_from(with_actor)
            .where(*wanted)
            .order_by(log_entry.c.id.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.count_log = compiled(select(func.count()).select_from(log_entry))
        self.count_wanted_log = compiled(select(func.count()).select_from(with_actor).where(*wanted))
        self.log_verbs = compiled(select(log_entry.c.verb).distinct().order_by(log_entry.c.verb))


def _any_or(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    wanted: BindParameter[str] = bindparam(parameter, type_=Text)
    return or_(wanted == "", column == wanted)
