"""Commands for keys: `peerage key …`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import click

from accounts.model import Key, Scope
from peerage.commands.account_names import AccountName, find_account
from peerage.commands.command import Command
from peerage.commands.parameters import read_seconds
from peerage.commands.terminal import day, print_each, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application

KeyId = Annotated[int, click.Argument(["key"], metavar="ID", type=click.IntRange(min=1))]


@dataclass(frozen=True, slots=True)
class AddKey:
    """Make a key; the last line that is printed is the key, which is never shown again."""

    name: AccountName
    scope: Annotated[
        Scope,
        click.Option(
            ["--scope"],
            required=True,
            type=click.Choice([each.value for each in Scope]),
            help="What the key opens.",
        ),
    ]
    label: Annotated[
        str, click.Option(["--label"], default="", metavar="TEXT", help="What the key is for.")
    ] = ""
    lifetime: Annotated[
        int | None,
        click.Option(
            ["--expires", "lifetime"],
            callback=read_seconds,
            metavar="TIME",
            help="When it ends, as 30d or 12h from now. [default: never]",
        ),
    ] = None
    methods: Annotated[
        tuple[str, ...],
        click.Option(
            ["--method", "methods"],
            multiple=True,
            metavar="M",
            help="A method that it may call; repeatable.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class ListKeys:
    """Show the keys of an account, or all."""

    name: Annotated[str | None, click.Argument(["name"], metavar="[NAME]", required=False)] = None


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Revoke a key for good."""

    key: KeyId


@dataclass(frozen=True, slots=True)
class SuspendKey:
    """Put a key out of use."""

    key: KeyId


@dataclass(frozen=True, slots=True)
class ResumeKey:
    """Put a suspended key back into use."""

    key: KeyId


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key with its owner's name, and its secret if it is new."""

    key: Key
    owner: str
    secret: str | None = field(default=None, repr=False)


async def _add_key(
    application: "Application", operator: "Principal", arguments: AddKey
) -> AsyncIterator[KeyRecord]:
    user = await find_account(application, arguments.name)
    key, secret = await application.account_management.mint(
        operator,
        user.id,
        arguments.scope,
        arguments.label,
        methods=frozenset(arguments.methods) or None,
        lifetime=arguments.lifetime,
    )
    yield KeyRecord(key, user.name, secret)


async def _list_keys(
    application: "Application", _operator: "Principal", arguments: ListKeys
) -> AsyncIterator[KeyRecord]:
    owner = None if arguments.name is None else (await find_account(application, arguments.name)).id
    for record in await _with_owners(application, await application.accounts.accounts.keys(owner)):
        yield record


async def _revoke_key(
    application: "Application", operator: "Principal", arguments: RevokeKey
) -> AsyncIterator[KeyRecord]:
    key = await application.account_management.revoke(operator, arguments.key)
    yield (await _with_owners(application, [key]))[0]


async def _suspend_key(
    application: "Application", operator: "Principal", arguments: SuspendKey
) -> AsyncIterator[KeyRecord]:
    yield await _set_suspended(application, operator, arguments.key, suspended=True)


async def _resume_key(
    application: "Application", operator: "Principal", arguments: ResumeKey
) -> AsyncIterator[KeyRecord]:
    yield await _set_suspended(application, operator, arguments.key, suspended=False)


async def _set_suspended(
    application: "Application", operator: "Principal", number: int, *, suspended: bool
) -> KeyRecord:
    key = await application.account_management.suspend(operator, number, suspended=suspended)
    return (await _with_owners(application, [key]))[0]


async def _with_owners(application: "Application", keys: Sequence[Key]) -> list[KeyRecord]:
    owners = await application.accounts.accounts.users_by_id([key.user_id for key in keys])
    return [KeyRecord(key, owners[key.user_id].name) for key in keys]


async def show_new_key(_arguments: object, records: AsyncIterator[KeyRecord]) -> bool:
    """Print a new key, and as the last line its secret."""
    async for record in records:
        print_line(_key_line(record))
        print_line(record.secret or "")
    return True


async def _show_keys(_arguments: object, records: AsyncIterator[KeyRecord]) -> bool:
    return await print_each(records, _key_line)


def _key_line(record: KeyRecord) -> str:
    key = record.key
    parts = [
        f"{key.id:>4}  {record.owner:<16}  {key.scope:<11}  {_state(key):<9}",
        f"made {day(key.created)}",
    ]
    times = (("expires", key.expires), ("used", key.used))
    parts += [f"{what} {day(time)}" for what, time in times if time is not None]
    if key.methods is not None:
        parts.append(f"methods {', '.join(sorted(key.methods))}")
    return "  ".join([*parts, key.label]).rstrip()


def _state(key: Key) -> str:
    if key.revoked:
        return "revoked"
    return "suspended" if key.suspended else "in use"


ADD_KEY = Command(
    path=("key", "add"), arguments=AddKey, record=KeyRecord, run=_add_key, show=show_new_key, starts=False
)


LIST_KEYS = Command(
    path=("key", "list"), arguments=ListKeys, record=KeyRecord, run=_list_keys, show=_show_keys, starts=False
)


REVOKE_KEY = Command(
    path=("key", "revoke"),
    arguments=RevokeKey,
    record=KeyRecord,
    run=_revoke_key,
    show=_show_keys,
    starts=False,
)


SUSPEND_KEY = Command(
    path=("key", "suspend"),
    arguments=SuspendKey,
    record=KeyRecord,
    run=_suspend_key,
    show=_show_keys,
    starts=False,
)


RESUME_KEY = Command(
    path=("key", "resume"),
    arguments=ResumeKey,
    record=KeyRecord,
    run=_resume_key,
    show=_show_keys,
    starts=False,
)
