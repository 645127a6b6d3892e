"""What every command line shares: settings, the operator's name, and running an administration command."""

import asyncio
import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from peerage.admin_client import CommandFailed, run_command
from peerage.cli_output import Show
from peerage.config import Settings, SettingsError, read_settings
from peerage.logs import configure_logs
from peerage.wiring.application import open_application

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The settings file. [default: peerage.toml, where there is one]",
)
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The folder that holds all state. [default: data]",
)


def run_and_show(
    command: str, arguments: Mapping[str, Any], show: Show, data: Path | None, config: Path | None
) -> None:
    """Run an administration command and show its records; exit with 1 when one is a refusal or a problem."""
    settings = settings_from(config, {} if data is None else {"data": data})
    quiet = settings.log.model_copy(update={"level": "warning"})
    configure_logs(settings.log if settings.log.level == "error" else quiet)
    try:
        succeeded = asyncio.run(show(run_command(settings, command, arguments, open_application)))
    except CommandFailed as error:
        raise click.ClickException(str(error)) from error
    if not succeeded:
        raise SystemExit(1)


def settings_from(config: Path | None, options: Mapping[str, Any]) -> Settings:
    """Read the settings; click.UsageError names each that is wrong."""
    try:
        return read_settings(options, os.environ, config)
    except SettingsError as error:
        raise click.UsageError("\n".join(error.problems)) from error


def operator() -> str:
    """Return the name of the user who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
