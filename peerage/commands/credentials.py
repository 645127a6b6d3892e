"""Commands that change what somebody logs in with: user passwd, key rotate."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import click

from peerage.commands.account_names import AccountName, UserRecord, find_account, show_users
from peerage.commands.command import Command
from peerage.commands.keys import KeyId, KeyRecord, show_new_key

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application


def _read_password(_context: click.Context, _option: click.Parameter, given: bool) -> str:
    """Return the first line of the input, or ask on the terminal, twice and unseen."""
    if given or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Set an account's password, which ends its sessions and the log-ins of its programs; it is asked for, unseen."""

    name: AccountName
    password: Annotated[
        str,
        click.Option(
            ["--password-stdin", "password"],
            is_flag=True,
            callback=_read_password,
            help="Take the password from the first line of the input.",
        ),
    ] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Revoke a key and make another like it; the last line that is printed is the new key, never shown again."""

    key: KeyId


async def _set_password(
    application: "Application", operator: "Principal", arguments: SetPassword
) -> AsyncIterator[UserRecord]:
    account = await find_account(application, arguments.name)
    await application.account_management.set_password(operator, account.id, arguments.password)
    user = await application.accounts.accounts.user(account.id)
    if user is not None:
        yield UserRecord(user)


async def _rotate(
    application: "Application", operator: "Principal", arguments: RotateKey
) -> AsyncIterator[KeyRecord]:
    key, secret = await application.account_management.rotate(operator, arguments.key)
    owners = await application.accounts.accounts.users_by_id([key.user_id])
    yield KeyRecord(key, owners[key.user_id].name, secret)


SET_PASSWORD = Command(
    path=("user", "passwd"),
    arguments=SetPassword,
    record=UserRecord,
    run=_set_password,
    show=show_users,
    starts=False,
)
ROTATE_KEY = Command(
    path=("key", "rotate"),
    arguments=RotateKey,
    record=KeyRecord,
    run=_rotate,
    show=show_new_key,
    starts=False,
)
