"""The tree of commands as completions and manual pages need it: words, arguments and options, with their help."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import click

PROGRAM = "peerage"


@dataclass(frozen=True, slots=True)
class CommandOption:
    """An option: its spellings, what it takes ("" for a switch), what it may take, and its help.

    `is_path` says that it takes a path.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    is_path: bool
    help: str


@dataclass(frozen=True, slots=True)
class CommandNode:
    """A command or group: its words after the program's name, help, usage, options and commands below it.

    `choices` are what an argument of it may be, `takes_path` says that an argument is a path.
    """

    path: tuple[str, ...]
    summary: str
    help: str
    usage: str
    options: tuple[CommandOption, ...]
    below: tuple["CommandNode", ...]
    choices: tuple[str, ...]
    takes_path: bool

    def walk(self) -> Iterator["CommandNode"]:
        """Yield it and all that is below it."""
        yield self
        for each in self.below:
            yield from each.walk()


def command_tree() -> CommandNode:
    """Return the tree of the whole command line."""
    from peerage.cli import LazyCommand, main  # noqa: PLC0415 - which imports this

    def node(command: click.Command, parent: click.Context | None, path: tuple[str, ...]) -> CommandNode:
        real = command.load() if isinstance(command, LazyCommand) else command
        context = click.Context(real, info_name=path[-1] if path else PROGRAM, parent=parent)
        context.help_option_names = ["-h", "--help"]
        group = real if isinstance(real, click.Group) else None
        names = group.list_commands(context) if group is not None else []
        below = (
            (cast("click.Command", group.get_command(context, name)), name)
            for name in names
            if group is not None
        )
        parameters = real.get_params(context)
        arguments = [each for each in parameters if isinstance(each, click.Argument)]
        pieces = real.collect_usage_pieces(context)
        return CommandNode(
            path=path,
            summary=command.get_short_help_str(200),
            help=(real.help or "").replace("\f", "").strip(),
            usage=" ".join([PROGRAM, *path, *pieces]),
            options=tuple(_option(each) for each in parameters if isinstance(each, click.Option)),
            below=tuple(node(each, context, (*path, name)) for each, name in below),
            choices=next((found for each in arguments if (found := _choices(each))), ()),
            takes_path=any(isinstance(each.type, click.Path) for each in arguments),
        )

    return node(main, None, ())


def _option(option: click.Option) -> CommandOption:
    names = (*option.opts, *option.secondary_opts)
    is_switch = option.is_flag or option.count
    value = "" if is_switch else option.make_metavar(click.Context(click.Command(None)))
    is_path = isinstance(option.type, click.Path)
    return CommandOption(names, value, _choices(option), is_path, option.help or "")


def _choices(parameter: click.Parameter) -> tuple[str, ...]:
    kind = parameter.type
    return tuple(str(each) for each in kind.choices) if isinstance(kind, click.Choice) else ()
