"""The command line of `peerage serve`, with an option for every setting."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from peerage.cli import config_option, settings_from
from peerage.config import SettingRow, Settings, option, read_settings, rows
from peerage.imports import uncollected
from peerage.setting_values import ListenAddress, split_items

if TYPE_CHECKING:
    from peerage.sockets import BoundAddress
    from peerage.wiring.application import Application


def _option(row: SettingRow) -> click.Option:
    """Make the option of a setting; one that is not given leaves the other sources in force."""
    name = option(row.key)
    spelled = f"{name}/--no-{name[2:]}" if row.is_switch else name
    return click.Option(
        [spelled, row.key.replace(".", "__")],
        help=f"{row.meaning} ({row.takes}) [default: {row.default}]",
        multiple=row.repeats,
        default=None,
        metavar=None if row.is_switch else "VALUE",
    )


@click.command("serve", params=[*map(_option, rows()), config_option()])
def serve(config: Path | None, **given: object) -> None:
    """Run the tracker and the cache."""
    options = {name.replace("__", "."): value for name, value in given.items() if value not in (None, ())}
    flat = {key: _flattened(value) for key, value in options.items()}
    settings = settings_from(config, flat)
    with uncollected():  # not for --help
        from peerage.listeners import NoNativeDoor  # noqa: PLC0415
        from peerage.logs import configure_logs  # noqa: PLC0415
        from peerage.serve import run  # noqa: PLC0415
        from peerage.sockets import BindError  # noqa: PLC0415
        from peerage.wiring.environment import NoNativeStore  # noqa: PLC0415
        from storage.data_folder import FolderError  # noqa: PLC0415
        from storage.database import DatabaseError  # noqa: PLC0415
        from tracker.geo import GeoError  # noqa: PLC0415

    configure_logs(settings.log)
    try:
        run(
            settings,
            lambda application, bound: _print_banner(settings, application, bound),
            lambda: read_settings(flat, os.environ, config),
        )
    except (BindError, FolderError, DatabaseError, GeoError, NoNativeStore, NoNativeDoor) as error:
        raise click.ClickException(str(error)) from error


def _print_banner(settings: Settings, application: "Application", bound: "Sequence[BoundAddress]") -> None:
    from peerage.banner import banner  # noqa: PLC0415 - with the service

    addresses = [ListenAddress(each.host, each.port) for each in bound]
    lists_empty = application.tracker.tracker.policy.empty
    admin_link = application.accounts.one_time_links.pending
    click.echo(banner(settings, addresses, lists_empty=lists_empty, admin_link=admin_link))


def _flattened(value: object) -> object:
    """Flatten a repeated option, each use of which may hold several values."""
    if not isinstance(value, tuple):
        return value
    return [item for text in value for item in split_items(text)]
