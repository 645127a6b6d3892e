"""Rules on clients and addresses in `peerage.db`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, insert, or_, select, update

from lists.access_rules import AccessRule, RuleSubject
from lists.infohashes import ListKind
from storage.database import Database, Row
from storage.parameters import MAX_INTEGER, bounded_id
from storage.rows import new_row
from storage.tables import access_rule

_KEY = ("subject", "pattern", "source")
_SAID = ("verdict", "reason", "author", "since")


class SqlAccessRules:
    """An `AccessRuleStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled, row = database.dialect.compile, access_rule.c
        same = [row[name] == bindparam(f"key_{name}") for name in _KEY]
        self._find = compiled(select(access_rule).where(*same))
        self._get = compiled(select(access_rule).where(row.id == bindparam("row")))
        self._add = compiled(insert(access_rule).values(**new_row(access_rule)).returning(row.id))
        said: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _SAID}
        self._change = compiled(update(access_rule).where(*same).values(said).returning(row.id))
        self._remove = compiled(delete(access_rule).where(row.id == bindparam("row")))
        subject: BindParameter[Any] = bindparam("subject")
        source: BindParameter[Any] = bindparam("source")
        self._page = compiled(
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
        self._count = compiled(
            select(func.count())
            .select_from(access_rule)
            .where(or_(subject.is_(None), row.subject == subject))
        )

    async def set(self, rules: Sequence[AccessRule]) -> list[int]:
        """Add rules, each in place of an earlier one of its key; return their ids."""
        numbers = []
        async with self._database.transaction() as transaction:
            for rule in rules:
                row = _row(rule)
                key = {f"key_{name}": row[name] for name in _KEY}
                said = {f"new_{name}": row[name] for name in _SAID}
                found = await transaction.rows(self._change, key | said)
                ((number,),) = found or await transaction.rows(self._add, row)
                numbers.append(int(number))
        return numbers

    async def get(self, number: int) -> AccessRule | None:
        """Return a rule, or None."""
        found = await self._database.rows(self._get, {"row": bounded_id(number)})
        return _rule(found[0]) if found else None

    async def find(self, subject: RuleSubject, pattern: str, source: str) -> AccessRule | None:
        """Return a rule by its key, or None."""
        key = {"key_subject": subject.value, "key_pattern": pattern, "key_source": source}
        found = await self._database.rows(self._find, key)
        return _rule(found[0]) if found else None

    async def remove(self, numbers: Sequence[int]) -> None:
        """Delete rules."""
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._remove, [{"row": bounded_id(each)} for each in numbers])

    async def page(
        self, subject: RuleSubject | None, after: int, limit: int, skip: int = 0, source: str | None = None
    ) -> list[AccessRule]:
        """Return up to `limit` rules whose id is above `after`, but `skip` of them, by id."""
        parameters = {
            "subject": subject.value if subject is not None else None,
            "source": source,
            "after": after,
            "limit": limit,
            "skip": min(skip, MAX_INTEGER),
        }
        return [_rule(row) for row in await self._database.rows(self._page, parameters)]

    async def count(self, subject: RuleSubject | None) -> int:
        """Count the rules on a subject, or all."""
        asked = subject.value if subject is not None else None
        ((number,),) = await self._database.rows(self._count, {"subject": asked})
        return int(number)


def _row(rule: AccessRule) -> dict[str, Any]:
    return {
        "subject": rule.subject.value,
        "pattern": rule.pattern,
        "source": rule.source,
        "verdict": rule.kind.value,
        "reason": rule.reason,
        "author": rule.by,
        "since": rule.since,
    }


def _rule(row: Row) -> AccessRule:
    number, subject, pattern, source, verdict, reason, author, since = row
    return AccessRule(
        RuleSubject(subject), pattern, ListKind(verdict), reason, author, since, source, int(number)
    )
