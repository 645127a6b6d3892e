"""The `peerage` command line, made of the declarations in `peerage/commands/`.

What a command does not need is not imported: `serve` and the settings are loaded when they are asked for.
"""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bittorrent.refusal import Refusal
from peerage import __version__
from peerage.commands.client import CommandFailed, CommandRefused, run_command
from peerage.commands.command import Command
from peerage.commands.registry import MODULES, commands_of
from peerage.imports import uncollected

if TYPE_CHECKING:
    from peerage.config import Settings

_GROUPS = {
    "titles": "Manage the list of films and series that names are looked up in.",
    "census": "Manage the counts of peers by day and country.",
    "torrent": "Say who owns a torrent.",
    "user": "Make and change accounts.",
    "credit": "Say what of the bytes counts on a private tracker, and give tokens.",
    "invite": "Give accounts invites, and show who let whom in.",
    "site": "Move the accounts of another site here.",
    "key": "Make keys and tokens, and take them back.",
}


class LazyCommand(click.Command):
    """A command that is imported when it runs; `target` is its module and name."""

    def __init__(self, name: str, summary: str, target: str) -> None:
        super().__init__(name, help=summary)
        self._target = target

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self._target.partition(":")
        with uncollected():
            command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """Parse the arguments by the real command."""
        return self.load().make_context(info_name, args, parent, **extra)


class DeclaredGroup(click.Group):
    """The commands that begin with one word, imported when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return sorted(self._declared())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of the name."""
        return self._declared().get(cmd_name)

    def _declared(self) -> dict[str, click.Command]:
        assert self.name is not None
        return {each.path[1]: _click_command(each) for each in commands_of(self.name)}


class RootGroup(click.Group):
    """All commands; the module of one is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return sorted([*self.commands, *MODULES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command or group, None where there is none of the name."""
        if cmd_name in _GROUPS:
            return DeclaredGroup(cmd_name, help=_GROUPS[cmd_name])
        if cmd_name not in MODULES:
            return self.commands.get(cmd_name)
        (command,) = commands_of(cmd_name)
        return _click_command(command)


def config_option() -> click.Option:
    """Return the option that names the settings file."""
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The settings file. [default: peerage.toml, where there is one]",
    )


def _data_option() -> click.Option:
    return click.Option(
        ["--data"],
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="The folder that holds all state. [default: data]",
    )


@click.group(
    cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="peerage")
def main() -> None:
    """Peerage: a BitTorrent tracker and .torrent cache from one command.

    Every setting can stand in peerage.toml, in the environment (PEERAGE_TRACKER_INTERVAL for [tracker] interval) and on
    the command line of `serve`. The other commands speak to the running server, or work on its data folder when it is
    stopped.
    """


@main.command("settings")
def print_settings() -> None:
    """Print a commented peerage.toml with every default."""
    from peerage.config import as_toml  # noqa: PLC0415 - not for --help

    click.echo(as_toml(), nl=False)


@main.command("dns")
@click.option("--host", metavar="NAME", help="The tracker's host. [default: that of public_url]")
def print_dns_record(host: str | None, config: Path | None) -> None:
    """Print the DNS record that tells clients the tracker's ports (BEP 34)."""
    from peerage.dns_record import dns_record  # noqa: PLC0415 - not for --help

    for line in dns_record(settings_from(config, {}), host):
        click.echo(line)


print_dns_record.params.append(config_option())


def _click_command(command: Command[Any, Any]) -> click.Command:
    parameters = [*command.parameters(), _data_option(), config_option()]
    return click.Command(command.path[-1], params=parameters, help=command.help, callback=_callback(command))


def _callback(command: Command[Any, Any]) -> Callable[..., None]:
    def run(data: Path | None, config: Path | None, **given: object) -> None:
        taken = {name: value for name, value in given.items() if value is not None}
        try:
            settings = settings_from(config, {} if data is None else {"data": data})
        except WrongSettings as wrong:
            if command.wrong_settings is None:
                raise
            judged = _each(command.wrong_settings(wrong.problems))
            arguments = command.decode(taken, strict=False)
            raise SystemExit(0 if asyncio.run(command.show(arguments, judged)) else 1) from None
        try:
            arguments = command.decode(taken, strict=False)
            succeeded = asyncio.run(_run_and_show(settings, command, arguments))
        except CommandFailed as error:
            raise click.ClickException(str(error)) from error
        except (CommandRefused, Refusal) as refused:
            click.echo(str(refused), err=True)
            succeeded = False
        if not succeeded:
            raise SystemExit(1)

    return run


async def _each(records: Iterable[Any]) -> AsyncIterator[Any]:
    for record in records:
        yield record


async def _run_and_show(settings: "Settings", command: Command[Any, Any], arguments: object) -> bool:
    async with aclosing(run_command(settings, command, arguments, _operator())) as records:
        return await command.show(arguments, records)


class WrongSettings(click.UsageError):
    """Settings are wrong; a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def settings_from(config: Path | None, options: Mapping[str, Any]) -> "Settings":
    """Read the settings; WrongSettings names each that is wrong."""
    with uncollected():
        from peerage.config import SettingsError, read_settings  # noqa: PLC0415 - not for --help

    try:
        return read_settings(options, os.environ, config)
    except SettingsError as error:
        raise WrongSettings(error.problems) from error


def _operator() -> str:
    """Return the name of the user who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


main.add_command(LazyCommand("serve", "Run the tracker and the cache.", "peerage.serve_cli:serve"))
main.add_command(LazyCommand("init", "Write the settings of a new installation.", "peerage.init_cli:init"))
main.add_command(
    LazyCommand("restore", "Restore a backup into an empty data folder.", "peerage.restore_cli:restore")
)
main.add_command(
    LazyCommand("move", "Copy all records into PostgreSQL, or back.", "peerage.move_cli:move_records")
)
