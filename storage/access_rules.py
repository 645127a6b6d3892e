"""Rules on clients and addresses in `peerage.db`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lists.access_rules import AccessRule, RuleSubject
from lists.infohashes import ListKind
from storage.database import Database, Row
from storage.parameters import MAX_INTEGER, bounded_id

if TYPE_CHECKING:
    from storage.statements.access_rules import AccessRuleStatements

ACCESS_RULE_KEY = ("subject", "pattern", "source")
ACCESS_RULE_SAID = ("verdict", "reason", "author", "since")


class SqlAccessRules:
    """An `AccessRuleStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: AccessRuleStatements = database.dialect.statements(
            "storage.statements.access_rules.AccessRuleStatements"
        )

    async def set(self, rules: Sequence[AccessRule]) -> list[int]:
        """Add rules, each in place of an earlier one of its key; return their ids."""
        numbers = []
        async with self._database.transaction() as transaction:
            for rule in rules:
                row = _row(rule)
                key = {f"key_{name}": row[name] for name in ACCESS_RULE_KEY}
                said = {f"new_{name}": row[name] for name in ACCESS_RULE_SAID}
                found = await transaction.rows(self._sql.change, key | said)
                ((number,),) = found or await transaction.rows(self._sql.add, row)
                numbers.append(int(number))
        return numbers

    async def get(self, number: int) -> AccessRule | None:
        """Return a rule, or None."""
        found = await self._database.rows(self._sql.get, {"row": bounded_id(number)})
        return _rule(found[0]) if found else None

    async def find(self, subject: RuleSubject, pattern: str, source: str) -> AccessRule | None:
        """Return a rule by its key, or None."""
        key = {"key_subject": subject.value, "key_pattern": pattern, "key_source": source}
        found = await self._database.rows(self._sql.find, key)
        return _rule(found[0]) if found else None

    async def remove(self, numbers: Sequence[int]) -> None:
        """Delete rules."""
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._sql.remove, [{"row": bounded_id(each)} for each in numbers])

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
        return [_rule(row) for row in await self._database.rows(self._sql.page, parameters)]

    async def count(self, subject: RuleSubject | None) -> int:
        """Count the rules on a subject, or all."""
        asked = subject.value if subject is not None else None
        ((number,),) = await self._database.rows(self._sql.count, {"subject": asked})
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
