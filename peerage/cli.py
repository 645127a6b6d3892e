"""Hides how a command line becomes settings and a deed, and how a deed's records read on a terminal."""

import asyncio
import getpass
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from peerage import __version__
from peerage.banner import banner
from peerage.config import Row, Settings, SettingsError, as_toml, option, read_settings, rows
from peerage.entrance import NoNativeDoor
from peerage.errands import ErrandFailed, run
from peerage.logs import configure_logs
from peerage.outcomes import (
    Show,
    show_check,
    show_entries,
    show_export,
    show_import,
    show_json,
    show_lifted,
    show_lists,
    show_stats,
)
from peerage.quantities import Listen, split_items
from peerage.serve import run as run_service
from peerage.sockets import Bound, NoSocket
from peerage.stores import NoNativeStore
from peerage.wiring import Rooms, open_rooms
from storage.database import DatabaseError
from storage.folder import FolderError

_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The settings file. [default: peerage.toml, where there is one]",
)
_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The folder that holds all state. [default: data]",
)
_HASH = click.argument("infohash", metavar="HASH")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="peerage")
def main() -> None:
    """Peerage: a BitTorrent tracker and .torrent cache from one command.

    Every setting can stand in peerage.toml, in the environment (PEERAGE_TRACKER_INTERVAL for [tracker] interval) and on
    the command line of `serve`. The other commands speak to the running server, or work on its data folder when it is
    stopped.
    """


def _option(row: Row) -> click.Option:
    """Make the option of a setting; unused ones stay out of the way of the other sources."""
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
@_CONFIG
def _serve(config: Path | None, **given: object) -> None:
    """Run the tracker and the cache."""
    options = {name.replace("__", "."): value for name, value in given.items() if value not in (None, ())}
    settings = _settings(config, {key: _joined(value) for key, value in options.items()})
    configure_logs(settings.log)
    try:
        run_service(settings, lambda rooms, bound: _announce(settings, rooms, bound))
    except (NoSocket, FolderError, DatabaseError, NoNativeStore, NoNativeDoor) as error:
        raise click.ClickException(str(error)) from error


def _announce(settings: Settings, rooms: Rooms, bound: Sequence[Bound]) -> None:
    addresses = [Listen(each.host, each.port) for each in bound]
    click.echo(banner(settings, addresses, lists_empty=rooms.tracker.policy.empty))


@main.command("import")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path, exists=True)
)
@_DATA
@_CONFIG
def _import(paths: tuple[Path, ...], data: Path | None, config: Path | None) -> None:
    """Take in .torrent files, folders, tar and zip archives of them; safe to repeat."""
    arguments = {"paths": [os.path.abspath(path) for path in paths], "by": _user()}  # noqa: PTH100
    _run("import", arguments, show_import, data, config)


@main.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@_DATA
@_CONFIG
def _export(folder: Path, data: Path | None, config: Path | None) -> None:
    """Write every held torrent to DIR as HASH.torrent; safe to repeat."""
    _run("export", {"folder": str(folder.absolute())}, show_export, data, config)


@main.command("block")
@_HASH
@click.option("--reason", required=True, metavar="TEXT", help="Why; uploaders are told.")
@_DATA
@_CONFIG
def _block(infohash: str, reason: str, data: Path | None, config: Path | None) -> None:
    """Refuse a torrent everywhere and delete its file."""
    _run("block", {"infohash": infohash, "reason": reason, "by": _user()}, show_entries, data, config)


@main.command("unblock")
@_HASH
@_DATA
@_CONFIG
def _unblock(infohash: str, data: Path | None, config: Path | None) -> None:
    """Lift a block; the file does not come back."""
    _run("unblock", {"infohash": infohash}, show_lifted, data, config)


@main.command("allow")
@_HASH
@click.option("--reason", default="", metavar="TEXT", help="A note for other operators.")
@_DATA
@_CONFIG
def _allow(infohash: str, reason: str, data: Path | None, config: Path | None) -> None:
    """Track a torrent in listed mode though the cache does not hold it."""
    _run("allow", {"infohash": infohash, "reason": reason, "by": _user()}, show_entries, data, config)


@main.command("disallow")
@_HASH
@_DATA
@_CONFIG
def _disallow(infohash: str, data: Path | None, config: Path | None) -> None:
    """Take an allowance back."""
    _run("disallow", {"infohash": infohash}, show_lifted, data, config)


@main.command("lists")
@_DATA
@_CONFIG
def _lists(data: Path | None, config: Path | None) -> None:
    """Show every blocked and allowed torrent."""
    _run("lists", {}, show_lists, data, config)


@main.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_DATA
@_CONFIG
def _stats(as_json: bool, data: Path | None, config: Path | None) -> None:
    """Show swarms, cache, lists and health in numbers."""
    _run("stats", {}, show_json if as_json else show_stats, data, config)


@main.command("check")
@_DATA
@_CONFIG
def _check(data: Path | None, config: Path | None) -> None:
    """Verify every stored file against its hash; the exit status is 1 when one does not hold."""
    _run("check", {}, show_check, data, config)


@main.command("settings")
def _settings_page() -> None:
    """Print a commented peerage.toml with every default."""
    click.echo(as_toml(), nl=False)


def _run(deed: str, arguments: Mapping[str, Any], show: Show, data: Path | None, config: Path | None) -> None:
    """Do a deed and show its records; exit with 1 when one of them is a refusal or a problem."""
    settings = _settings(config, {} if data is None else {"data": data})
    quiet = settings.log.model_copy(update={"level": "warning"})
    configure_logs(settings.log if settings.log.level == "error" else quiet)
    try:
        went_well = asyncio.run(show(run(settings, deed, arguments, open_rooms)))
    except ErrandFailed as error:
        raise click.ClickException(str(error)) from error
    if not went_well:
        raise SystemExit(1)


def _settings(config: Path | None, options: Mapping[str, Any]) -> Settings:
    try:
        return read_settings(options, os.environ, config)
    except SettingsError as error:
        raise click.UsageError("\n".join(error.problems)) from error


def _joined(value: object) -> object:
    """Flatten a repeated option, each use of which may hold several values."""
    if not isinstance(value, tuple):
        return value
    return [item for text in value for item in split_items(text)]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
