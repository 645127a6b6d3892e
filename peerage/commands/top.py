"""The command that shows what the running service does, again and again: top."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.terminal import print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.config import Settings
    from peerage.wiring.application import Application

_SWARMS = 10
_SWARMS_EVERY = 10  # records
_OTHER_SCREEN, _FIRST_SCREEN, _HOME, _REST = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H", "\x1b[K\n"


@dataclass(frozen=True, slots=True)
class Top:
    """Show what the running service does: rates, peers, how late it is, the largest swarms; Ctrl-C ends it."""

    once: Annotated[
        bool, click.Option(["--once"], is_flag=True, help="Show it once, over one interval, and end.")
    ] = False
    interval: Annotated[
        float,
        click.Option(
            ["--interval"],
            type=click.FloatRange(0.1, 3600),
            default=2.0,
            metavar="SECONDS",
            help="Seconds between two looks. [default: 2]",
        ),
    ] = 2.0


@dataclass(frozen=True, slots=True)
class TopSwarm:
    """A swarm of the catalogue, one of those with the most seeders."""

    infohash: str
    title: str
    seeders: int
    leechers: int


@dataclass(frozen=True, slots=True)
class TopRecord:
    """What the service does: announces (by transport), scrapes and refusals a second, peers, and its own state.

    `late_half` and `late_99` are the seconds that the event loop is late at most, half and 99 % of the time.
    `processor` is the share of one processor; `held` and `memory` are bytes.
    """

    announces: dict[str, float]
    scrapes: float
    refusals: float
    swarms: int
    peers: int
    seeders: int
    leechers: int
    connections: int
    held: int
    late_half: float
    late_99: float
    processor: float
    memory: int
    largest: tuple[TopSwarm, ...]


async def _watch(
    application: "Application", _operator: "Principal", arguments: Top
) -> AsyncIterator[TopRecord]:
    from peerage.load import between  # noqa: PLC0415 - in the server

    take = application.take_sample
    if take is None:
        raise Refusal("not-found", "no service runs in this process")
    before, number = take(), 0
    largest: tuple[TopSwarm, ...] = ()
    while not (arguments.once and number):
        await asyncio.sleep(arguments.interval)
        after = take()
        load, totals = between(before, after), application.tracker.tracker.store.totals()
        if number % _SWARMS_EVERY == 0:
            largest = tuple([each async for each in _largest(application)])
        yield TopRecord(
            announces=load.announces,
            scrapes=load.scrapes,
            refusals=load.refusals,
            swarms=totals.torrents,
            peers=totals.peers,
            seeders=totals.complete,
            leechers=totals.incomplete,
            connections=load.connections,
            held=load.held,
            late_half=load.late_half,
            late_99=load.late_99,
            processor=load.processor,
            memory=load.memory,
            largest=largest,
        )
        before, number = after, number + 1


async def _largest(application: "Application") -> AsyncIterator[TopSwarm]:
    from catalogue.store import UNRESTRICTED_VIEWER  # noqa: PLC0415 - in the server

    store, scrape = application.catalogue_records.store, application.tracker.tracker.store.scrape
    ids = await store.statistics.top("seeded", int(application.environment.clock()), _SWARMS)
    for each in await store.torrents.torrents(ids, UNRESTRICTED_VIEWER):
        counts = scrape(each.infohash.truncated)
        yield TopSwarm(each.infohash.upper, each.title, counts.complete, counts.incomplete)


async def _no_server(settings: "Settings", _arguments: Top) -> AsyncIterator[TopRecord]:
    from peerage.commands.client import CommandFailed  # noqa: PLC0415 - which imports this

    for _ in ():
        yield _
    raise CommandFailed(f"no server runs on {settings.data}: start it, or name its folder with --data")


async def _show(arguments: Top, records: AsyncIterator[TopRecord]) -> bool:
    """Draw over what was drawn before on a terminal, and below it elsewhere."""
    live = sys.stdout.isatty() and not arguments.once
    if live:
        click.echo(_OTHER_SCREEN, nl=False)
    try:
        async for record in records:
            if live:
                click.echo(_HOME + _REST.join(_lines(record)) + _REST, nl=False)
            else:
                for line in _lines(record):
                    print_line(line)
    except asyncio.CancelledError:
        return True  # Ctrl-C
    finally:
        if live:
            click.echo(_FIRST_SCREEN, nl=False)
    return True


def _lines(record: TopRecord) -> Iterator[str]:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    announces = "  ".join(f"{name} {rate:,.1f}" for name, rate in record.announces.items())
    yield f"announces/s  {sum(record.announces.values()):>12,.1f}   {announces}"
    yield f"scrapes/s    {record.scrapes:>12,.1f}   refused {record.refusals:,.1f}"
    yield f"peers        {record.peers:>12,}   {record.seeders:,} seeders  {record.leechers:,} leechers"
    yield f"swarms       {record.swarms:>12,}"
    yield f"connections  {record.connections:>12,}   {format_size(record.held)} in flight"
    late = f"late at most, 99 % of the time; {record.late_half * 1000:,.0f} ms half of it"
    yield f"event loop   {record.late_99 * 1000:>9,.0f} ms   {late}"
    yield f"processor    {record.processor:>12.0%}   {format_size(record.memory)} of memory"
    if record.largest:
        yield ""
        yield f"{'seeders':>9} {'leechers':>9}  torrent"
    for each in record.largest:
        title = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in each.title)
        yield f"{each.seeders:>9,} {each.leechers:>9,}  {title[:80]}"


TOP = Command(path=("top",), arguments=Top, record=TopRecord, run=_watch, run_closed=_no_server, show=_show)
