"""Commands that show accounts: `peerage user list`, `show`, `export`, `log`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import click

from accounts.model import LogInAttempt, User
from peerage.commands.account_names import AccountName, UserRecord, find_account, show_users, user_line
from peerage.commands.command import Command
from peerage.commands.terminal import moment, print_each, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ListUsers:
    """Show every account: number, name, role, when it came and was last seen."""


@dataclass(frozen=True, slots=True)
class ShowUser:
    """Show an account, and what it moved as a private tracker counts it."""

    name: AccountName


@dataclass(frozen=True, slots=True)
class ExportUser:
    """Print all that is kept of an account as JSON lines, without secrets."""

    name: AccountName


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """A record of what is kept of an account."""

    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListLogIns:
    """Show the last log-ins and refused keys since the server's start, oldest first."""

    name: Annotated[str | None, click.Argument(["name"], metavar="[NAME]", required=False)] = None


@dataclass(frozen=True, slots=True)
class UserTraffic:
    """An account and its sums: bytes, seconds, snatches, torrents, tokens to spend.

    `capped` was claimed too fast and not counted; `credited_…` are the bytes that count, as `ratio` has them. `owed`
    are torrents that it owes seeding, `broken` those that it left so.
    `addresses` are those that it announced from today, `most_addresses` those of the busiest day of the last 30.
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
    addresses: int
    most_addresses: int


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
    application: "Application", operator: "Principal", arguments: ShowUser
) -> AsyncIterator[UserTraffic]:
    user = await find_account(application, arguments.name)
    from tracker.bonus import MILLI  # noqa: PLC0415 - not for --help
    from tracker.obligations import Obligation  # noqa: PLC0415 - as above

    moved = await application.ledger.account(user.id)
    owes = await application.membership.counts(user.id)
    addresses = await application.membership.addresses_of(operator, user.id)
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
        addresses.today,
        addresses.most,
    )


async def _list_log_ins(
    application: "Application", _operator: "Principal", arguments: ListLogIns
) -> AsyncIterator[LogInAttempt]:
    for attempt in application.accounts.accounts.log.recent():
        if arguments.name is None or attempt.account.lower() == arguments.name.lower():
            yield attempt


async def _export_user(
    application: "Application", operator: "Principal", arguments: ExportUser
) -> AsyncIterator[ExportedRecord]:
    user = await find_account(application, arguments.name)
    async for batch in await application.account_management.export(operator, user.id):
        for record in batch:
            yield ExportedRecord(dict(record))


async def _print_records(_arguments: ExportUser, records: AsyncIterator[ExportedRecord]) -> bool:
    import json  # noqa: PLC0415 - not for --help

    return await print_each(records, lambda record: json.dumps(record.record))


async def _print_traffic(_arguments: ShowUser, records: AsyncIterator[UserTraffic]) -> bool:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    async for record in records:
        print_line(user_line(record.user))
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
            "addresses": f"{record.addresses} today, {record.most_addresses} at most",
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
