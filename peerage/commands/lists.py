"""Commands for blocked and allowed torrents: block, unblock, allow, disallow, lists."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import click

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.rules import RuleRecord, rule_line, rule_record
from peerage.commands.terminal import day, print_each

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from accounts.model import Principal
    from lists.infohashes import ListEntry
    from peerage.wiring.application import Application

Hash = Annotated[str, click.Argument(["infohash"], metavar="HASH")]

_STATES = {"deny": "blocked", "allow": "allowed"}


@dataclass(frozen=True, slots=True)
class Block:
    """Refuse a torrent everywhere and delete its file."""

    infohash: Hash
    reason: Annotated[
        str, click.Option(["--reason"], required=True, metavar="TEXT", help="Why; uploaders are told.")
    ]


@dataclass(frozen=True, slots=True)
class Allow:
    """Track a torrent in listed mode though the cache does not hold it."""

    infohash: Hash
    reason: Annotated[
        str, click.Option(["--reason"], default="", metavar="TEXT", help="A note for other operators.")
    ] = ""


@dataclass(frozen=True, slots=True)
class Unblock:
    """Lift a block; the file does not come back."""

    infohash: Hash


@dataclass(frozen=True, slots=True)
class Disallow:
    """Take an allowance back."""

    infohash: Hash


@dataclass(frozen=True, slots=True)
class ShowLists:
    """Show every blocked and allowed torrent, and the rules on clients and addresses."""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """An entry: `verdict` is deny or allow, `since` in unix seconds, `also` its torrent's other infohashes."""

    infohash: str
    verdict: str
    reason: str
    by: str
    since: int
    also: list[str]


@dataclass(frozen=True, slots=True)
class RemovalRecord:
    """Whether there was an entry to remove."""

    infohash: str
    found: bool


async def _block(
    application: "Application", operator: "Principal", arguments: Block
) -> AsyncIterator[EntryRecord]:
    infohash = InfoHash.parse(arguments.infohash)
    yield _entry(await application.list_moderation.block(operator, infohash, arguments.reason))


async def _allow(
    application: "Application", operator: "Principal", arguments: Allow
) -> AsyncIterator[EntryRecord]:
    infohash = InfoHash.parse(arguments.infohash)
    yield _entry(await application.list_moderation.allow(operator, infohash, arguments.reason))


async def _unblock(
    application: "Application", operator: "Principal", arguments: Unblock
) -> AsyncIterator[RemovalRecord]:
    infohash = InfoHash.parse(arguments.infohash)
    yield await _removal(infohash, application.list_moderation.unblock(operator, infohash))


async def _disallow(
    application: "Application", operator: "Principal", arguments: Disallow
) -> AsyncIterator[RemovalRecord]:
    infohash = InfoHash.parse(arguments.infohash)
    yield await _removal(infohash, application.list_moderation.disallow(operator, infohash))


@dataclass(frozen=True, slots=True)
class ListFileRecord:
    """A file that a list is kept equal to: entries, bad lines, some of them told, and why it was not taken, if so."""

    file: str
    path: str
    entries: int
    bad: int
    lines: list[str]
    problem: str


async def _removal(infohash: InfoHash, removal: Awaitable[None]) -> RemovalRecord:
    try:
        await removal
    except Refusal as refusal:
        if refusal.code != "not-found":
            raise
        return RemovalRecord(infohash.upper, found=False)
    return RemovalRecord(infohash.upper, found=True)


async def _lists(
    application: "Application", _operator: "Principal", _arguments: ShowLists
) -> AsyncIterator[EntryRecord | RuleRecord | ListFileRecord]:
    walk = cast("AsyncGenerator[list[ListEntry], None]", application.lists.walk())
    async with aclosing(walk) as batches:
        async for batch in batches:
            for entry in batch:
                yield _entry(entry)
    async for rules in application.access_rules.walk():
        for rule in rules:
            yield rule_record(rule)
    if application.settings.lists.paths:
        for file in application.list_files.reports:
            yield ListFileRecord(
                file.source.name, str(file.path), file.entries, file.bad, list(file.told), file.problem
            )


def _entry(entry: "ListEntry") -> EntryRecord:
    return EntryRecord(
        infohash=entry.infohash.upper,
        verdict=entry.kind.value,
        reason=entry.reason,
        by=entry.by,
        since=entry.since,
        also=[name.upper for name in entry.aliases],
    )


async def _show_new(_arguments: Block | Allow, records: AsyncIterator[EntryRecord]) -> bool:
    return await print_each(
        records, lambda entry: f"{_STATES[entry.verdict]}  {entry.infohash}  {entry.reason}"
    )


async def _show_removal(_arguments: Unblock | Disallow, records: AsyncIterator[RemovalRecord]) -> bool:
    succeeded = True
    async for record in records:
        if record.found:
            click.echo(f"lifted  {record.infohash}")
        else:
            click.echo(f"{record.infohash} was not on that list", err=True)
            succeeded = False
    return succeeded


async def _show_lists(
    _arguments: ShowLists, records: AsyncIterator[EntryRecord | RuleRecord | ListFileRecord]
) -> bool:
    return await print_each(records, _line)


def _line(entry: EntryRecord | RuleRecord | ListFileRecord) -> str:
    if isinstance(entry, ListFileRecord):
        state = (
            f"not taken: {entry.problem}"
            if entry.problem
            else f"{entry.entries} entries, {entry.bad} bad lines"
        )
        return "\n  ".join((f"file {entry.file}  {entry.path}  {state}", *entry.lines))
    if isinstance(entry, RuleRecord):
        return rule_line(entry)
    state = _STATES[entry.verdict]
    return f"{state}  {entry.infohash}  {day(entry.since)}  {entry.by:<12}  {entry.reason}".rstrip()


BLOCK = Command(
    path=("block",), arguments=Block, record=EntryRecord, run=_block, show=_show_new, creates_folder=True
)
UNBLOCK = Command(
    path=("unblock",), arguments=Unblock, record=RemovalRecord, run=_unblock, show=_show_removal, starts=False
)
ALLOW = Command(
    path=("allow",),
    arguments=Allow,
    record=EntryRecord,
    run=_allow,
    show=_show_new,
    creates_folder=True,
    starts=False,
)
DISALLOW = Command(
    path=("disallow",),
    arguments=Disallow,
    record=RemovalRecord,
    run=_disallow,
    show=_show_removal,
    starts=False,
)
LISTS = Command(
    path=("lists",),
    arguments=ShowLists,
    record=EntryRecord | RuleRecord | ListFileRecord,
    run=_lists,
    show=_show_lists,
    starts=False,
)
