"""Commands for blocked and allowed torrents: block, unblock, allow, disallow."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.terminal import print_each

if TYPE_CHECKING:
    from accounts.model import Principal
    from lists.infohashes import ListEntry
    from peerage.wiring.application import Application

Hash = Annotated[str, click.Argument(["infohash"], metavar="HASH")]

STATES = {"deny": "blocked", "allow": "allowed"}
"""What a torrent of a list is, in a word."""


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
    yield entry_record(await application.list_moderation.block(operator, infohash, arguments.reason))


async def _allow(
    application: "Application", operator: "Principal", arguments: Allow
) -> AsyncIterator[EntryRecord]:
    infohash = InfoHash.parse(arguments.infohash)
    yield entry_record(await application.list_moderation.allow(operator, infohash, arguments.reason))


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


async def _removal(infohash: InfoHash, removal: Awaitable[None]) -> RemovalRecord:
    try:
        await removal
    except Refusal as refusal:
        if refusal.code != "not-found":
            raise
        return RemovalRecord(infohash.upper, found=False)
    return RemovalRecord(infohash.upper, found=True)


def entry_record(entry: "ListEntry") -> EntryRecord:
    """Return the record of an entry."""
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
        records, lambda entry: f"{STATES[entry.verdict]}  {entry.infohash}  {entry.reason}"
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
