"""The command that backs a data folder up, beside the running server or without one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from peerage.commands.command import Command
from peerage.commands.parameters import AbsolutePathType
from peerage.commands.terminal import print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class Backup:
    """Write a backup of everything into DIR; files that it holds are not copied again."""

    folder: Annotated[Path, click.Argument(["folder"], metavar="DIR", type=AbsolutePathType(file_okay=False))]
    keep: Annotated[
        int,
        click.Option(
            ["--keep"], type=click.IntRange(1, 1000), default=7, help="Backups to keep. [default: 7]"
        ),
    ] = 7


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """The backup: its folder, its .torrent files, those copied now and their bytes, and what could not be saved.

    Files that are in a `bucket` are not in it.
    """

    folder: str
    files: int
    copied: int
    copied_bytes: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    bucket: str | None = None


async def _backup(
    application: "Application", _operator: "Principal", arguments: Backup
) -> AsyncIterator[BackupRecord]:
    from bittorrent.refusal import Refusal  # noqa: PLC0415 - where the command runs
    from storage.database import DatabaseError  # noqa: PLC0415
    from storage.maintenance import MaintenanceEntry, MaintenanceLog  # noqa: PLC0415
    from storage.sqlite.backup import BackupError, make_backup  # noqa: PLC0415

    if application.settings.database is not None:
        raise Refusal(
            "unreadable",
            "the records are in PostgreSQL: save them with pg_dump, and the data folder as it is",
        )
    if application.started:  # else there is nothing that is not on disk
        await application.tracker.flusher.flush()
        await application.accounts.accounts.flush_last_used()
    folder, environment = application.stores.folder, application.environment
    now, began = environment.clock(), environment.timer()
    log, bucket = MaintenanceLog(folder.maintenance), application.settings.blobs

    def note(well: bool, **details: object) -> None:
        log.append(MaintenanceEntry(int(now), "backup", environment.timer() - began, well, details))

    try:
        done = await asyncio.to_thread(
            make_backup, folder, arguments.folder, now, arguments.keep, files=bucket is None
        )
    except Refusal:
        raise
    except (BackupError, DatabaseError, OSError) as error:
        note(False, error=str(error))
        if isinstance(error, OSError):
            raise
        raise Refusal("unreadable", str(error)) from error
    note(
        not done.missing and not done.damaged,
        folder=done.folder,
        files=done.files,
        copied=done.copied,
        missing=len(done.missing),
        damaged=len(done.damaged),
    )
    yield BackupRecord(
        done.folder, done.files, done.copied, done.copied_bytes, done.missing, done.damaged, bucket
    )


async def _show_backup(_arguments: Backup, records: AsyncIterator[BackupRecord]) -> bool:
    sound = True
    async for record in records:
        for infohash in record.missing:
            print_line(f"{infohash}  has no file")
        for infohash in record.damaged:
            print_line(f"{infohash}  has a file that is not what was stored")
        sound = not record.missing and not record.damaged
        if record.bucket is not None:
            print_line(f"the .torrent files are in {record.bucket}, and not in this backup")
        print_line(f"{record.folder}: {record.files:,} files, {record.copied:,} of them copied now, verified")
    return sound


BACKUP = Command(
    path=("backup",),
    arguments=Backup,
    record=BackupRecord,
    run=_backup,
    show=_show_backup,
    starts=False,
    reads_files=True,
)
