"""The `peerage` command line, made of the declarations in `peerage/commands/`.

What a command does not need is not imported: `serve` and the settings are loaded when they are asked for.
"""

import asyncio
import getpass
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing, redirect_stdout
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bittorrent.refusal import Refusal
from peerage import __version__
from peerage.commands.client import CommandFailed, CommandRefused, run_command
from peerage.commands.command import Command, encode
from peerage.commands.registry import MODULES, commands_of
from peerage.commands.terminal import print_json
from peerage.imports import uncollected

if TYPE_CHECKING:
    from peerage.config import Settings

_GROUPS = {
    "titles": "Manage the list of films and series that names are looked up in.",
    "census": "Manage the counts of peers by day and country.",
    "rule": "Say which clients and addresses may announce.",
    "torrent": "Say who owns a torrent.",
    "jobs": "Show and cancel the downloads of accounts.",
    "webhook": "Say who is told of what happens.",
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


def data_option() -> click.Option:
    """Return the option that names the data folder."""
    return click.Option(
        ["--data"],
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="The folder that holds all state. [default: data]",
    )


def json_option() -> click.Option:
    """Return the option of records as JSON, which every command has that prints any."""
    return click.Option(["--json", "as_json"], is_flag=True, help="Print each record as one line of JSON.")


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
def print_settings(*, as_json: bool) -> None:
    """Print a commented peerage.toml with every default."""
    from peerage.config import as_toml, rows  # noqa: PLC0415 - not for --help

    if not as_json:
        click.echo(as_toml(), nl=False)
        return
    for row in rows():
        print_json({"key": row.key, "default": row.default, "takes": row.takes, "meaning": row.meaning})


print_settings.params.append(json_option())


@main.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def print_completion(shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    from peerage.command_tree import command_tree  # noqa: PLC0415 - not for --help
    from peerage.completion import SHELLS  # noqa: PLC0415

    click.echo(SHELLS[shell](command_tree()), nl=False)


@main.command("dns")
@click.option("--host", metavar="NAME", help="The tracker's host. [default: that of public_url]")
def print_dns_record(host: str | None, config: Path | None, *, as_json: bool) -> None:
    """Print the DNS record that tells clients the tracker's ports (BEP 34)."""
    from peerage.dns_record import dns_record  # noqa: PLC0415 - not for --help

    record = dns_record(settings_from(config, {}), host)
    if as_json:
        print_json({"host": record.host, "type": "TXT", "text": record.text, "notes": record.notes})
    else:
        for line in record.lines():
            click.echo(line)


print_dns_record.params += [json_option(), config_option()]


def _click_command(command: Command[Any, Any]) -> click.Command:
    parameters = [*command.parameters(), json_option(), data_option(), config_option()]
    return click.Command(
        command.path[-1],
        params=parameters,
        help=command.help,
        callback=_callback(command),
        context_settings={"ignore_unknown_options": command.takes_hyphens},
    )


def _callback(command: Command[Any, Any]) -> Callable[..., None]:
    show = command.show

    def run(data: Path | None, config: Path | None, *, as_json: bool, **given: object) -> None:
        show_records = partial(_print_json, show) if as_json else show
        taken = {name: value for name, value in given.items() if value is not None}
        try:
            settings = settings_from(config, {} if data is None else {"data": data})
        except WrongSettings as wrong:
            if command.wrong_settings is None:
                raise
            judged = _each(command.wrong_settings(wrong.problems))
            arguments = command.decode(taken, strict=False)
            raise SystemExit(0 if asyncio.run(show_records(arguments, judged)) else 1) from None
        try:
            arguments = command.decode(taken, strict=False)
            succeeded = asyncio.run(_run_and_show(settings, command, arguments, show_records))
        except CommandFailed as error:
            raise click.ClickException(str(error)) from error
        except (CommandRefused, Refusal) as refused:
            click.echo(f"{refused}{_next_step(command, refused.code)}", err=True)
            succeeded = False
        if not succeeded:
            raise SystemExit(1)

    return run


async def _each(records: Iterable[Any]) -> AsyncIterator[Any]:
    for record in records:
        yield record


Show = Callable[[Any, AsyncIterator[Any]], Coroutine[None, None, bool]]
"""Prints the records of a command and returns whether all went well."""


async def _run_and_show(
    settings: "Settings", command: Command[Any, Any], arguments: object, show: Show
) -> bool:
    async with aclosing(run_command(settings, command, arguments, _operator())) as records:
        return await show(arguments, records)


async def _print_json(show: Show, arguments: object, records: AsyncIterator[Any]) -> bool:
    """Print each record as a line of JSON; what would be shown to people judges whether all went well."""
    output = sys.stdout

    async def printed() -> AsyncIterator[Any]:
        async for record in records:
            print(json.dumps(encode(record)), file=output, flush=True)
            yield record

    with redirect_stdout(io.StringIO()):
        return await show(arguments, printed())


def _next_step(command: Command[Any, Any], code: str) -> str:
    """Return what to do about a refusal, as a sentence that follows it, "" where it says so itself."""
    shows = {"user": "user list", "key": "key list", "webhook": "webhook list", "jobs": "jobs list"}
    words = " ".join(command.path)
    steps = {
        "not-found": f"see what there is: peerage {shows.get(command.path[0], 'search')}",
        "bad-request": f"see how it is written: peerage {words} --help",
        "invalid": f"see what it takes: peerage {words} --help",
        "internal": "see the log of the service, and `peerage doctor`",
        "busy": "try again in a moment",
        "unavailable": "see `peerage doctor`",
    }
    return f"; {steps[code]}" if code in steps else ""


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
main.add_command(
    LazyCommand("upgrade", "Try the migrations of this version, or go back.", "peerage.upkeep_cli:upgrade")
)
main.add_command(
    LazyCommand("vacuum", "Rewrite the databases without free space.", "peerage.upkeep_cli:vacuum_databases")
)
main.add_command(
    LazyCommand("maintenance", "Show what maintenance did.", "peerage.upkeep_cli:show_maintenance")
)
main.add_command(LazyCommand("init", "Write the settings of a new installation.", "peerage.init_cli:init"))
main.add_command(
    LazyCommand("restore", "Restore a backup into an empty data folder.", "peerage.restore_cli:restore")
)
main.add_command(
    LazyCommand("move", "Copy all records into PostgreSQL, or back.", "peerage.move_cli:move_records")
)
