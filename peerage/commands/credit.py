"""Commands for the credit of a private tracker: `peerage credit …`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from bittorrent.infohash import InfoHash
from peerage.commands.account_names import AccountName, find_account
from peerage.commands.command import Command
from peerage.commands.parameters import read_seconds
from peerage.commands.terminal import moment, print_each

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application
    from tracker.credit import CreditRule

_PAGE = 500


@dataclass(frozen=True, slots=True)
class AddCreditRule:
    """Say what part of the bytes counts: of a torrent, an account, both, or everything."""

    upload: Annotated[
        int | None,
        click.Option(
            ["--upload"],
            type=click.IntRange(0, 1000),
            metavar="PERCENT",
            help="Of bytes uploaded: 200 is twice.",
        ),
    ] = None
    download: Annotated[
        int | None,
        click.Option(
            ["--download"],
            type=click.IntRange(0, 1000),
            metavar="PERCENT",
            help="Of bytes downloaded: 0 is free.",
        ),
    ] = None
    torrent: Annotated[
        str | None, click.Option(["--torrent"], metavar="HASH", help="For one torrent alone.")
    ] = None
    user: Annotated[str | None, click.Option(["--user"], metavar="NAME", help="For one account alone.")] = (
        None
    )
    begins: Annotated[
        int | None,
        click.Option(
            ["--in", "begins"], callback=read_seconds, metavar="TIME", help="When it begins, as 12h from now."
        ),
    ] = None
    lasts: Annotated[
        int | None,
        click.Option(
            ["--for", "lasts"],
            callback=read_seconds,
            metavar="TIME",
            help="How long it holds, as 2d. [default: until it is ended]",
        ),
    ] = None
    reason: Annotated[
        str, click.Option(["--reason"], default="", metavar="TEXT", help="A note that moderators see.")
    ] = ""


@dataclass(frozen=True, slots=True)
class ListCreditRules:
    """Show every rule of what counts that has not ended, but for tokens in use."""


@dataclass(frozen=True, slots=True)
class EndCreditRule:
    """End a rule of what counts now."""

    rule: Annotated[int, click.Argument(["rule"], metavar="ID", type=click.IntRange(min=1))]


@dataclass(frozen=True, slots=True)
class GrantTokens:
    """Give an account tokens, each of which makes a torrent free for it for a while."""

    name: AccountName
    tokens: Annotated[int, click.Argument(["tokens"], metavar="NUMBER", type=int)]


@dataclass(frozen=True, slots=True)
class CreditRecord:
    """A rule of what counts, times in unix seconds."""

    id: int
    account: int | None
    infohash: str | None
    upload: int | None
    download: int | None
    since: int
    until: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class TokensRecord:
    """The tokens that an account may spend."""

    name: str
    tokens: int


async def _add(
    application: "Application", operator: "Principal", arguments: AddCreditRule
) -> AsyncIterator[CreditRecord]:
    from tracker.credit import NewCreditRule  # noqa: PLC0415 - not for --help

    since = int(application.environment.clock()) + (arguments.begins or 0)
    rule = NewCreditRule(
        since,
        since + arguments.lasts if arguments.lasts is not None else None,
        (await find_account(application, arguments.user)).id if arguments.user is not None else None,
        InfoHash.parse(arguments.torrent).truncated if arguments.torrent is not None else None,
        arguments.upload,
        arguments.download,
        reason=arguments.reason,
    )
    yield _record(await application.crediting.add_rule(operator, rule))


async def _list(
    application: "Application", operator: "Principal", _arguments: ListCreditRules
) -> AsyncIterator[CreditRecord]:
    offset, total = 0, 1
    while offset < total:
        rules, total = await application.crediting.rules(operator, offset, _PAGE)
        for rule in rules:
            yield _record(rule)
        offset += _PAGE


async def _end(
    application: "Application", operator: "Principal", arguments: EndCreditRule
) -> AsyncIterator[CreditRecord]:
    yield _record(await application.crediting.end_rule(operator, arguments.rule))


async def _grant(
    application: "Application", operator: "Principal", arguments: GrantTokens
) -> AsyncIterator[TokensRecord]:
    account = (await find_account(application, arguments.name)).id
    balance = await application.crediting.grant(operator, account, arguments.tokens)
    yield TokensRecord(arguments.name, balance.tokens)


def _record(rule: "CreditRule") -> CreditRecord:
    infohash = rule.infohash.upper if rule.infohash is not None else None
    return CreditRecord(
        rule.id, rule.account, infohash, rule.upload, rule.download, rule.since, rule.until, rule.reason
    )


async def _show_rules(_arguments: object, records: AsyncIterator[CreditRecord]) -> bool:
    return await print_each(records, _line)


async def _show_tokens(_arguments: GrantTokens, records: AsyncIterator[TokensRecord]) -> bool:
    return await print_each(records, lambda record: f"{record.name}  {record.tokens} tokens")


def _line(record: CreditRecord) -> str:
    whom = [
        *([f"torrent {record.infohash}"] if record.infohash is not None else ()),
        *([f"account {record.account}"] if record.account is not None else ()),
    ]
    up, down = (
        "    -" if percent is None else f"{percent:>4}%" for percent in (record.upload, record.download)
    )
    until = moment(record.until) if record.until is not None else "it is ended"
    return (
        f"{record.id:>4}  up {up}  down {down}  from {moment(record.since)} until {until}  "
        f"{' '.join(whom) or 'everything'}  {record.reason}"
    ).rstrip()


ADD_CREDIT_RULE = Command(
    path=("credit", "add"),
    arguments=AddCreditRule,
    record=CreditRecord,
    run=_add,
    show=_show_rules,
    starts=False,
)
LIST_CREDIT_RULES = Command(
    path=("credit", "list"),
    arguments=ListCreditRules,
    record=CreditRecord,
    run=_list,
    show=_show_rules,
    starts=False,
)
END_CREDIT_RULE = Command(
    path=("credit", "end"),
    arguments=EndCreditRule,
    record=CreditRecord,
    run=_end,
    show=_show_rules,
    starts=False,
)
GRANT_TOKENS = Command(
    path=("credit", "grant"),
    arguments=GrantTokens,
    record=TokensRecord,
    run=_grant,
    show=_show_tokens,
    starts=False,
)
