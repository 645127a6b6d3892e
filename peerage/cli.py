"""The `peerage` command line: every command with its options and arguments."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from peerage import __version__
from peerage.banner import banner
from peerage.cli_accounts import key, user
from peerage.cli_output import (
    show_check,
    show_day,
    show_entries,
    show_export,
    show_import,
    show_json,
    show_lifted,
    show_lists,
    show_stats,
    show_titles,
)
from peerage.cli_runner import CONFIG, DATA, operator, run_and_show, settings_from
from peerage.config import SettingRow, Settings, as_toml, option, rows
from peerage.listeners import NoNativeDoor
from peerage.logs import configure_logs
from peerage.serve import run as run_service
from peerage.setting_values import ListenAddress, split_items
from peerage.sockets import BindError, BoundAddress
from peerage.wiring.application import Application
from peerage.wiring.swarm_store import NoNativeStore
from storage.data_folder import FolderError
from storage.database import DatabaseError
from tracker.geo import GeoError

_HASH = click.argument("infohash", metavar="HASH")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="peerage")
def main() -> None:
    """Peerage: a BitTorrent tracker and .torrent cache from one command.

    Every setting can stand in peerage.toml, in the environment (PEERAGE_TRACKER_INTERVAL for [tracker] interval) and on
    the command line of `serve`. The other commands speak to the running server, or work on its data folder when it is
    stopped.
    """


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


@main.command("serve", params=[_option(row) for row in rows()])
@CONFIG
def _serve(config: Path | None, **given: object) -> None:
    """Run the tracker and the cache."""
    options = {name.replace("__", "."): value for name, value in given.items() if value not in (None, ())}
    settings = settings_from(config, {key: _flattened(value) for key, value in options.items()})
    configure_logs(settings.log)
    try:
        run_service(settings, lambda application, bound: _print_banner(settings, application, bound))
    except (BindError, FolderError, DatabaseError, GeoError, NoNativeStore, NoNativeDoor) as error:
        raise click.ClickException(str(error)) from error


def _print_banner(settings: Settings, application: Application, bound: Sequence[BoundAddress]) -> None:
    addresses = [ListenAddress(each.host, each.port) for each in bound]
    click.echo(
        banner(
            settings,
            addresses,
            lists_empty=application.tracker.policy.empty,
            admin_link=application.one_time_links.pending,
        )
    )


@main.command("import")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path, exists=True)
)
@DATA
@CONFIG
def _import(paths: tuple[Path, ...], data: Path | None, config: Path | None) -> None:
    """Add .torrent files, folders, tar and zip archives of them; safe to repeat."""
    arguments = {"paths": [os.path.abspath(path) for path in paths], "by": operator()}  # noqa: PTH100
    run_and_show("import", arguments, show_import, data, config)


@main.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@DATA
@CONFIG
def _export(folder: Path, data: Path | None, config: Path | None) -> None:
    """Write every held torrent to DIR as HASH.torrent; safe to repeat."""
    run_and_show("export", {"folder": str(folder.absolute())}, show_export, data, config)


@main.group("titles")
def _titles() -> None:
    """Manage the list of films and series that names are looked up in."""


@_titles.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@DATA
@CONFIG
def _titles_import(file: Path, data: Path | None, config: Path | None) -> None:
    """Read IMDb's title.basics.tsv or .tsv.gz, in place of what was read before."""
    run_and_show("titles", {"file": str(file.absolute())}, show_titles, data, config)


@main.command("block")
@_HASH
@click.option("--reason", required=True, metavar="TEXT", help="Why; uploaders are told.")
@DATA
@CONFIG
def _block(infohash: str, reason: str, data: Path | None, config: Path | None) -> None:
    """Refuse a torrent everywhere and delete its file."""
    run_and_show(
        "block", {"infohash": infohash, "reason": reason, "by": operator()}, show_entries, data, config
    )


@main.command("unblock")
@_HASH
@DATA
@CONFIG
def _unblock(infohash: str, data: Path | None, config: Path | None) -> None:
    """Lift a block; the file does not come back."""
    run_and_show("unblock", {"infohash": infohash}, show_lifted, data, config)


@main.command("allow")
@_HASH
@click.option("--reason", default="", metavar="TEXT", help="A note for other operators.")
@DATA
@CONFIG
def _allow(infohash: str, reason: str, data: Path | None, config: Path | None) -> None:
    """Track a torrent in listed mode though the cache does not hold it."""
    run_and_show(
        "allow", {"infohash": infohash, "reason": reason, "by": operator()}, show_entries, data, config
    )


@main.command("disallow")
@_HASH
@DATA
@CONFIG
def _disallow(infohash: str, data: Path | None, config: Path | None) -> None:
    """Take an allowance back."""
    run_and_show("disallow", {"infohash": infohash}, show_lifted, data, config)


@main.command("lists")
@DATA
@CONFIG
def _lists(data: Path | None, config: Path | None) -> None:
    """Show every blocked and allowed torrent."""
    run_and_show("lists", {}, show_lists, data, config)


@main.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@DATA
@CONFIG
def _stats(as_json: bool, data: Path | None, config: Path | None) -> None:
    """Show swarms, cache, lists and health in numbers."""
    run_and_show("stats", {}, show_json if as_json else show_stats, data, config)


@main.group("census")
def _census() -> None:
    """Manage the counts of peers by day and country."""


@_census.command("close")
@DATA
@CONFIG
def _census_close(data: Path | None, config: Path | None) -> None:
    """End the day now: its counts stay, its key and hashes are destroyed, its rest is not counted."""
    run_and_show("census-close", {}, show_day, data, config)


@main.command("check")
@DATA
@CONFIG
def _check(data: Path | None, config: Path | None) -> None:
    """Verify every stored file against its hash; the exit status is 1 when one does not hold."""
    run_and_show("check", {}, show_check, data, config)


main.add_command(user)
main.add_command(key)


@main.command("settings")
def _settings_page() -> None:
    """Print a commented peerage.toml with every default."""
    click.echo(as_toml(), nl=False)


def _flattened(value: object) -> object:
    """Flatten a repeated option, each use of which may hold several values."""
    if not isinstance(value, tuple):
        return value
    return [item for text in value for item in split_items(text)]
