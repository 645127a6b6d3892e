"""Commands that change accounts: `peerage user add`, `enable`, `disable`, `role`, `link`, `passkey`, `erase`."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import click

from accounts.erasure import Writings
from accounts.model import Role
from peerage.commands.account_names import AccountName, UserRecord, find_account, show_users, user_line
from peerage.commands.command import Command
from peerage.commands.terminal import print_each, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application


def _read_password(_context: click.Context, _option: click.Parameter, given: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if given else None


@dataclass(frozen=True, slots=True)
class AddUser:
    """Make an account; without a password, print a one-time link to set it."""

    name: AccountName
    role: Annotated[
        Role,
        click.Option(["--admin", "role"], flag_value=Role.ADMIN.value, help="May do everything."),
        click.Option(
            ["--moderator", "role"], flag_value=Role.MODERATOR.value, help="May change what others brought."
        ),
    ] = Role.USER
    password: Annotated[
        str | None,
        click.Option(
            ["--password-stdin", "password"],
            is_flag=True,
            callback=_read_password,
            help="Take the password from the first line of the input.",
        ),
    ] = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EnableUser:
    """Enable an account again."""

    name: AccountName


@dataclass(frozen=True, slots=True)
class DisableUser:
    """Disable an account: its sessions end, its keys open nothing."""

    name: AccountName


@dataclass(frozen=True, slots=True)
class SetRole:
    """Change what an account is."""

    name: AccountName
    role: Annotated[Role, click.Argument(["role"], type=click.Choice([each.value for each in Role]))]


@dataclass(frozen=True, slots=True)
class IssueLink:
    """Print a one-time link by which an account sets its password."""

    name: AccountName


@dataclass(frozen=True, slots=True)
class ShowPasskey:
    """Print an account's passkey, which names it to the tracker; with --reset make another in its place."""

    name: AccountName
    reset: Annotated[
        bool, click.Option(["--reset", "reset"], is_flag=True, help="Revoke it, and make another.")
    ] = False


@dataclass(frozen=True, slots=True)
class EraseUser:
    """Erase an account for good; its uploads stay without an owner, its comments and collages without a name."""

    name: AccountName
    writings: Annotated[
        Writings,
        click.Option(
            ["--delete-writings", "writings"],
            flag_value=Writings.DELETE.value,
            help="Delete its comments and collages.",
        ),
    ] = Writings.KEEP


@dataclass(frozen=True, slots=True)
class ErasedAccount:
    """The number of an account that was."""

    account: int


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A one-time link, and how many days it is valid."""

    link: str
    days: int


@dataclass(frozen=True, slots=True)
class OwnPasskey:
    """An account's passkey."""

    passkey: str = field(repr=False)


async def _add_user(
    application: "Application", operator: "Principal", arguments: AddUser
) -> AsyncIterator[UserRecord | LinkRecord]:
    management = application.account_management
    user = await management.register(operator, arguments.name, arguments.password, arguments.role)
    yield UserRecord(user)
    if arguments.password is None:
        # Part of the account's creation, which is what the log says.
        yield _link(application, await application.accounts.accounts.issue_link(user.id))


async def _enable_user(
    application: "Application", operator: "Principal", arguments: EnableUser
) -> AsyncIterator[UserRecord]:
    yield await _set_enabled(application, operator, arguments.name, enabled=True)


async def _disable_user(
    application: "Application", operator: "Principal", arguments: DisableUser
) -> AsyncIterator[UserRecord]:
    yield await _set_enabled(application, operator, arguments.name, enabled=False)


async def _set_enabled(
    application: "Application", operator: "Principal", name: str, *, enabled: bool
) -> UserRecord:
    user = await find_account(application, name)
    changed = await application.account_management.set_enabled(operator, user.id, enabled=enabled)
    return UserRecord(changed)


async def _set_role(
    application: "Application", operator: "Principal", arguments: SetRole
) -> AsyncIterator[UserRecord]:
    user = await find_account(application, arguments.name)
    yield UserRecord(await application.account_management.set_role(operator, user.id, arguments.role))


async def _issue_link(
    application: "Application", operator: "Principal", arguments: IssueLink
) -> AsyncIterator[LinkRecord]:
    user = await find_account(application, arguments.name)
    yield _link(application, await application.account_management.issue_link(operator, user.id))


async def _erase(
    application: "Application", operator: "Principal", arguments: EraseUser
) -> AsyncIterator[ErasedAccount]:
    user = await find_account(application, arguments.name)
    await application.erasure.erase(operator, user.id, Writings(arguments.writings))
    yield ErasedAccount(user.id)


async def _passkey(
    application: "Application", operator: "Principal", arguments: ShowPasskey
) -> AsyncIterator[OwnPasskey]:
    user, management = await find_account(application, arguments.name), application.account_management
    act = management.reset_passkey if arguments.reset else management.passkey
    yield OwnPasskey(await act(operator, user.id))


async def _show_erased(_arguments: EraseUser, records: AsyncIterator[ErasedAccount]) -> bool:
    return await print_each(records, lambda record: f"erased account {record.account}")


def _link(application: "Application", secret: str) -> LinkRecord:
    links = application.accounts.one_time_links
    return LinkRecord(links.link(secret), links.days)


async def _show_new_user(_arguments: AddUser, records: AsyncIterator[UserRecord | LinkRecord]) -> bool:
    async for record in records:
        if isinstance(record, LinkRecord):
            _print_link(record)
        else:
            print_line(user_line(record.user))
    return True


async def _show_link(_arguments: IssueLink, records: AsyncIterator[LinkRecord]) -> bool:
    async for record in records:
        _print_link(record)
    return True


def _print_link(record: LinkRecord) -> None:
    click.echo(f"This link sets the password, once, within {record.days} days:")
    print_line(record.link)


async def _show_passkey(_arguments: ShowPasskey, records: AsyncIterator[OwnPasskey]) -> bool:
    return await print_each(records, lambda record: record.passkey)


ADD_USER = Command(
    path=("user", "add"),
    arguments=AddUser,
    record=UserRecord | LinkRecord,
    run=_add_user,
    show=_show_new_user,
    creates_folder=True,
    starts=False,
)


ENABLE_USER = Command(
    path=("user", "enable"),
    arguments=EnableUser,
    record=UserRecord,
    run=_enable_user,
    show=show_users,
    starts=False,
)


DISABLE_USER = Command(
    path=("user", "disable"),
    arguments=DisableUser,
    record=UserRecord,
    run=_disable_user,
    show=show_users,
    starts=False,
)


SET_ROLE = Command(
    path=("user", "role"), arguments=SetRole, record=UserRecord, run=_set_role, show=show_users, starts=False
)


ISSUE_LINK = Command(
    path=("user", "link"),
    arguments=IssueLink,
    record=LinkRecord,
    run=_issue_link,
    show=_show_link,
    starts=False,
)


SHOW_PASSKEY = Command(
    path=("user", "passkey"),
    arguments=ShowPasskey,
    record=OwnPasskey,
    run=_passkey,
    show=_show_passkey,
    starts=False,
)


ERASE_USER = Command(
    path=("user", "erase"),
    arguments=EraseUser,
    record=ErasedAccount,
    run=_erase,
    show=_show_erased,
    starts=False,
)
