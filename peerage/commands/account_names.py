"""Accounts as commands name and print them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from accounts.model import User
from bittorrent.refusal import Refusal
from peerage.commands.terminal import day, print_each

if TYPE_CHECKING:
    from peerage.wiring.application import Application

AccountName = Annotated[str, click.Argument(["name"], metavar="NAME")]


@dataclass(frozen=True, slots=True)
class UserRecord:
    """An account."""

    user: User


async def find_account(application: "Application", name: str) -> User:
    """Return an account by its name. Refusal: `not-found`."""
    user = await application.accounts.accounts.user(name)
    if user is None:
        raise Refusal("not-found", "no account has that name")
    return user


async def show_users(_arguments: object, records: AsyncIterator[UserRecord]) -> bool:
    """Print a line for each account."""
    return await print_each(records, lambda record: user_line(record.user))


def user_line(user: User) -> str:
    """Describe an account in a line."""
    state = "enabled" if user.enabled else "disabled"
    seen = f"seen {day(user.seen)}" if user.seen is not None else "never seen"
    return f"{user.id:>4}  {user.name:<32}  {user.role:<9}  {state:<8}  joined {day(user.joined)}  {seen}"
