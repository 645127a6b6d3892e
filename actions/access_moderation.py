"""Rules on who may announce at all: changed on behalf of a principal, and in force at every door when that returns."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from accounts.model import Principal
from accounts.rights import Right, Rights
from bittorrent.addresses import parse_network
from bittorrent.client_pattern import ClientPattern
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from catalogue.moderation import Moderation
from lists.access_rules import AccessRule, AccessRules, RuleSubject
from lists.infohashes import ListKind
from tracker.access import MOST_ADDRESS_RULES, MOST_CLIENT_RULES, AccessTable, AddressRule, ClientRule

MOST_RULES = {RuleSubject.CLIENT: MOST_CLIENT_RULES, RuleSubject.ADDRESS: MOST_ADDRESS_RULES}
_SUBJECTS = {RuleSubject.CLIENT: Subject.CLIENT, RuleSubject.ADDRESS: Subject.ADDRESS}

log = structlog.get_logger()


class AccessPolicy(Protocol):
    """What the doors look rules up in; a table is in force when the call returns."""

    def set_access(self, table: AccessTable) -> None:
        """Put a table of rules in force, in place of the one before."""


class AccessEnforcement:
    """Keeps the tracker's table equal to the rules that are stored."""

    def __init__(self, rules: AccessRules, policy: AccessPolicy) -> None:
        self._rules = rules
        self._policy = policy
        self._lock = asyncio.Lock()
        self._asked = self._done = 0

    async def enforce(self) -> None:
        """Put the rules as they are stored in force; callers under way together share one reading."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._done >= mine:
                return
            seen = self._asked
            clients, addresses = [], []
            async for batch in self._rules.walk():
                for rule in batch:
                    denied = rule.kind is ListKind.DENY
                    if rule.subject is RuleSubject.CLIENT:
                        clients.append(ClientRule(ClientPattern.parse(rule.pattern), denied, rule.reason))
                    else:
                        addresses.append(AddressRule(parse_network(rule.pattern), denied, rule.reason))
            table = await asyncio.to_thread(AccessTable.of, clients, addresses)
            self._policy.set_access(table)
            self._done = seen
            if clients or addresses:
                log.info("tracker.access_rules", clients=len(clients), addresses=len(addresses))


class AccessModeration:
    """Changes of rules on behalf of a principal (BLOCK); each may raise Refusal `unauthenticated`, `forbidden`."""

    def __init__(
        self,
        rules: AccessRules,
        enforcement: AccessEnforcement,
        moderation: Moderation,
        rights: Rights,
        clock: Callable[[], float],
    ) -> None:
        self.rules = rules
        self._enforcement = enforcement
        self._moderation = moderation
        self._rights = rights
        self._clock = clock

    async def set(
        self, principal: Principal, subject: RuleSubject, pattern: str, kind: ListKind, reason: str
    ) -> AccessRule:
        """Allow or deny clients or addresses. Refusal: `bad-client`, `bad-network`, `bad-reason`, `full`."""
        self._rights.require(principal, Right.BLOCK)
        rule = AccessRule(subject, pattern, kind, reason, principal.name, int(self._clock()))
        rule = await self.rules.set(rule, MOST_RULES[subject])
        await self._enforcement.enforce()
        await self._log(principal, kind.value, rule)
        return rule

    async def remove(self, principal: Principal, number: int) -> AccessRule:
        """Remove a rule. Refusal: `not-found`, `fixed` for one that a file holds."""
        self._rights.require(principal, Right.BLOCK)
        rule = await self.rules.remove(number)
        await self._enforcement.enforce()
        await self._log(principal, "forget", rule)
        return rule

    async def remove_pattern(self, principal: Principal, subject: RuleSubject, pattern: str) -> AccessRule:
        """Remove the rule that was set of a pattern. Refusal: `not-found`, `bad-client`, `bad-network`."""
        self._rights.require(principal, Right.BLOCK)
        rule = await self.rules.find(subject, pattern)
        if rule is None:
            raise Refusal("not-found")
        return await self.remove(principal, rule.id)

    async def _log(self, principal: Principal, verb: str, rule: AccessRule) -> None:
        await self._moderation.log(
            principal.id, verb, _SUBJECTS[rule.subject], rule.pattern, principal.signed(rule.reason)
        )
