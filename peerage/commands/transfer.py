"""Commands that move data in and out: import, export, titles import."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import click

from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.ownership import find_owner
from peerage.commands.parameters import AbsolutePathType
from peerage.commands.progress import Progress, with_progress
from peerage.commands.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from accounts.model import Principal
    from actions.title_import import TitleImportProgress
    from actions.torrent_export import ExportResult
    from actions.torrent_import import ImportResult, OnStored
    from catalogue.model import Torrent
    from peerage.wiring.application import Application

_MAX_PATHS = 10_000
_SUCCESSES = {"new", "known", "written", "same", "changed"}

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Import:
    """Add .torrent files, folders, tar and zip archives of them; safe to repeat."""

    paths: Annotated[
        tuple[Path, ...],
        click.Argument(
            ["paths"], nargs=-1, required=True, metavar="PATH...", type=AbsolutePathType(exists=True)
        ),
    ]
    owner: Annotated[
        str | None,
        click.Option(["--owner"], metavar="NAME", help="The account that owns what nobody owns yet."),
    ] = None


@dataclass(frozen=True, slots=True)
class Export:
    """Write every held torrent to DIR as HASH.torrent; safe to repeat."""

    folder: Annotated[Path, click.Argument(["folder"], metavar="DIR", type=AbsolutePathType(file_okay=False))]


@dataclass(frozen=True, slots=True)
class ImportTitles:
    """Read IMDb's title.basics.tsv or .tsv.gz, in place of what was read before."""

    file: Annotated[
        Path,
        click.Argument(["file"], metavar="FILE", type=AbsolutePathType(exists=True, dir_okay=False)),
    ]


@dataclass(frozen=True, slots=True)
class Total:
    """How much there is to do, in bytes or torrents."""

    total: int


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The outcome of a file or of a line of a dump; `done` counts the bytes read so far."""

    name: str
    outcome: str
    text: str
    done: int


@dataclass(frozen=True, slots=True)
class ExportedTorrent:
    """The outcome of a torrent."""

    infohash: str
    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class ExportedCatalogue:
    """The outcome of the catalogue's dump."""

    name: str
    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class TitlesProgress:
    """Bytes read, titles found, and lines that could not be read."""

    done: int
    found: int
    passed: int


async def _import(
    application: "Application", operator: "Principal", arguments: Import
) -> AsyncIterator[Total | ImportedFile]:
    from actions.catalogue_dump_import import split_dumps  # noqa: PLC0415 - where the command runs

    if not 0 < len(arguments.paths) <= _MAX_PATHS:
        raise Refusal("bad-request", f"name 1 to {_MAX_PATHS} paths")
    on_stored = None if arguments.owner is None else await _assigning(application, operator, arguments.owner)
    dumps, paths = await asyncio.to_thread(split_dumps, list(arguments.paths))
    before = await application.torrent_import.total(dumps)
    yield Total(before + await application.torrent_import.total(paths))
    done = 0
    for dump in dumps:
        async for outcome in _imported(application.catalogue_dump_import.read(dump), done):
            yield outcome
        done += await application.torrent_import.total([dump])
    results = application.torrent_import.import_paths(paths, operator.name, on_stored)
    async for outcome in _imported(results, before):
        yield outcome


async def _assigning(application: "Application", operator: "Principal", name: str) -> "OnStored":
    """Return what gives an imported torrent that nobody owns to an account."""
    owner = await find_owner(application, name)

    async def assign(torrent: "Torrent") -> None:
        if torrent.uploader is None:
            await application.curation.assign_torrent(operator, torrent.id, owner, "import")

    return assign


async def _imported(results: "AsyncIterator[ImportResult]", before: int) -> AsyncIterator[ImportedFile]:
    async with aclosing(cast("AsyncGenerator[ImportResult, None]", results)) as outcomes:
        async for each in outcomes:
            yield ImportedFile(each.name, each.outcome, each.text, before + each.done)


async def _export(
    application: "Application", _operator: "Principal", arguments: Export
) -> AsyncIterator[Total | ExportedTorrent | ExportedCatalogue]:
    from actions.catalogue_dump_lines import DUMP_FILE_NAME  # noqa: PLC0415 - where the command runs

    files, _ = await application.cache.totals()
    yield Total(files + 1)
    results = cast("AsyncGenerator[ExportResult, None]", application.torrent_export.write(arguments.folder))
    async with aclosing(results) as outcomes:
        async for each in outcomes:
            yield ExportedTorrent(each.infohash.upper, each.outcome, each.text)
    lines = await application.catalogue_dump.write(arguments.folder)
    yield ExportedCatalogue(DUMP_FILE_NAME, "written", f"{lines} lines")


async def _import_titles(
    application: "Application", _operator: "Principal", arguments: ImportTitles
) -> AsyncIterator[Total | TitlesProgress]:
    yield Total(await application.title_import.total(arguments.file))
    results = cast(
        "AsyncGenerator[TitleImportProgress, None]",
        application.title_import.import_file(arguments.file),
    )
    async with aclosing(results) as steps:
        async for each in steps:
            yield TitlesProgress(each.done, each.found, each.passed)


async def _show_import(_arguments: Import, records: AsyncIterator[Total | ImportedFile]) -> bool:
    """Show a bar over the bytes read, then what became of them and the reason of each refusal."""
    outcomes = _Outcomes()
    try:
        async for record in _with_bar(records, "Importing", lambda record, _: _done(record)):
            if isinstance(record, ImportedFile):
                outcomes.add(record.name, record.outcome, record.text)
    finally:
        outcomes.print()
    return outcomes.succeeded


async def _show_export(
    _arguments: Export, records: AsyncIterator[Total | ExportedTorrent | ExportedCatalogue]
) -> bool:
    """Show a bar over the torrents, then what became of them and the reason of each failure."""
    outcomes = _Outcomes()
    try:
        async for record in _with_bar(records, "Exporting", lambda _, position: position + 1):
            if isinstance(record, ExportedTorrent):
                outcomes.add(record.infohash, record.outcome, record.text)
            elif isinstance(record, ExportedCatalogue):
                outcomes.add(record.name, record.outcome, record.text)
    finally:
        outcomes.print()
    return outcomes.succeeded


async def _show_titles(_arguments: ImportTitles, records: AsyncIterator[Total | TitlesProgress]) -> bool:
    """Show a bar over the bytes read, then how many titles there are."""
    last = TitlesProgress(0, 0, 0)
    async for record in _with_bar(records, "Importing", lambda record, _: _done(record)):
        if isinstance(record, TitlesProgress):
            last = record
    click.echo(f"{last.found:,} titles" + (f", {last.passed:,} lines not read" if last.passed else ""))
    return True


async def _with_bar(
    records: AsyncIterator[R], label: str, position: Callable[[R, int], int]
) -> AsyncIterator[R]:
    """Yield records while stderr shows the position that `position` makes of record and position."""
    first = await anext(records, None)
    progress = Progress(label, first.total if isinstance(first, Total) else 0)
    async for record in with_progress(records, progress, position):
        yield record


def _done(record: Total | ImportedFile | TitlesProgress) -> int:
    return 0 if isinstance(record, Total) else record.done


class _Outcomes:
    """Counts outcomes, and collects the reasons of failures."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed."""
        return not self._failures

    def add(self, name: str, outcome: str, text: str) -> None:
        """Count an outcome."""
        self._counts[outcome] += 1
        if outcome not in _SUCCESSES:
            self._failures.append(f"{name}: {text}")

    def print(self) -> None:
        """Print each failure, then the counts."""
        for failure in self._failures:
            print_line(f"refused  {failure}")
        counts = sorted(self._counts.items())
        click.echo(", ".join(f"{count:,} {outcome}" for outcome, count in counts) or "nothing found")


IMPORT = Command(
    path=("import",),
    arguments=Import,
    record=Total | ImportedFile,
    run=_import,
    show=_show_import,
    creates_folder=True,
)
EXPORT = Command(
    path=("export",),
    arguments=Export,
    record=Total | ExportedTorrent | ExportedCatalogue,
    run=_export,
    show=_show_export,
)
IMPORT_TITLES = Command(
    path=("titles", "import"),
    arguments=ImportTitles,
    record=Total | TitlesProgress,
    run=_import_titles,
    show=_show_titles,
    creates_folder=True,
    starts=False,
)
