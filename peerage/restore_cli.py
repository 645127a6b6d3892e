"""The command line of `peerage restore`, which writes a backup into a data folder that nobody uses."""

import os
import time
from pathlib import Path

import click

from peerage.cli import config_option, json_option, settings_from
from peerage.commands.terminal import print_json
from storage.data_folder import DataFolder, FolderError
from storage.database import DatabaseDamaged
from storage.maintenance import MaintenanceEntry, MaintenanceLog
from storage.sqlite.backup import BackupError, restore_backup


@click.command(
    "restore",
    params=[
        click.Argument(
            ["backup"], metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
        ),
        click.Option(["--force"], is_flag=True, help="Set aside what the data folder holds."),
        click.Option(["--data"], type=click.Path(path_type=Path), metavar="PATH", help="The data folder."),
        config_option(),
        json_option(),
    ],
)
def restore(backup: Path, data: Path | None, config: Path | None, *, force: bool, as_json: bool) -> None:
    """Restore the newest backup in DIR into an empty data folder; no server may run on it."""
    settings = settings_from(config, {} if data is None else {"data": data})
    os.umask(0o077)
    try:
        with DataFolder(settings.data, restoring=True) as folder:
            began = time.time()
            name = restore_backup(backup, folder, began, force=force)
            details = {"folder": str(backup), "backup": name}
            MaintenanceLog(folder.maintenance).append(
                MaintenanceEntry(int(began), "restore", time.time() - began, True, details)
            )
    except (BackupError, DatabaseDamaged, FolderError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json({"data": str(settings.data), **details})
    else:
        click.echo(f"{settings.data} is as it was in the backup {name}, verified")
