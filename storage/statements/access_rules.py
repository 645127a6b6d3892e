"""The statements of the rules on clients and addresses."""

from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, insert, or_, select, update

from storage.access_rules import ACCESS_RULE_KEY, ACCESS_RULE_SAID
from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.lists import access_rule


class AccessRuleStatements:
    """The statements of `SqlAccessRules`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled, row = dialect.compile, access_rule.c
        same = [row[name] == bindparam(f"key_{name}") for name in ACCESS_RULE_KEY]
        self.find = compiled(select(access_rule).where(*same))
        self.get = compiled(select(access_rule).where(row.id == bindparam("row")))
        self.add = compiled(insert(access_rule).values(**new_row(access_rule)).returning(row.id))
        said: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ACCESS_RULE_SAID}
        self.change = compiled(update(access_rule).where(*same).values(said).returning(row.id))
        self.remove = compiled(delete(access_rule).where(row.id == bindparam("row")))
        subject: BindParameter[Any] = bindparam("subject")
        source: BindParameter[Any] = bindparam("source")
        self.page = compiled(
            select(access_rule)
            .where(
                row.id > bindparam("after"),
                or_(subject.is_(None), row.subject == subject),
                or_(source.is_(None), row.source == source),
            )
            .order_by(row.id)
            .limit(bindparam("limit"))
            .offset(bindparam("skip"))
        )
        self.count = compiled(
            select(func.count())
            .select_from(access_rule)
            .where(or_(subject.is_(None), row.subject == subject))
        )
