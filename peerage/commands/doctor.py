"""The command that looks for what is wrong with the installation: doctor."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from peerage.commands.command import Command
from peerage.commands.terminal import print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from actions.diagnosis import Finding
    from peerage.config import Settings
    from peerage.wiring.application import Application

_COLOURS = {"problem": "red", "warning": "yellow", "note": "cyan", "good": "green"}
_WRONG = {"problem", "warning"}


@dataclass(frozen=True, slots=True)
class Doctor:
    """Look for what is wrong with the installation, and say what to do; the exit status is 1 where something is.

    Beside a running server it is the server that looks, so that ports, proxy and limits are its own.
    """

    quick: Annotated[
        bool, click.Option(["--quick"], is_flag=True, help="Do not read the databases whole.")
    ] = False


@dataclass(frozen=True, slots=True)
class FindingRecord:
    """What was found of a subject: good, note, warning or problem, and what to do about it."""

    subject: str
    grade: str
    text: str
    remedy: str


async def _examine_running(
    application: "Application", operator: "Principal", arguments: Doctor
) -> AsyncIterator[FindingRecord]:
    found = await application.diagnosis.findings(operator, thorough=not arguments.quick, fresh=True)
    for each in found.findings:
        yield _record(each)


async def _examine_here(settings: "Settings", arguments: Doctor) -> AsyncIterator[FindingRecord]:
    from peerage.diagnosis.examination import examine  # noqa: PLC0415 - where no server runs
    from peerage.diagnosis.examined import Examined  # noqa: PLC0415

    for each in examine(Examined(settings=settings, now=time.time(), thorough=not arguments.quick)):
        yield _record(each)


def _wrong_settings(problems: Sequence[str]) -> Iterable[FindingRecord]:
    from peerage.diagnosis.settings import wrong_settings  # noqa: PLC0415 - where they are

    return map(_record, wrong_settings(problems))


def _record(found: "Finding") -> FindingRecord:
    return FindingRecord(found.subject, found.grade.value, found.text, found.remedy)


async def _show(_arguments: Doctor, records: AsyncIterator[FindingRecord]) -> bool:
    counts = dict.fromkeys(_COLOURS, 0)
    async for record in records:
        counts[record.grade] += 1
        click.secho(f"{record.grade:<8}", fg=_COLOURS[record.grade], nl=False)
        print_line(f" {record.subject:<12} {record.text}")
        if record.remedy:
            print_line(f"{'':<22}{record.remedy}")
    click.echo(", ".join(f"{number} {grade}" for grade, number in counts.items()))
    return not any(counts[grade] for grade in _WRONG)


DOCTOR = Command(
    path=("doctor",),
    arguments=Doctor,
    record=FindingRecord,
    run=_examine_running,
    run_closed=_examine_here,
    wrong_settings=_wrong_settings,
    show=_show,
    creates_folder=True,
)
