"""Commands for accounts and keys: `peerage user …` and `peerage key …`."""

import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import click

from accounts.model import Key, LogInAttempt, Role, Scope, User
from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.parameters import read_seconds
from peerage.commands.terminal import day, moment, print_each, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application

_PAGE = 500

Name = Annotated[str, click.Argument(["name"], metavar="NAME")]
KeyId = Annotated[int, click.Argument(["key"], metavar="ID", type=click.IntRange(min=1))]


def _read_password(_context: click.Context, _option: click.Parameter, given: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if given else None


@dataclass(frozen=True, slots=True)
class AddUser:
    """Make an account; without a password, print a one-time link to set it."""

    name: Name
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
class ListUsers:
    """Show every account: number, name, role, when it came and was last seen."""


@dataclass(frozen=True, slots=True)
class ShowUser:
    """Show an account, and what it moved as a private tracker counts it."""

    name: Name


@dataclass(frozen=True, slots=True)
class ExportUser:
    """Print all that is kept of an account as JSON lines, without secrets."""

    name: Name


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """A record of what is kept of an account."""

    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListLogIns:
    """Show the last log-ins and refused keys since the server's start, oldest first."""

    name: Annotated[str | None, click.Argument(["name"], metavar="[NAME]", required=False)] = None


@dataclass(frozen=True, slots=True)
class EnableUser:
    """Enable an account again."""

    name: Name


@dataclass(frozen=True, slots=True)
class DisableUser:
    """Disable an account: its sessions end, its keys open nothing."""

    name: Name


@dataclass(frozen=True, slots=True)
class SetRole:
    """Change what an account is."""

    name: Name
    role: Annotated[Role, click.Argument(["role"], type=click.Choice([each.value for each in Role]))]


@dataclass(frozen=True, slots=True)
class IssueLink:
    """Print a one-time link by which an account sets its password."""

    name: Name


@dataclass(frozen=True, slots=True)
class ShowPasskey:
    """Print an account's passkey, which names it to the tracker; with --reset make another in its place."""

    name: Name
    reset: Annotated[
        bool, click.Option(["--reset", "reset"], is_flag=True, help="Revoke it, and make another.")
    ] = False


@dataclass(frozen=True, slots=True)
class AddKey:
    """Make a key; the last line that is printed is the key, which is never shown again."""

    name: Name
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
class UserRecord:
    """An account."""

    user: User


@dataclass(frozen=True, slots=True)
class UserTraffic:
    """An account and its sums: bytes, seconds, snatches, torrents, tokens to spend.

    `capped` was claimed too fast and not counted; `credited_…` are the bytes that count, as `ratio` has them. `owed`
    are torrents that it owes seeding, `broken` those that it left so.
    """

    user: User
    uploaded: int
    downloaded: int
    ratio: float | None
    seeded: int
    snatched: int
    torrents: int
    seeding: int
    capped: int
    credited_up: int
    credited_down: int
    tokens: int
    points: float
    owed: int
    broken: int


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A one-time link, and how many days it is valid."""

    link: str
    days: int


@dataclass(frozen=True, slots=True)
class OwnPasskey:
    """An account's passkey."""

    passkey: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key with its owner's name, and its secret if it is new."""

    key: Key
    owner: str
    secret: str | None = field(default=None, repr=False)


async def _add_user(
    application: "Application", operator: "Principal", arguments: AddUser
) -> AsyncIterator[UserRecord | LinkRecord]:
    management = application.account_management
    user = await management.register(operator, arguments.name, arguments.password, arguments.role)
    yield UserRecord(user)
    if arguments.password is None:
        # Part of the account's creation, which is what the log says.
        yield _link(application, await application.accounts.accounts.issue_link(user.id))


async def _list_users(
    application: "Application", _operator: "Principal", _arguments: ListUsers
) -> AsyncIterator[UserRecord]:
    offset, total = 0, 1
    while offset < total:
        users, total = await application.accounts.accounts.users("", offset, _PAGE)
        for user in users:
            yield UserRecord(user)
        offset += _PAGE


async def _show_user(
    application: "Application", _operator: "Principal", arguments: ShowUser
) -> AsyncIterator[UserTraffic]:
    user = await _find(application, arguments.name)
    from tracker.bonus import MILLI  # noqa: PLC0415 - not for --help
    from tracker.obligations import Obligation  # noqa: PLC0415 - as above

    moved = await application.ledger.account(user.id)
    owes = await application.membership.counts(user.id)
    yield UserTraffic(
        user,
        moved.uploaded,
        moved.downloaded,
        moved.ratio,
        moved.seeded,
        moved.snatched,
        moved.torrents,
        moved.seeding,
        moved.capped,
        moved.credited_up,
        moved.credited_down,
        moved.tokens,
        moved.points / MILLI,
        owes.get(Obligation.OWED, 0),
        owes.get(Obligation.BROKEN, 0),
    )


async def _list_log_ins(
    application: "Application", _operator: "Principal", arguments: ListLogIns
) -> AsyncIterator[LogInAttempt]:
    for attempt in application.accounts.accounts.log.recent():
        if arguments.name is None or attempt.account.lower() == arguments.name.lower():
            yield attempt


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
    user = await _find(application, name)
    changed = await application.account_management.set_enabled(operator, user.id, enabled=enabled)
    return UserRecord(changed)


async def _set_role(
    application: "Application", operator: "Principal", arguments: SetRole
) -> AsyncIterator[UserRecord]:
    user = await _find(application, arguments.name)
    yield UserRecord(await application.account_management.set_role(operator, user.id, arguments.role))


async def _issue_link(
    application: "Application", operator: "Principal", arguments: IssueLink
) -> AsyncIterator[LinkRecord]:
    user = await _find(application, arguments.name)
    yield _link(application, await application.account_management.issue_link(operator, user.id))


async def _passkey(
    application: "Application", operator: "Principal", arguments: ShowPasskey
) -> AsyncIterator[OwnPasskey]:
    user, management = await _find(application, arguments.name), application.account_management
    act = management.reset_passkey if arguments.reset else management.passkey
    yield OwnPasskey(await act(operator, user.id))


async def _add_key(
    application: "Application", operator: "Principal", arguments: AddKey
) -> AsyncIterator[KeyRecord]:
    user = await _find(application, arguments.name)
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
    owner = None if arguments.name is None else (await _find(application, arguments.name)).id
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


async def _find(application: "Application", name: str) -> User:
    user = await application.accounts.accounts.user(name)
    if user is None:
        raise Refusal("not-found", "no account has that name")
    return user


async def _with_owners(application: "Application", keys: Sequence[Key]) -> list[KeyRecord]:
    owners = await application.accounts.accounts.users_by_id([key.user_id for key in keys])
    return [KeyRecord(key, owners[key.user_id].name) for key in keys]


def _link(application: "Application", secret: str) -> LinkRecord:
    links = application.accounts.one_time_links
    return LinkRecord(links.link(secret), links.days)


async def _export_user(
    application: "Application", operator: "Principal", arguments: ExportUser
) -> AsyncIterator[ExportedRecord]:
    user = await _find(application, arguments.name)
    async for batch in await application.account_management.export(operator, user.id):
        for record in batch:
            yield ExportedRecord(dict(record))


async def _print_records(_arguments: ExportUser, records: AsyncIterator[ExportedRecord]) -> bool:
    import json  # noqa: PLC0415 - not for --help

    return await print_each(records, lambda record: json.dumps(record.record))


async def show_users(
    _arguments: object, records: AsyncIterator[UserRecord] | AsyncIterator[UserRecord | LinkRecord]
) -> bool:
    """Print accounts and the links by which they set a password."""
    async for record in records:
        if isinstance(record, LinkRecord):
            click.echo(f"This link sets the password, once, within {record.days} days:")
            print_line(record.link)
        else:
            print_line(_user_line(record.user))
    return True


async def _print_traffic(_arguments: ShowUser, records: AsyncIterator[UserTraffic]) -> bool:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    async for record in records:
        print_line(_user_line(record.user))
        ratio = "none" if record.ratio is None else f"{record.ratio:.3f}"
        rows = {
            "uploaded": format_size(record.uploaded),
            "downloaded": format_size(record.downloaded),
            "counted up": format_size(record.credited_up),
            "counted down": format_size(record.credited_down),
            "ratio": ratio,
            "seeded": f"{record.seeded / 3600:.1f} h",
            "snatched": f"{record.snatched}",
            "torrents": f"{record.torrents}, {record.seeding} seeded now",
            "capped": format_size(record.capped),
            "tokens": f"{record.tokens}",
            "points": f"{record.points:.1f}",
            "owed": f"{record.owed}",
            "hit and run": f"{record.broken}",
        }
        for name, value in rows.items():
            print_line(f"  {name:<14}{value:>18}")
    return True


async def _show_log_ins(_arguments: ListLogIns, records: AsyncIterator[LogInAttempt]) -> bool:
    return await print_each(records, _log_in_line)


def _log_in_line(attempt: LogInAttempt) -> str:
    return (
        f"{moment(attempt.time)}  {attempt.address:<39}  {attempt.account:<32}  "
        f"{attempt.way:<15}  {attempt.outcome}"
    )


async def _show_link(_arguments: IssueLink, records: AsyncIterator[LinkRecord]) -> bool:
    async for record in records:
        click.echo(f"This link sets the password, once, within {record.days} days:")
        print_line(record.link)
    return True


async def _show_passkey(_arguments: ShowPasskey, records: AsyncIterator[OwnPasskey]) -> bool:
    return await print_each(records, lambda record: record.passkey)


async def show_new_key(_arguments: object, records: AsyncIterator[KeyRecord]) -> bool:
    """Print a new key, and as the last line its secret."""
    async for record in records:
        print_line(_key_line(record))
        print_line(record.secret or "")
    return True


async def _show_keys(_arguments: object, records: AsyncIterator[KeyRecord]) -> bool:
    return await print_each(records, _key_line)


def _user_line(user: User) -> str:
    state = "enabled" if user.enabled else "disabled"
    seen = f"seen {day(user.seen)}" if user.seen is not None else "never seen"
    return f"{user.id:>4}  {user.name:<32}  {user.role:<9}  {state:<8}  joined {day(user.joined)}  {seen}"


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


ADD_USER = Command(
    path=("user", "add"),
    arguments=AddUser,
    record=UserRecord | LinkRecord,
    run=_add_user,
    show=show_users,
    creates_folder=True,
    starts=False,
)
LIST_USERS = Command(
    path=("user", "list"),
    arguments=ListUsers,
    record=UserRecord,
    run=_list_users,
    show=show_users,
    starts=False,
)
SHOW_USER = Command(
    path=("user", "show"),
    arguments=ShowUser,
    record=UserTraffic,
    run=_show_user,
    show=_print_traffic,
    starts=False,
)
EXPORT_USER = Command(
    path=("user", "export"),
    arguments=ExportUser,
    record=ExportedRecord,
    run=_export_user,
    show=_print_records,
    starts=False,
)
LIST_LOG_INS = Command(
    path=("user", "log"),
    arguments=ListLogIns,
    record=LogInAttempt,
    run=_list_log_ins,
    show=_show_log_ins,
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
