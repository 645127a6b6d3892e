"""REST operations on who may announce at all: rules on clients and addresses."""

from dataclasses import dataclass
from typing import Literal

from accounts.rights import Right
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time
from lists.access_rules import AccessRule, RuleSubject
from lists.infohashes import ListKind


@dataclass(frozen=True, slots=True)
class RuleShape:
    """A rule on clients or addresses: whom it is about, the verdict, why, by whom, since when.

    `file` is the list whose file holds it, null for one that somebody set. Of several the narrowest decides.
    """

    id: int
    subject: Literal["client", "address"]
    pattern: str
    verdict: Literal["allow", "deny"]
    reason: str
    by: str
    created_at: Time
    file: str | None


def _shape(rule: AccessRule) -> RuleShape:
    return RuleShape(
        rule.id,
        rule.subject.value,
        rule.pattern,
        rule.kind.value,
        rule.reason,
        rule.by,
        time(rule.since),
        rule.source or None,
    )


async def _list(context: RestContext) -> Listing:
    rules = context.services.moderation.access.rules
    asked = context.query.text("subject")
    subject = RuleSubject(asked) if asked else None
    page = await rules.page(subject, context.offset, context.per_page)
    return context.listing([_shape(each) for each in page], await rules.count(subject))


async def _set(context: RestContext) -> RuleShape:
    given = context.body
    rule = await context.services.moderation.access.set(
        context.principal,
        RuleSubject(given.text("subject")),
        given.text("pattern"),
        ListKind(given.text("verdict")),
        given.text("reason"),
    )
    return _shape(rule)


async def _remove(context: RestContext) -> None:
    await context.services.moderation.access.remove(context.principal, context.id("access_rule"))


OPERATIONS = (
    Operation(
        "GET",
        "/tracker/rules",
        "listRules",
        "List the rules on clients and addresses, the oldest first",
        "tracker",
        _list,
        Right.BLOCK,
        query=request_fields.RULES,
        answers=RuleShape,
        many=True,
    ),
    Operation(
        "POST",
        "/tracker/rules",
        "setRule",
        "Allow or deny announces of clients, by peer-id prefix and versions, or from addresses",
        "tracker",
        _set,
        Right.BLOCK,
        body=request_fields.RULE,
        required=("subject", "pattern", "verdict"),
        answers=RuleShape,
        status=201,
        refusals=("bad-client", "bad-network", "bad-reason", "full"),
    ),
    Operation(
        "DELETE",
        "/tracker/rules/{access_rule}",
        "removeRule",
        "Remove a rule; one that a file holds is fixed",
        "tracker",
        _remove,
        Right.BLOCK,
        refusals=("fixed",),
    ),
)
