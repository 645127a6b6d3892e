"""Commands that look at the service and check it: stats, check, census close."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from peerage.commands.command import Command, encode
from peerage.commands.terminal import print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class Stats:
    """Show swarms, cache, lists and health in numbers."""


@dataclass(frozen=True, slots=True)
class Check:
    """Verify every stored file against its hash; the exit status is 1 when one does not hold."""

    repair: Annotated[
        bool,
        click.Option(
            ["--repair"],
            is_flag=True,
            help="Set aside what does not hold, record files that have no record, and forget records without a file.",
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class CloseCensusDay:
    """End the day now: its counts stay, its key and hashes are destroyed, its rest is not counted."""


@dataclass(frozen=True, slots=True)
class TrackerStats:
    """The tracker in numbers."""

    mode: str
    store: str
    torrents: int
    peers: int
    seeders: int
    leechers: int


@dataclass(frozen=True, slots=True)
class CacheStats:
    """The cache in numbers, in bytes."""

    files: int
    bytes: int
    free: int


@dataclass(frozen=True, slots=True)
class ListStats:
    """How many torrents are listed."""

    blocked: int
    allowed: int


@dataclass(frozen=True, slots=True)
class StatsRecord:
    """The service in numbers; `health` has "ok" and each part by name."""

    tracker: TrackerStats
    cache: CacheStats
    lists: ListStats
    health: dict[str, bool | str]


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A stored file that does not hold what its hash says."""

    infohash: str
    problem: str
    repaired: str = ""


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """How many files were checked, and how many are damaged."""

    files: int
    problems: int


@dataclass(frozen=True, slots=True)
class CensusDayRecord:
    """The day that was closed as YYYY-MM-DD, None if none was open."""

    day: str | None


async def _stats(
    application: "Application", _operator: "Principal", _arguments: Stats
) -> AsyncIterator[StatsRecord]:
    from lists.infohashes import ListKind  # noqa: PLC0415 - where the command runs

    totals = application.tracker.tracker.store.totals()
    files, stored = await application.cache.totals()
    listed = dict.fromkeys(ListKind, 0)
    async for batch in application.lists.walk():
        for entry in batch:
            listed[entry.kind] += 1
    report = await application.health.report()
    yield StatsRecord(
        tracker=TrackerStats(
            mode=application.tracker.tracker.policy.mode.value,
            store=application.tracker.tracker.store.name,
            torrents=totals.torrents,
            peers=totals.peers,
            seeders=totals.complete,
            leechers=totals.incomplete,
        ),
        cache=CacheStats(files, stored, await application.cache.free()),
        lists=ListStats(blocked=listed[ListKind.DENY], allowed=listed[ListKind.ALLOW]),
        health={"ok": report.ok, **report.parts},
    )


async def _check(
    application: "Application", _operator: "Principal", arguments: Check
) -> AsyncIterator[DamagedFile | CheckedFiles]:
    damaged = repaired = 0
    began = application.environment.clock()
    async for problem in application.cache.check(repair=arguments.repair):
        damaged += 1
        repaired += bool(problem.repaired)
        yield DamagedFile(problem.infohash.upper, problem.what, problem.repaired)
    files, _ = await application.cache.totals()
    done = {"files": files, "problems": damaged, "repaired": repaired}
    await application.note_maintenance("check", began, done, well=damaged == repaired)
    yield CheckedFiles(files, damaged)


async def _close_census_day(
    application: "Application", _operator: "Principal", _arguments: CloseCensusDay
) -> AsyncIterator[CensusDayRecord]:
    """Close the day, in a service after a flush, so that every peer seen so far is counted."""
    if application.serves:
        await application.tracker.flusher.flush()
    else:
        await application.tracker.start_census()
    day = await application.tracker.census.end_day()
    yield CensusDayRecord(day.isoformat() if day is not None else None)


async def _show_stats(_arguments: Stats, records: AsyncIterator[StatsRecord]) -> bool:
    async for record in records:
        _print_groups(encode(record))
    return True


def _print_groups(groups: Mapping[str, Mapping[str, object]]) -> None:
    for component, numbers in groups.items():
        click.secho(component, bold=True)
        for name, value in numbers.items():
            click.echo(f"  {name:<10} {_figure(name, value):>18}")


def _figure(name: str, value: object) -> str:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int):
        return str(value)
    return format_size(value) if name in {"bytes", "free"} else f"{value:,}"


async def _show_check(_arguments: Check, records: AsyncIterator[DamagedFile | CheckedFiles]) -> bool:
    sound = True
    async for record in records:
        if isinstance(record, DamagedFile):
            sound = False
            done = f"  ({record.repaired})" if record.repaired else ""
            print_line(f"{record.infohash}  {record.problem}{done}")
        else:
            click.echo(f"{record.files:,} checked, {record.problems:,} not sound")
    return sound


async def _show_census_day(_arguments: CloseCensusDay, records: AsyncIterator[CensusDayRecord]) -> bool:
    succeeded = True
    async for record in records:
        if record.day is None:
            click.echo("no day of the census is open", err=True)
            succeeded = False
        else:
            click.echo(f"closed  {record.day}")
    return succeeded


STATS = Command(
    path=("stats",),
    arguments=Stats,
    record=StatsRecord,
    run=_stats,
    show=_show_stats,
    starts=False,
    reads_files=True,
    counts_swarms=True,
)
CHECK = Command(
    path=("check",),
    arguments=Check,
    record=DamagedFile | CheckedFiles,
    run=_check,
    show=_show_check,
    starts=False,
    reads_files=True,
)
CLOSE_CENSUS_DAY = Command(
    path=("census", "close"),
    arguments=CloseCensusDay,
    record=CensusDayRecord,
    run=_close_census_day,
    show=_show_census_day,
    starts=False,
)
