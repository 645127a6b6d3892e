"""Rules on who may announce at all: patterns of clients and networks of addresses, allowed or denied, each with why."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from bittorrent.addresses import parse_network
from bittorrent.client_pattern import ClientPattern
from bittorrent.refusal import Refusal
from lists.entry_text import AUTHOR_LIMIT, REASON_LIMIT, check_text
from lists.infohashes import ListKind

LONGEST_PATTERN = 128
_BATCH = 5_000


class RuleSubject(StrEnum):
    """What a rule is about: clients by their peer ids, or addresses."""

    CLIENT = "client"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A rule: what it is about, its pattern in its one spelling, the verdict, why, by whom, since (unix seconds).

    `source` is the list whose file holds it, empty for one that somebody set; `id` is 0 until it is stored.
    """

    subject: RuleSubject
    pattern: str
    kind: ListKind
    reason: str
    by: str
    since: int
    source: str = ""
    id: int = 0


class AccessRuleStore(Protocol):
    """The store of rules; every change is durable before it returns."""

    async def set(self, rules: Sequence[AccessRule]) -> list[int]:
        """Add rules, each in place of an earlier one of its subject, pattern and source; return their ids."""

    async def get(self, number: int) -> AccessRule | None:
        """Return a rule, or None."""

    async def find(self, subject: RuleSubject, pattern: str, source: str) -> AccessRule | None:
        """Return a rule by its key, or None."""

    async def remove(self, numbers: Sequence[int]) -> None:
        """Delete rules."""

    async def page(
        self, subject: RuleSubject | None, after: int, limit: int, skip: int = 0, source: str | None = None
    ) -> list[AccessRule]:
        """Return up to `limit` rules whose id is above `after`, but `skip` of them, by id."""

    async def count(self, subject: RuleSubject | None) -> int:
        """Count the rules on a subject, or all."""


class AccessRules:
    """The rules on clients and addresses."""

    def __init__(self, store: AccessRuleStore) -> None:
        self._store = store

    async def set(self, rule: AccessRule, most: int) -> AccessRule:
        """Add a rule somebody gave, in place of an earlier one of its pattern, and return it as it is stored.

        Refusal: `bad-client`, `bad-network`, `bad-reason`, `full` where there are `most`.
        """
        check_text("the reason", rule.reason, REASON_LIMIT)
        check_text("the author", rule.by, AUTHOR_LIMIT)
        written = replace(rule, pattern=spelling(rule.subject, rule.pattern))
        known = await self._store.find(written.subject, written.pattern, written.source)
        if known is None and await self._store.count(written.subject) >= most:
            raise Refusal("full")
        (number,) = await self._store.set([written])
        return replace(written, id=number)

    async def remove(self, number: int) -> AccessRule:
        """Delete a rule and return it. Refusal: `not-found`, `fixed` for one that a file holds."""
        rule = await self._store.get(number)
        if rule is None:
            raise Refusal("not-found")
        if rule.source:
            raise Refusal("fixed", "take its line out of the file")
        await self._store.remove([number])
        return rule

    async def find(self, subject: RuleSubject, pattern: str) -> AccessRule | None:
        """Return the rule that somebody set of a pattern, or None. Refusal: `bad-client`, `bad-network`."""
        return await self._store.find(subject, spelling(subject, pattern), "")

    async def page(self, subject: RuleSubject | None, skip: int, limit: int) -> list[AccessRule]:
        """Return up to `limit` rules, on a subject or all, but the first `skip`, the oldest first."""
        return await self._store.page(subject, 0, limit, skip)

    async def count(self, subject: RuleSubject | None) -> int:
        """Count the rules on a subject, or all."""
        return await self._store.count(subject)

    async def walk(self, source: str | None = None) -> AsyncIterator[list[AccessRule]]:
        """Yield every rule, or every one of a source, a batch at a time."""
        after = 0
        while page := await self._store.page(None, after, _BATCH, source=source):
            yield page
            after = page[-1].id

    async def add_all(self, rules: Sequence[AccessRule]) -> None:
        """Add rules of a file, whose patterns are spelt right."""
        await self._store.set(rules)

    async def remove_all(self, rules: Sequence[AccessRule]) -> None:
        """Delete rules that a file holds no more."""
        await self._store.remove([each.id for each in rules])


def spelling(subject: RuleSubject, text: str) -> str:
    """Return a pattern in its one spelling. Refusal: `bad-client`, `bad-network`."""
    if subject is RuleSubject.CLIENT:
        return str(ClientPattern.parse(text))
    return str(parse_network(text))
