"""The command that imports another site's accounts and their traffic: site import."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import click

from peerage.commands.command import Command
from peerage.commands.parameters import AbsolutePathType
from peerage.commands.progress import Progress, with_progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from accounts.model import Principal
    from actions.site_import import SiteProgress
    from peerage.wiring.application import Application

_FORMS = ("csv", "unit3d", "gazelle")


@dataclass(frozen=True, slots=True)
class ImportSite:
    """Import another site's accounts, passkeys and traffic; safe to repeat."""

    path: Annotated[Path, click.Argument(["path"], metavar="PATH", type=AbsolutePathType(exists=True))]
    form: Annotated[
        str,
        click.Option(
            ["--from", "form"],
            required=True,
            type=click.Choice(_FORMS),
            help="A folder of two tables of CSV, or the SQL dump of UNIT3D or Gazelle.",
        ),
    ]
    dry: Annotated[
        bool, click.Option(["--dry-run", "dry"], is_flag=True, help="Read all of it, and write nothing.")
    ] = False


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """How far an import of a site is, of `total` bytes."""

    total: int
    done: int
    made: int
    known: int
    renamed: int
    passkeys: int
    rows: int
    added: int
    passed: int


async def _import(
    application: "Application", operator: "Principal", arguments: ImportSite
) -> AsyncIterator[SiteRecord]:
    from actions.site_sources import SiteForm  # noqa: PLC0415 - where the command runs

    total = await application.site_import.total(arguments.path)
    steps = cast(
        "AsyncGenerator[SiteProgress, None]",
        application.site_import.run(SiteForm(arguments.form), arguments.path, dry=arguments.dry),
    )
    async with aclosing(steps) as progress:
        async for each in progress:
            yield SiteRecord(total, *each)


async def _show(arguments: ImportSite, records: AsyncIterator[SiteRecord]) -> bool:
    last: SiteRecord | None = None
    progress = Progress("Reading" if arguments.dry else "Importing", 1)

    def place(record: SiteRecord, _: int) -> int:
        progress.length = max(record.total, 1)
        return record.done

    async for record in with_progress(records, progress, place):
        last = record
    if last is None:
        click.echo("there is nothing to import")
        return True
    would = "would be " if arguments.dry else ""
    click.echo(
        f"{last.made:,} accounts {would}made, {last.passkeys:,} with their passkeys; {last.known:,} known"
    )
    click.echo(f"{last.renamed:,} of them {would}renamed, as their name is taken or is none here")
    rows = f"{last.rows:,} rows of traffic read"
    click.echo(rows if arguments.dry else f"{rows}, {last.added:,} added")
    if last.passed:
        click.echo(f"{last.passed:,} rows are of accounts that are not there", err=True)
    return not last.passed


IMPORT_SITE = Command(
    path=("site", "import"),
    arguments=ImportSite,
    record=SiteRecord,
    run=_import,
    show=_show,
    creates_folder=True,
    starts=False,
)
