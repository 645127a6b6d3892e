"""The command lines of `peerage upgrade`, `peerage vacuum` and `peerage maintenance`, which need no service."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from peerage.cli import config_option, data_option, json_option, settings_from
from peerage.commands.terminal import moment, print_json, print_line
from peerage.setting_values import format_size
from storage.data_folder import DataFolder, FolderError
from storage.database import DatabaseError
from storage.maintenance import MaintenanceEntry, MaintenanceLog
from storage.schema import PEERAGE, SWARMS, Schema
from storage.sqlite.upkeep import UpgradeTrial, go_back, kept_before, try_upgrade, vacuum


@click.command(
    "upgrade",
    params=[
        click.Option(
            ["--check"], is_flag=True, help="Migrate copies, say how long it takes, and change nothing."
        ),
        click.Option(
            ["--back"],
            is_flag=True,
            help="Put the databases from before the last migration back; what came since is set aside.",
        ),
        click.Option(["--yes"], is_flag=True, help="Do not ask."),
        json_option(),
        data_option(),
        config_option(),
    ],
)
def upgrade(
    data: Path | None, config: Path | None, *, check: bool, back: bool, yes: bool, as_json: bool
) -> None:
    """Try the migrations of this version on copies of the databases, or go back to those from before the last ones.

    A start migrates by itself, and keeps a copy of each database that it does. --check may be given beside a running
    server of the version before.
    """
    if check == back:
        raise click.UsageError("say --check or --back")
    folder = _folder(data, config)
    if check:
        _try(folder, as_json=as_json)
    else:
        _go_back(folder, yes=yes, as_json=as_json)


def _try(folder: DataFolder, *, as_json: bool) -> None:
    total = 0.0
    for path, schema in _databases(folder):
        with _reported():
            trial = try_upgrade(path, schema)
        if as_json:
            print_json(_tried(path.name, schema.head, trial))
            continue
        if trial is None:
            click.echo(f"{path.name} is of this version")
            continue
        total += trial.seconds
        room = format_size(_room(trial))
        click.echo(
            f"{trial.name}: from revision {trial.before or 'none'} to {trial.after} in {trial.seconds:.1f} s, sound "
            f"afterwards; it needs {room} more while the copy from before is kept"
        )
    if total:
        click.echo(f"the start of this version takes about {total:.0f} s longer, once; make a backup before")


def _go_back(folder: DataFolder, *, yes: bool, as_json: bool) -> None:
    with _reported(), folder:
        kept = {path: copies[-1] for path, _ in _databases(folder) if (copies := kept_before(path))}
        if not kept:
            raise click.ClickException(
                "no copy from before a migration is kept: restore a backup (peerage restore)"
            )
        times = ", ".join(f"{each.name} of {moment(int(each.stat().st_mtime))}" for each in kept.values())
        if not yes:
            click.confirm(f"{times}: put back, and set aside what came since", abort=True, err=True)
        now = time.time()
        for path in kept:
            aside = go_back(path, now)
            if as_json:
                print_json({"database": path.name, "set_aside": str(aside)})
            else:
                click.echo(f"{path.name} is as it was; what came since is in {aside}")
        _note(folder, "upgrade --back", now, {"databases": [path.name for path in kept]})
    if not as_json:
        click.echo("install the version from before, and start it")


def _tried(name: str, head: str, trial: UpgradeTrial | None) -> Mapping[str, object]:
    """Return what a trial showed as a record; none was needed where both revisions are the same."""
    if trial is None:
        return {"database": name, "before": head, "after": head, "seconds": 0.0, "bytes": 0}
    seconds = round(trial.seconds, 3)
    return {
        "database": name,
        "before": trial.before,
        "after": trial.after,
        "seconds": seconds,
        "bytes": _room(trial),
    }


def _room(trial: UpgradeTrial) -> int:
    """Return the bytes that a migration needs while the copy from before is kept."""
    return trial.bytes_before + max(0, trial.bytes_after - trial.bytes_before)


@click.command("vacuum", params=[json_option(), data_option(), config_option()])
def vacuum_databases(data: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Rewrite the databases without what is free in them; no server may run."""
    folder = _folder(data, config)
    with _reported(), folder:
        began, sizes = time.time(), {}
        for path, _ in _databases(folder):
            before, after = vacuum(path)
            sizes[path.name] = [before, after]
            if as_json:
                print_json({"database": path.name, "bytes_before": before, "bytes_after": after})
            else:
                click.echo(f"{path.name}: {format_size(before)}, now {format_size(after)}")
        _note(folder, "vacuum", began, sizes)


@click.command(
    "maintenance",
    params=[
        click.Option(
            ["--limit"], type=click.IntRange(1, 10_000), default=50, help="Entries at most. [default: 50]"
        ),
        json_option(),
        data_option(),
        config_option(),
    ],
)
def show_maintenance(data: Path | None, config: Path | None, limit: int, *, as_json: bool) -> None:
    """Show what maintenance did to the data folder, the newest first.

    That is backups, restores, vacuum, going back, checks of stored files, what retention deleted, thinned history,
    closed days of the census, and room made in the cache.
    """
    folder = _folder(data, config)
    with _reported():
        entries = MaintenanceLog(folder.maintenance).entries()[:limit]
    for each in entries:
        record = {"time": each.time, "what": each.what, "seconds": each.seconds, "well": each.well}
        if as_json:
            print_json(record | {"details": dict(each.details)})
        else:
            state = "" if each.well else "not all went well  "
            details = ", ".join(f"{name} {value}" for name, value in each.details.items())
            print_line(f"{moment(each.time)}  {each.what:<14}  {each.seconds:>7.1f} s  {state}{details}")


def _folder(data: Path | None, config: Path | None) -> DataFolder:
    settings = settings_from(config, {} if data is None else {"data": data})
    if not settings.data.is_dir():
        raise click.ClickException(f"there is no data folder at {settings.data}: name it with --data")
    os.umask(0o077)
    return DataFolder(settings.data)


def _databases(folder: DataFolder) -> list[tuple[Path, Schema]]:
    found = ((folder.records, PEERAGE), (folder.swarms, SWARMS))
    return [(path, schema) for path, schema in found if path.exists()]


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what the storage raises into an error of the command line."""
    try:
        yield
    except (DatabaseError, FolderError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _note(folder: DataFolder, what: str, began: float, details: Mapping[str, object]) -> None:
    entry = MaintenanceEntry(int(began), what, time.time() - began, True, details)
    MaintenanceLog(folder.maintenance).append(entry)
