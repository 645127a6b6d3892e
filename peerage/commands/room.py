"""The command that shows how full the cache is and what goes when it is, and makes room: room."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from peerage.commands.command import Command
from peerage.commands.terminal import moment, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class ShowRoom:
    """Show how full the cache is, and which torrents would go first when it is.

    Those are torrents that nobody asked for in `cache.unasked_days` and nobody cares for. With
    `cache.when_full = "unasked"` they go by themselves; --now removes as many as are beyond 95 % of the cache at once.
    """

    limit: Annotated[
        int,
        click.Option(
            ["--limit"], type=click.IntRange(0, 10_000), default=20, help="Torrents at most. [default: 20]"
        ),
    ] = 20
    now: Annotated[
        bool, click.Option(["--now"], is_flag=True, help="Remove what is beyond 95 % of the cache.")
    ] = False


@dataclass(frozen=True, slots=True)
class CacheRoomRecord:
    """How full the cache is, in files and bytes, and how much of it could go."""

    full: float
    files: int
    most_files: int
    bytes: int
    most_bytes: int
    when_full: str
    unasked_days: int
    unasked_files: int
    unasked_bytes: int


@dataclass(frozen=True, slots=True)
class UpcomingTorrent:
    """A torrent that would go; `asked` is the beginning of the day on which somebody last asked for it."""

    infohash: str
    title: str
    stored: int
    asked: int


@dataclass(frozen=True, slots=True)
class RemovedTorrents:
    """How many torrents were removed, and the bytes of their files."""

    removed: int
    removed_bytes: int


async def _room(
    application: "Application", operator: "Principal", arguments: ShowRoom
) -> AsyncIterator[CacheRoomRecord | UpcomingTorrent | RemovedTorrents]:
    room = application.cache_room
    if arguments.now:
        made = await room.make(operator)
        yield RemovedTorrents(made.files, made.stored)
    state = await room.measure()
    fill = state.fill
    yield CacheRoomRecord(
        full=round(min(fill.share, 1.0), 4),
        files=fill.files,
        most_files=fill.most_files,
        bytes=fill.stored,
        most_bytes=fill.most_bytes,
        when_full=state.terms.when_full.value,
        unasked_days=state.terms.days,
        unasked_files=state.files,
        unasked_bytes=state.stored,
    )
    for each in await room.upcoming(arguments.limit) if arguments.limit else ():
        yield UpcomingTorrent(each.infohash.upper, each.title, each.stored, each.asked * _DAY)


async def _show(
    _arguments: ShowRoom, records: AsyncIterator[CacheRoomRecord | UpcomingTorrent | RemovedTorrents]
) -> bool:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    async for record in records:
        if isinstance(record, RemovedTorrents):
            click.echo(f"removed {record.removed:,} torrents of {format_size(record.removed_bytes)}")
        elif isinstance(record, CacheRoomRecord):
            click.echo(
                f"{record.full:.1%} full: {record.files:,} of {record.most_files:,} files, "
                f"{format_size(record.bytes)} of {format_size(record.most_bytes)}"
            )
            goes = (
                "go when it is full" if record.when_full == "unasked" else "would go, but uploads are refused"
            )
            click.echo(
                f"{record.unasked_files:,} torrents of {format_size(record.unasked_bytes)} that nobody asked for in "
                f"{record.unasked_days} days {goes} (cache.when_full = {record.when_full})"
            )
        else:
            print_line(
                f"{record.infohash}  {moment(record.asked)[:10]}  {format_size(record.stored):>9}  {record.title}"
            )
    return True


ROOM = Command(
    path=("room",),
    arguments=ShowRoom,
    record=CacheRoomRecord | UpcomingTorrent | RemovedTorrents,
    run=_room,
    show=_show,
    starts=False,
    reads_files=True,
)
