"""Commands for invitations and the standing of accounts: `peerage invite …` and `peerage standing`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from peerage.commands.account_names import AccountName, find_account
from peerage.commands.command import Command
from peerage.commands.terminal import day, print_each

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class GrantInvites:
    """Give an account invites, by which it lets others in."""

    name: AccountName
    invites: Annotated[int, click.Argument(["invites"], metavar="NUMBER", type=int)]


@dataclass(frozen=True, slots=True)
class ShowInvited:
    """Show an account and whoever came by its invitations, directly or not."""

    name: AccountName


@dataclass(frozen=True, slots=True)
class JudgeAccounts:
    """Judge every account by the rules of classes and of the ratio watch now, as is done once an hour."""


@dataclass(frozen=True, slots=True)
class InvitesRecord:
    """The invites that an account may send."""

    name: str
    invites: int


@dataclass(frozen=True, slots=True)
class InvitedRecord:
    """An account in the tree of who let whom in, each after who let it in."""

    id: int
    name: str
    depth: int
    enabled: bool
    joined: int
    uploaded: int
    downloaded: int


@dataclass(frozen=True, slots=True)
class JudgedRecord:
    """How many accounts stand otherwise now."""

    changed: int


async def _grant(
    application: "Application", operator: "Principal", arguments: GrantInvites
) -> AsyncIterator[InvitesRecord]:
    user = await find_account(application, arguments.name)
    left = await application.invitations.grant(operator, user.id, arguments.invites)
    yield InvitesRecord(user.name, left)


async def _tree(
    application: "Application", operator: "Principal", arguments: ShowInvited
) -> AsyncIterator[InvitedRecord]:
    user = await find_account(application, arguments.name)
    for each in await application.invitations.tree(operator, user.id):
        yield InvitedRecord(*each)


async def _judge(
    application: "Application", _operator: "Principal", _arguments: JudgeAccounts
) -> AsyncIterator[JudgedRecord]:
    yield JudgedRecord(await application.standings.judge_all())


async def _show_invites(_arguments: GrantInvites, records: AsyncIterator[InvitesRecord]) -> bool:
    return await print_each(records, lambda record: f"{record.name}  {record.invites} invites")


async def _show_tree(_arguments: ShowInvited, records: AsyncIterator[InvitedRecord]) -> bool:
    return await print_each(records, _line)


async def _show_judged(_arguments: JudgeAccounts, records: AsyncIterator[JudgedRecord]) -> bool:
    return await print_each(records, lambda record: f"{record.changed} accounts stand otherwise now")


def _line(record: InvitedRecord) -> str:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    name = f"{'  ' * record.depth}{record.name}"
    state = "enabled" if record.enabled else "disabled"
    moved = f"up {format_size(record.uploaded)}  down {format_size(record.downloaded)}"
    return f"{record.id:>4}  {name:<40}  {state:<8}  joined {day(record.joined)}  {moved}"


GRANT_INVITES = Command(
    path=("invite", "grant"),
    arguments=GrantInvites,
    record=InvitesRecord,
    run=_grant,
    show=_show_invites,
    starts=False,
)
SHOW_INVITED = Command(
    path=("invite", "tree"),
    arguments=ShowInvited,
    record=InvitedRecord,
    run=_tree,
    show=_show_tree,
    starts=False,
)
JUDGE_ACCOUNTS = Command(
    path=("standing",),
    arguments=JudgeAccounts,
    record=JudgedRecord,
    run=_judge,
    show=_show_judged,
    starts=False,
)
