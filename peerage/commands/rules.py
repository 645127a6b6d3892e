"""Commands for clients and addresses that may announce or not: `peerage rule …`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import click

from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.terminal import day, print_each

if TYPE_CHECKING:
    from accounts.model import Principal
    from lists.access_rules import AccessRule
    from peerage.wiring.application import Application

_About = Literal["client", "address"]
_Subject = Annotated[_About, click.Argument(["subject"], type=click.Choice(["client", "address"]))]
_Pattern = Annotated[str, click.Argument(["pattern"], metavar="PATTERN")]
_STATES = {"deny": "denied", "allow": "allowed"}


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse announces of clients or from addresses, which are told why.

    A client is the beginning of its peer ids, perhaps with versions: -UT, "-UT ..3.5.4", M7-. An address is one or a
    network: 192.0.2.0/24. The narrowest rule decides; the client * and the networks 0.0.0.0/0 and ::/0 are everybody.
    """

    subject: _Subject
    pattern: _Pattern
    reason: Annotated[
        str, click.Option(["--reason"], default="", metavar="TEXT", help="Why; the client shows it.")
    ] = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """Take announces of clients or from addresses though a wider rule denies them."""

    subject: _Subject
    pattern: _Pattern
    reason: Annotated[
        str, click.Option(["--reason"], default="", metavar="TEXT", help="A note for other operators.")
    ] = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove a rule."""

    subject: _Subject
    pattern: _Pattern


@dataclass(frozen=True, slots=True)
class ShowRules:
    """Show every rule on clients and addresses."""


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """A rule: `verdict` is deny or allow, `since` in unix seconds, `file` the list whose file holds it, or empty."""

    id: int
    subject: str
    pattern: str
    verdict: str
    reason: str
    by: str
    since: int
    file: str


@dataclass(frozen=True, slots=True)
class ForgottenRecord:
    """Whether there was a rule to remove."""

    subject: str
    pattern: str
    found: bool


async def _deny(
    application: "Application", operator: "Principal", arguments: Deny
) -> AsyncIterator[RuleRecord]:
    yield await _set(application, operator, arguments, "deny")


async def _permit(
    application: "Application", operator: "Principal", arguments: Permit
) -> AsyncIterator[RuleRecord]:
    yield await _set(application, operator, arguments, "allow")


async def _set(
    application: "Application", operator: "Principal", arguments: Deny | Permit, verdict: str
) -> RuleRecord:
    from lists.access_rules import RuleSubject  # noqa: PLC0415 - not for --help
    from lists.infohashes import ListKind  # noqa: PLC0415

    subject = RuleSubject(arguments.subject)
    rule = await application.access_moderation.set(
        operator, subject, arguments.pattern, ListKind(verdict), arguments.reason
    )
    return rule_record(rule)


async def _forget(
    application: "Application", operator: "Principal", arguments: Forget
) -> AsyncIterator[ForgottenRecord]:
    from lists.access_rules import RuleSubject  # noqa: PLC0415 - not for --help

    subject = RuleSubject(arguments.subject)
    try:
        rule = await application.access_moderation.remove_pattern(operator, subject, arguments.pattern)
    except Refusal as refusal:
        if refusal.code != "not-found":
            raise
        yield ForgottenRecord(arguments.subject, arguments.pattern, found=False)
    else:
        yield ForgottenRecord(arguments.subject, rule.pattern, found=True)


async def _rules(
    application: "Application", _operator: "Principal", _arguments: ShowRules
) -> AsyncIterator[RuleRecord]:
    async for batch in application.access_rules.walk():
        for rule in batch:
            yield rule_record(rule)


def rule_record(rule: "AccessRule") -> RuleRecord:
    """Return a rule as a record."""
    return RuleRecord(
        id=rule.id,
        subject=rule.subject.value,
        pattern=rule.pattern,
        verdict=rule.kind.value,
        reason=rule.reason,
        by=rule.by,
        since=rule.since,
        file=rule.source,
    )


def rule_line(rule: RuleRecord) -> str:
    """Return a rule as a line."""
    by = f"file {rule.file}" if rule.file else rule.by
    return f"{_STATES[rule.verdict]}  {rule.subject} {rule.pattern}  {day(rule.since)}  {by}  {rule.reason}".rstrip()


async def _show_new(_arguments: Deny | Permit, records: AsyncIterator[RuleRecord]) -> bool:
    return await print_each(records, rule_line)


async def _show_rules(_arguments: ShowRules, records: AsyncIterator[RuleRecord]) -> bool:
    return await print_each(records, rule_line)


async def _show_forgotten(_arguments: Forget, records: AsyncIterator[ForgottenRecord]) -> bool:
    succeeded = True
    async for record in records:
        if record.found:
            click.echo(f"forgotten  {record.subject} {record.pattern}")
        else:
            click.echo(f"there is no rule on {record.subject} {record.pattern}", err=True)
            succeeded = False
    return succeeded


DENY = Command(
    path=("rule", "deny"),
    arguments=Deny,
    record=RuleRecord,
    run=_deny,
    show=_show_new,
    creates_folder=True,
    starts=False,
    takes_hyphens=True,
)
PERMIT = Command(
    path=("rule", "allow"),
    arguments=Permit,
    record=RuleRecord,
    run=_permit,
    show=_show_new,
    creates_folder=True,
    starts=False,
    takes_hyphens=True,
)
FORGET = Command(
    path=("rule", "forget"),
    arguments=Forget,
    record=ForgottenRecord,
    run=_forget,
    show=_show_forgotten,
    starts=False,
    takes_hyphens=True,
)
RULES = Command(
    path=("rule", "list"), arguments=ShowRules, record=RuleRecord, run=_rules, show=_show_rules, starts=False
)
